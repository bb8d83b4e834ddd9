from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MembersConfig(AppConfig):
    name = "members"
    verbose_name = _("Members")

    def ready(self) -> None:
        from loyalty.core import approvals
        from members.adjustments import approving
        from members.finance import proposals

        approvals.register(approving.KIND)
        proposals.ready()
