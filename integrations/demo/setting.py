"""The stage: programs with their points, tiers and rewards."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from loyalty.core.models import Program, ProgramKind
from members import reasons
from members.models import (
    AttributeKind,
    AttributeOwner,
    AttributeType,
    EventType,
    ExpiryRule,
    Segment,
    SegmentKind,
    Tier,
    TierLadder,
    TransferScope,
    WalletType,
)
from rewards.models import Reward

LIVE: Final = "corner-market"
SANDBOX: Final = "corner-market-sandbox"
# The data are an American grocer's.
CURRENCY: Final = "USD"
TIME_ZONE: Final = "America/New_York"

# Thresholds leave a good part of the households on each rung after their year.
TIERS: Final = (
    ("basic", "Basic", 0, "#64748b"),
    ("silver", "Silver", 500, "#94a3b8"),
    ("gold", "Gold", 2_000, "#eab308"),
    ("platinum", "Platinum", 5_000, "#8b5cf6"),
)
REWARDS: Final[tuple[dict[str, Any], ...]] = (
    {"key": "coffee", "name": "Coffee on the house", "price": 150},
    {"key": "tote-bag", "name": "Canvas tote bag", "price": 250, "stock": 400},
    {
        "key": "five-off",
        "name": "$5 off your next basket",
        "price": 500,
        "discount_kind": "amount",
        "discount_amount": Decimal(5),
    },
    {"key": "cooking-class", "name": "Evening cooking class for two", "price": 1_800, "stock": 60},
    {
        "key": "twenty-off",
        "name": "$20 off your next basket",
        "price": 1_900,
        "voucher_valid_days": 60,
        "discount_kind": "amount",
        "discount_amount": Decimal(20),
    },
    {"key": "knife-set", "name": "Chef's knife set", "price": 4_000, "stock": 25, "voucher_valid_days": 30},
)


def live_program() -> Program:
    return _program(LIVE, "Corner Market Rewards", ProgramKind.LIVE)


def sandbox_program() -> Program:
    return _program(SANDBOX, "Corner Market Sandbox", ProgramKind.SANDBOX)


def _program(key: str, name: str, kind: ProgramKind) -> Program:
    program, _ = Program.objects.get_or_create(
        key=key, defaults={"name": name, "kind": kind, "currency": CURRENCY, "time_zone": TIME_ZONE}
    )
    points, _ = WalletType.objects.get_or_create(
        program=program,
        key="points",
        defaults={
            "name": "Points",
            "expiry_rule": ExpiryRule.MONTHS,
            "expires_after": 6,
            "point_value": Decimal("0.01"),
            "checkout_points": 100,
            "checkout_amount": Decimal("1.00"),
            "warns_days_before": 30,
            "transfers_to": TransferScope.HOUSEHOLD,
        },
    )
    ladder, _ = TierLadder.objects.get_or_create(
        program=program, key="status", defaults={"name": "Status", "wallet_type": points}
    )
    for tier, title, threshold, color in TIERS:
        Tier.objects.get_or_create(
            ladder=ladder, key=tier, defaults={"name": title, "threshold": threshold, "color": color}
        )
    reasons.set_up_usual(program)
    for reward in REWARDS:
        Reward.objects.get_or_create(
            program=program, key=reward["key"], defaults={**reward, "wallet_type": points}
        )
    prepare_for_crm(program)
    return program


def prepare_for_crm(program: Program) -> None:
    """What a CRM fills and reports: a list that is empty as yet, and a type of event."""
    Segment.objects.get_or_create(
        program=program,
        key="crm-picks",
        defaults={
            "name": "Picked by the CRM",
            "description": "Filled by the CRM through the partner API.",
            "kind": SegmentKind.LIST,
        },
    )
    review, _ = EventType.objects.get_or_create(
        program=program, name="review.posted", defaults={"label": "Review written"}
    )
    AttributeType.objects.get_or_create(
        program=program,
        owner=AttributeOwner.EVENT,
        event_type=review,
        name="stars",
        defaults={"label": "Stars", "type": AttributeKind.NUMBER},
    )


def born_at(program: Program) -> datetime:
    """When the program was made, in its own time: the day on which the demo's year ends."""
    return program.created_at.astimezone(ZoneInfo(program.time_zone))
