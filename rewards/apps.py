from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RewardsConfig(AppConfig):
    name = "rewards"
    verbose_name = _("Rewards")

    def ready(self) -> None:
        """The statement of points, which knows no rewards, tells what they were for in our words."""
        from members import statement
        from rewards import wording

        statement.tellers.append(wording.of_entries)
