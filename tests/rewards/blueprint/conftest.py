"""A program with something of each kind, and the people who may apply a file to it."""

from datetime import UTC, datetime, timedelta

import pytest

from loyalty.core.models import Program, Role, User
from members import reasons
from members.models import AttributeType, EventType, Segment, TierLadder, WalletType
from rewards.models import Badge, Campaign, Challenge, PrizeDraw, Reward
from tests import factories
from tests.clients import employed


@pytest.fixture
def designed(
    program: Program, points: WalletType, ladder: TierLadder, base_rule: Campaign, noon: datetime
) -> Program:
    """The program with a campaign that runs and one that is a draft, rewards, tiers and reasons."""
    reasons.set_up_usual(program)
    factories.RewardFactory.create(program=program, key="coffee", wallet_type=points, stock=5)
    Reward.objects.create(
        program=program,
        key="cake",
        name="Cake",
        description="Baked daily.\nNot on Mondays.",
        wallet_type=points,
        price=900,
        starts_at=datetime(2026, 7, 1, 22, tzinfo=UTC),
    )
    factories.CampaignFactory.create(
        program=program,
        key="weekend",
        name="Double points at the weekend",
        draft=factories.definition(
            {"kind": "multiplier", "factor": "2"},
            conditions={
                "all": [{"fact": "moment.weekday", "operator": "in", "value": ["saturday", "sunday"]}]
            },
        ),
    )
    Badge.objects.create(program=program, key="regular", name="Regular")
    Challenge.objects.create(program=program, key="nine", name="Nine coffees", goal=9, is_repeatable=True)
    PrizeDraw.objects.create(
        program=program, key="summer", name="Summer", closes_at=noon + timedelta(days=60)
    )
    AttributeType.objects.create(
        program=program, name="drink", label="Favourite drink", choices=["tea", "coffee"]
    )
    AttributeType.objects.create(program=program, owner="sale", name="cups", label="Own cups", type="number")
    review = EventType.objects.create(program=program, name="review.posted", label="Review written")
    AttributeType.objects.create(
        program=program, owner="event", event_type=review, name="stars", label="Stars", type="number"
    )
    drinkers = {"all": [{"fact": "member.attribute.drink", "operator": "eq", "value": "coffee"}]}
    Segment.objects.create(program=program, key="drinkers", name="Coffee drinkers", conditions=drinkers)
    Segment.objects.create(program=program, key="press", name="Press", kind="list")
    return program


@pytest.fixture
def administrator(program: Program) -> User:
    return employed(program, Role.ADMINISTRATOR)
