"""Objects that tests start from. Points and tiers are never made here: only operations make those."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import factory

from integrations.models import Partner
from loyalty.core.models import Program, User
from members.models import Identifier, Member, Tier, TierLadder, WalletType
from rewards.models import Campaign, Reward

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


class ProgramFactory(factory.django.DjangoModelFactory[Program]):
    class Meta:
        model = Program

    key = factory.Sequence(lambda n: f"program-{n}")
    name = "Corner Coffee Club"
    currency = "EUR"
    time_zone = "Europe/Berlin"


class WalletTypeFactory(factory.django.DjangoModelFactory[WalletType]):
    class Meta:
        model = WalletType

    program = factory.SubFactory(ProgramFactory)
    key = "points"
    name = "Points"
    point_value = Decimal("0.01")


class TierLadderFactory(factory.django.DjangoModelFactory[TierLadder]):
    class Meta:
        model = TierLadder

    program = factory.SubFactory(ProgramFactory)
    key = "status"
    name = "Status"
    wallet_type = factory.SubFactory(WalletTypeFactory, program=factory.SelfAttribute("..program"))


class TierFactory(factory.django.DjangoModelFactory[Tier]):
    class Meta:
        model = Tier

    ladder = factory.SubFactory(TierLadderFactory)
    key = factory.Sequence(lambda n: f"tier-{n}")
    name = factory.LazyAttribute(lambda tier: tier.key.title())
    threshold = factory.Sequence(lambda n: n * 1000)


class MemberFactory(factory.django.DjangoModelFactory[Member]):
    class Meta:
        model = Member

    program = factory.SubFactory(ProgramFactory)
    first_name = "Ada"
    last_name = "Lovelace"
    enrolled_at = NOON


class IdentifierFactory(factory.django.DjangoModelFactory[Identifier]):
    class Meta:
        model = Identifier

    member = factory.SubFactory(MemberFactory)
    program = factory.SelfAttribute("member.program")
    kind = "card"
    value = factory.Sequence(lambda n: f"{1000 + n}")


class PartnerFactory(factory.django.DjangoModelFactory[Partner]):
    class Meta:
        model = Partner

    program = factory.SubFactory(ProgramFactory)
    key = "till"
    name = "Tills"


class CampaignFactory(factory.django.DjangoModelFactory[Campaign]):
    class Meta:
        model = Campaign

    program = factory.SubFactory(ProgramFactory)
    key = factory.Sequence(lambda n: f"campaign-{n}")
    name = "A point for each euro"


class RewardFactory(factory.django.DjangoModelFactory[Reward]):
    class Meta:
        model = Reward

    program = factory.SubFactory(ProgramFactory)
    key = factory.Sequence(lambda n: f"reward-{n}")
    name = "Free coffee"
    wallet_type = factory.SubFactory(WalletTypeFactory, program=factory.SelfAttribute("..program"))
    price = 500


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User

    email = factory.Sequence(lambda n: f"person-{n}@example.org")
    is_staff = True


def definition(
    *effects: dict[str, Any], conditions: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """A campaign's definition: its effects are in points unless they say otherwise, for every sale."""
    return {
        "trigger": {"kind": "sale"},
        "conditions": conditions or {"all": []},
        "effects": [{"wallet_type": "points", **effect} for effect in effects],
        **more,
    }
