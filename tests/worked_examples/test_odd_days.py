"""Days that are not like others: of 23 and 25 hours, the last of a year, 29 February."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest
import time_machine

from loyalty.core.models import Program
from members import expiry
from members.ledger import verify
from members.models import Member, Wallet, WalletType
from rewards.models import Campaign, CampaignCount
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient

SECOND = timedelta(seconds=1)
TillAt = Callable[[datetime], Shop]


@dataclass(frozen=True)
class Day:
    """A day in Berlin, from its first moment to the first of the next."""

    date: date
    begins_at: datetime
    ends_at: datetime


def _day(day: str, begins: str, ends: str) -> Day:
    return Day(date.fromisoformat(day), datetime.fromisoformat(begins), datetime.fromisoformat(ends))


@pytest.fixture(
    params=[
        _day("2026-10-25", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"),
        _day("2027-03-28", "2027-03-28T00:00:00+01:00", "2027-03-29T00:00:00+02:00"),
        _day("2026-12-31", "2026-12-31T00:00:00+01:00", "2027-01-01T00:00:00+01:00"),
        _day("2028-02-29", "2028-02-29T00:00:00+01:00", "2028-03-01T00:00:00+01:00"),
    ],
    ids=["clocks go back", "clocks go forward", "year ends", "leap day"],
)
def day(request: pytest.FixtureRequest) -> Day:
    found: Day = request.param
    return found


@pytest.fixture
def till_at(shop: Shop, ada: Member) -> TillAt:
    """The till at a moment."""
    return lambda at: Shop(program=shop.program, at=at)


def test_a_limit_per_day_is_for_all_of_the_day_and_nothing_else(
    till_at: TillAt, day: Day, program: Program, noon: datetime
):
    campaign = factories.CampaignFactory.create(program=program, key="daily")
    campaigns.publish(
        campaign,
        definition=factories.definition(
            {"kind": "fixed_points", "points": 1_000}, limits={"per_member": [{"times": 1, "per": "day"}]}
        ),
        by=None,
        at=noon,
        effective_at=noon,
    )
    program.refresh_from_db()

    moments = [day.begins_at - SECOND, day.begins_at, day.ends_at - SECOND, day.ends_at]
    given = [till_at(at).sells(f"r{number}", "5.00").points for number, at in enumerate(moments)]

    assert given == [1_005, 1_005, 5, 1_005]
    assert CampaignCount.objects.get(period=f"day:{day.date}").times == 1


def test_points_for_a_day_can_be_spent_until_the_next_day_is_over(
    day: Day, points: WalletType, base_rule: Campaign, ada: Member
):
    WalletType.objects.filter(pk=points.pk).update(expiry_rule="days", expires_after=1)
    program = Program.objects.get()
    earned = Shop(program=program, at=day.begins_at - timedelta(hours=1))
    factories.RewardFactory.create(program=program, wallet_type=points, key="tea", price=10)
    earned.sells("r1", "30.00")

    Shop(program=program, at=day.ends_at - SECOND).redeems("tea")
    early = list(expiry.run(program, at=day.ends_at - SECOND))
    in_time = list(expiry.run(program, at=day.ends_at))

    assert (early, [(chunk.members, chunk.points) for chunk in in_time]) == ([], [(1, 20)])
    assert Wallet.objects.get(member=ada).available == 0
    assert list(verify.run()) == []


def test_a_tier_as_of_a_day_is_that_of_its_last_moment(
    till_at: TillAt, day: Day, till: PartnerClient, noon: datetime
):
    till_at(day.begins_at - timedelta(days=2)).sells("r1", "10.00")
    till_at(day.ends_at - SECOND).sells("r2", "1000.00")
    till_at(day.ends_at).sells("r3", "4000.00")

    with time_machine.travel(day.ends_at + timedelta(days=2), tick=False):
        found = [
            till.get("/v1/members/card:1001/tiers", {"at": str(day.date + timedelta(days=shift))}).json()
            for shift in (-1, 0, 1)
        ]

    assert [body["data"][0]["tier"] for body in found] == ["basic", "silver", "gold"]


def test_a_statement_of_a_day_opens_and_closes_with_it(till_at: TillAt, day: Day, till: PartnerClient):
    moments = [day.begins_at - SECOND, day.begins_at, day.ends_at - SECOND, day.ends_at]
    for number, at in enumerate(moments):
        till_at(at).sells(f"r{number}", f"{10 ** (number + 1)}.00")

    with time_machine.travel(day.ends_at + timedelta(days=2), tick=False):
        told = till.get(
            "/v1/members/card:1001/entries",
            {"recorded_from": day.begins_at.isoformat(), "recorded_before": day.ends_at.isoformat()},
        ).json()

    assert [entry["points"] for entry in told["data"]] == [1_000, 100]
    assert (told["opening"]["available"], told["closing"]["available"]) == (10, 1_110)
