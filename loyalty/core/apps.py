from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CoreConfig(AppConfig):
    name = "loyalty.core"
    label = "core"
    verbose_name = _("Program")

    def ready(self) -> None:
        from loyalty.core.api import checks  # noqa: F401  # registers itself
