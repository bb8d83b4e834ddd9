from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RewardsConfig(AppConfig):
    name = "rewards"
    verbose_name = _("Rewards")

    def ready(self) -> None:
        """Tell members, which knows no rewards, what points were for, and what of them was returned."""
        from members import expiry_undo, statement
        from rewards import wording
        from rewards.returns import withholding

        statement.tellers.append(wording.of_entries)
        expiry_undo.withholders.append(withholding.of_expired)
