"""
One member, one year, three programs that differ in what returns do.

A point for each euro, two more for each euro of coffee, 50 for a basket from 80 euros; points live for
six months. What is missing when points are to be taken back is written off in the first program and owed in
the others; the third counts anew what the rest of a basket would have earned.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from loyalty.core.models import Assignment, Role, User
from members import adjustments, expiry, holds
from members.ledger import verify
from members.models import AdjustmentLimit, Entry, Hold, Member, MemberTier, ReasonCode, Wallet, WalletType
from rewards.deciding.activities import ReturnedLine
from rewards.models import Activity
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop, line

YEAR = 2026
Day = Callable[[int, int], Shop]


@pytest.fixture
def club(shop: Shop, points: WalletType) -> Shop:
    points.expiry_rule, points.expires_after = "months", 6
    points.save()
    of_coffee = {
        "kind": "points_per_unit", "points": "2", "per": "1.00", "of": "matching_lines",
        "lines": {"all": [{"fact": "line.category", "operator": "in", "value": ["coffee"]}]},
    }  # fmt: skip
    big = {"all": [{"fact": "sale.amount", "operator": "gte", "value": "80.00"}]}
    rules = {
        "coffee": factories.definition(of_coffee),
        "big-basket": factories.definition({"kind": "fixed_points", "points": 50}, conditions=big),
    }
    for key, definition in rules.items():
        campaign = factories.CampaignFactory.create(program=shop.program, key=key)
        campaigns.publish(campaign, definition=definition, by=None, at=shop.at, effective_at=_moment(1, 1))
    factories.RewardFactory.create(program=shop.program, wallet_type=points, key="cup", price=100)
    ReasonCode.objects.create(program=shop.program, key="goodwill", label="Goodwill", direction="add")
    AdjustmentLimit.objects.create(
        program=shop.program, role=Role.SUPPORT, points_per_adjustment=100, points_per_day=500
    )
    return shop


@pytest.fixture
def sam(shop: Shop) -> User:
    """In support."""
    sam = factories.UserFactory.create(first_name="Sam")
    Assignment.objects.create(user=sam, program=shop.program, role=Role.SUPPORT)
    return sam


def _moment(month: int, day: int) -> datetime:
    return datetime(YEAR, month, day, 10, 30, tzinfo=UTC)


def under(club: Shop, points: WalletType, *, policy: str, method: str) -> Day:
    """The program under a policy and a method: `on(month, day)` is its till on that day."""
    points.return_policy = policy
    points.save()
    club.program.refresh_from_db()
    club.program.returns_method = method
    club.program.save()
    club.program.refresh_from_db()
    return lambda month, day: Shop(program=club.program, at=_moment(month, day))


def the_year(on: Day, ada: Member, sam: User) -> None:
    basket = (line("beans", "40.00", category="coffee", quantity="4"), line("machine", "80.00"))
    on(1, 13).sells("r1", "120.00", lines=basket)
    on(2, 2).redeems("cup")

    checkout = on(3, 3)
    held = checkout.holds(60)
    holds.settle(
        held.hold.id, sale_external_id="r2",
        program=checkout.program, source="till", actor="partner:till", at=checkout.at,
    )  # fmt: skip
    checkout.sells("r2", "30.00")

    support = on(3, 20)
    adjustments.adjust(
        program=support.program, member_id=ada.pk, wallet_type="points", points=25, reason="goodwill",
        by=sam, actor=f"staff:{sam.pk}", at=support.at,
    )  # fmt: skip
    on(3, 25).redeems("cup")

    # The machine comes back, when most of its points are spent.
    on(4, 10).takes_back("b1", "r1", None, ReturnedLine(id="machine"))
    on(5, 4).sells("r3", "70.00")
    # A return crosses its sale on the way: it waits, and is applied with it.
    on(5, 6).hears_of_return("b4", "r4")
    on(5, 6).sells("r4", "20.00", occurred_at=_moment(5, 5))
    # What was paid for with points comes back, and the points with it.
    on(5, 20).takes_back("b2", "r2")

    list(expiry.run(on(7, 20).program, at=_moment(7, 20)))
    on(8, 3).sells("r5", "50.00")
    # Two of the four packets of beans, and then all that is left.
    on(8, 4).takes_back("b3", "r1", None, ReturnedLine(id="beans", quantity="2"))
    on(8, 5).takes_back("b5", "r1")


Row = tuple[str, int, int, int]

UNTIL_APRIL: list[Row] = [
    ("earn", 250, 250, 0),  # 120 for the euros, 80 for the coffee, 50 for the big basket
    ("spend", -100, 150, 0),
    ("hold", 0, 90, 0),
    ("settle", -60, 90, 0),
    ("earn", 30, 120, 0),
    ("adjust", 25, 145, 0),
    ("spend", -100, 45, 0),
]
"""Kind of entry, points, balance and debt after it."""


def statement() -> list[Row]:
    entries = Entry.objects.order_by("number")
    return list(entries.values_list("kind", "points", "available_after", "debt_after"))


def told(external_id: str) -> dict[str, Any]:
    """What the return's answer says of the points that were taken."""
    (taken,) = Activity.objects.get(external_id=external_id).outcome["returned"]["taken"]
    return {name: taken[name] for name in ("points", "owed", "written_off", "debt")}


def test_within_the_balance_and_in_proportion(club: Shop, points: WalletType, ada: Member, sam: User):
    on = under(club, points, policy="within_balance", method="proportional")

    the_year(on, ada, sam)

    assert statement() == [
        *UNTIL_APRIL,
        ("reverse", -45, 0, 0),  # the machine: 80 of the 120, two thirds of the 50, rounded down
        ("earn", 70, 70, 0),
        ("earn", 20, 90, 0),
        ("reverse", -20, 70, 0),
        ("restore", 60, 130, 0),
        ("reverse", -30, 100, 0),
        ("expire", -30, 70, 0),  # of the 60 that came back with January's date; 30 of them paid in May
        ("earn", 50, 120, 0),
        ("reverse", -60, 60, 0),  # two packets: 20 for the euros, 40 for the coffee; the 50 are paid for
        ("reverse", -60, 0, 0),
    ]
    assert told("b1") == {"points": 45, "owed": 113, "written_off": 68, "debt": 0}
    assert told("b3") == {"points": 60, "owed": 68, "written_off": 0, "debt": 0}
    # 300 of 420 points were for what came back; goodwill does not count.
    assert MemberTier.objects.get(member=ada).progress == 120
    assert list(verify.run()) == []


def test_owed_and_in_proportion(club: Shop, points: WalletType, ada: Member, sam: User):
    on = under(club, points, policy="debt", method="proportional")

    the_year(on, ada, sam)

    assert statement() == [
        *UNTIL_APRIL,
        ("reverse", -45, 0, 68),
        ("earn", 2, 2, 0),  # 68 of the 70 pay for what is owed
        ("earn", 20, 22, 0),
        ("reverse", -20, 2, 0),
        ("restore", 60, 62, 0),
        ("reverse", -30, 32, 0),
        ("expire", -30, 2, 0),
        ("earn", 50, 52, 0),
        # 60 again. But 30 of the basket's 50 have expired and 33 were paid for: 13 too much, which count now.
        ("reverse", -47, 5, 0),
        ("reverse", -5, 0, 55),
    ]
    assert told("b1") == {"points": 45, "owed": 113, "written_off": 0, "debt": 68}
    assert told("b5") == {"points": 5, "owed": 69, "written_off": 0, "debt": 55}
    assert MemberTier.objects.get(member=ada).progress == 120
    _owes_what_was_spent_of_nothing()


def test_owed_and_counted_anew(club: Shop, points: WalletType, ada: Member, sam: User):
    on = under(club, points, policy="debt", method="recalculate")

    the_year(on, ada, sam)

    assert statement() == [
        *UNTIL_APRIL,
        ("reverse", -45, 0, 85),  # 80, and all of the 50: without the machine it is no big basket
        ("earn", 0, 0, 15),
        ("earn", 5, 5, 0),
        ("reverse", -5, 0, 15),
        ("restore", 45, 45, 0),  # 15 of the 60 pay for what is owed
        ("reverse", -30, 15, 0),
        ("expire", -15, 0, 0),
        ("earn", 50, 50, 0),
        ("reverse", -45, 5, 0),  # 60, less 15 of the basket's that expired after they had been paid for
        ("reverse", -5, 0, 55),
    ]
    assert told("b1") == {"points": 45, "owed": 130, "written_off": 0, "debt": 85}
    assert told("b3") == {"points": 45, "owed": 60, "written_off": 0, "debt": 0}
    assert MemberTier.objects.get(member=ada).progress == 120
    _owes_what_was_spent_of_nothing()


def _owes_what_was_spent_of_nothing() -> None:
    """Three of five purchases came back whole: 70, 50 and 25 are left, and two cups cost 200."""
    wallet = Wallet.objects.get()
    assert (wallet.available, wallet.debt) == (0, 200 - 70 - 50 - 25)
    assert Hold.objects.get().restored == 60
    assert list(verify.run()) == []
