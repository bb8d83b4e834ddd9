from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MembersConfig(AppConfig):
    name = "members"
    verbose_name = _("Members")

    def ready(self) -> None:
        from loyalty.core import approvals
        from members import adjustment_approval
        from members.finance import proposals

        approvals.register(adjustment_approval.KIND)
        proposals.ready()
