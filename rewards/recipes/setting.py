"""What a program lends to the questions: its currency, its points, and what it has to choose from."""

from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from loyalty.core import clock
from loyalty.core.models import Program
from members.models import Tier, WalletType
from rewards.models import Challenge
from rewards.recipes.recipe import Setting

CHOICES_AT_MOST: Final = 100


def of(program: Program) -> Setting:
    """The spendable kinds of points come first: most campaigns give those."""
    types = list(WalletType.objects.filter(program=program).order_by("-is_spendable", "name", "pk"))
    tiers = Tier.objects.filter(ladder__program=program).order_by("ladder__name", "threshold")
    challenges = Challenge.objects.filter(program=program).order_by("name", "pk")
    return Setting(
        currency=program.currency,
        zone=ZoneInfo(program.time_zone),
        today=clock.today(program),
        wallet_types=tuple((one.key, one.name) for one in types),
        point_value=types[0].point_value if types else Decimal(0),
        offers={
            "tiers": tuple(tiers.values_list("key", "name")[:CHOICES_AT_MOST]),
            "challenges": tuple(challenges.values_list("key", "name")[:CHOICES_AT_MOST]),
        },
    )
