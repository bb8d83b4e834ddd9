"""A member's year, told once from the first purchase to the statement that explains every point."""

from datetime import UTC, datetime

import pytest

from members import expiry
from members.ledger import verify
from members.models import Entry, Lot, Member, MemberTier, Wallet, WalletType
from rewards.models import Activity, Reward
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop, line


@pytest.fixture
def club(shop: Shop, points: WalletType) -> Shop:
    """A point for each euro, double on Saturdays, 25 for three coffees; points live for six months."""
    points.expiry_rule, points.expires_after = "months", 6
    points.save()
    saturday = factories.definition(
        {"kind": "multiplier", "factor": "2"},
        conditions={"all": [{"fact": "moment.weekday", "operator": "in", "value": ["saturday"]}]},
    )
    coffees = factories.definition(
        {"kind": "fixed_points", "points": 25},
        conditions={
            "all": [
                {"fact": "sale.categories", "operator": "has_any", "value": ["coffee"]},
                {"fact": "sale.quantity", "operator": "gte", "value": "3"},
            ]
        },
    )
    for key, definition in [("saturday", saturday), ("coffees", coffees)]:
        campaign = factories.CampaignFactory.create(program=shop.program, key=key)
        campaigns.publish(campaign, definition=definition, by=None, at=shop.at, effective_at=_day(1, 1))
    factories.RewardFactory.create(program=shop.program, wallet_type=points, key="mug", price=150)
    shop.program.refresh_from_db()
    return shop


def _day(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 10, 30, tzinfo=UTC)


def _on(club: Shop, month: int, day: int) -> Shop:
    return Shop(program=club.program, at=_day(month, day))


def test_adas_first_year(club: Shop, ada: Member):
    # A Tuesday: 80 points.
    _on(club, 1, 13).sells("r1", "80.90")
    # A Saturday, with three coffees: 40 points, 40 more for the Saturday, 25 for the coffees.
    saturday = _on(club, 2, 14).sells(
        "r2", "40.00", lines=(line("1", "9.00", category="coffee", quantity="3"),)
    )
    assert {award["campaign"]: award["points"] for award in saturday.awards} == {
        "base": 40,
        "coffees": 25,
        "saturday": 40,
    }
    assert saturday.wallets[0]["available"] == 185

    # A mug for 150: the 80 that expire first, and 70 of the Saturday's.
    assert _on(club, 3, 2).redeems("mug").balance == 35

    # A quarter of the Saturday's basket comes back: 10 + 10 + 6 points, of which all are still there.
    returned = _on(club, 3, 5).takes_back("b1", "r2", "10.00")
    assert returned.points == -26
    assert returned.wallets[0]["available"] == 9

    # A till was offline and reports in May what was bought on a Saturday in April: 20 and 20.
    late = _on(club, 5, 4).sells("r3", "20.00", occurred_at=_day(4, 18))
    assert late.points == 40

    # On 15 August the last of the Saturday's points are gone, April's are not.
    list(expiry.run(club.program, at=_day(8, 15)))
    assert Wallet.objects.get(member=ada).available == 40

    # The big one: 960 points, and with them silver.
    assert _on(club, 9, 1).sells("r4", "960.00").tier == "silver"

    statement = list(Entry.objects.order_by("number").values_list("kind", "points", "available_after"))
    assert statement == [
        ("earn", 80, 80),
        ("earn", 105, 185),
        ("spend", -150, 35),
        ("reverse", -26, 9),
        ("earn", 40, 49),
        ("expire", -9, 40),
        ("earn", 960, 1000),
    ]
    # 80 + 105 + 40 + 960 earned, 26 of them taken back.
    assert MemberTier.objects.get(member=ada).progress == 1159
    assert Activity.objects.get(external_id="r2").returned_amount == 10
    assert sum(Lot.objects.values_list("redeemed", flat=True)) == 150
    assert Reward.objects.get().redemptions.count() == 1
    assert list(verify.run()) == []
