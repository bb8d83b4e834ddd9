from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RewardsConfig(AppConfig):
    name = "rewards"
    verbose_name = _("Rewards")

    def ready(self) -> None:
        """Tell the apps below, which know no rewards, what campaigns, awards and returns are about."""
        from loyalty.core import approvals
        from members import expiry_undo, privacy, statement
        from rewards.journeys.returns import withholding
        from rewards.planning import reviews
        from rewards.telling import remembered, wording

        approvals.register(reviews.KIND)
        privacy.keepers.append(remembered.KEEPER)
        statement.tellers.append(wording.of_entries)
        expiry_undo.withholders.append(withholding.of_expired)
