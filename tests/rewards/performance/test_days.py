"""Campaign days are what the activities of each day say, whatever was counted before, and when."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pytest_django import DjangoAssertNumQueries

from loyalty.core.models import Program
from members.models import Member, WalletType
from members.references import MemberReference
from rewards.models import Activity, Campaign, CampaignDay, CampaignDayMark
from rewards.performance import days
from rewards.performance.experiments import split_of
from rewards.planning import campaigns
from tests import factories
from tests.cast import CARD, Shop

BEA = MemberReference(kind="card", value="1002")


@pytest.fixture
def bea(program: Program, ada: Member) -> Member:
    bea = factories.MemberFactory.create(program=program, first_name="Bea")
    factories.IdentifierFactory.create(member=bea, kind="card", value="1002")
    return bea


@pytest.fixture
def bonus(program: Program, base_rule: Campaign, noon: datetime) -> Campaign:
    """Ten points for each sale of ten euros and more."""
    campaign = factories.CampaignFactory.create(program=program, key="bonus", name="Ten for ten")
    definition = factories.definition(
        {"kind": "fixed_points", "points": 10},
        conditions={"all": [{"fact": "sale.amount", "operator": "gte", "value": "10.00"}]},
    )
    campaigns.publish(
        campaign, definition=definition, by=None, at=noon, effective_at=noon - timedelta(days=900)
    )
    program.refresh_from_db()
    return campaign


def counted(campaign: Campaign) -> dict[date, tuple[Any, ...]]:
    rows = CampaignDay.objects.filter(campaign=campaign)
    return {r.day: (r.activities, r.members, r.points, r.sales) for r in rows}


def from_the_rows(program: Program) -> dict[tuple[str, str, str, date], tuple[Any, ...]]:
    """The same in plain Python, from each activity."""
    zone = ZoneInfo(program.time_zone)
    found: dict[Any, dict[str, Any]] = defaultdict(
        lambda: {"activities": set(), "members": set(), "points": defaultdict(int), "sales": {}}
    )
    for activity in Activity.objects.filter(program=program).exclude(kind="return"):
        for award in activity.awards:
            day = activity.occurred_at.astimezone(zone).date()
            one = found[award["campaign"], award["version_id"], award.get("variant", ""), day]
            one["activities"].add(activity.pk)
            one["members"].add(activity.member_id)
            one["points"][award["wallet_type"]] += award["points"]
            one["sales"][activity.pk] = activity.amount - activity.returned_amount
    return {
        key: (
            len(o["activities"]),
            len(o["members"]),
            dict(o["points"]),
            sum(o["sales"].values(), Decimal(0)),
        )
        for key, o in found.items()
    }


def kept(program: Program) -> dict[tuple[str, str, str, date], tuple[Any, ...]]:
    rows = CampaignDay.objects.filter(program=program).select_related("campaign")
    return {
        (r.campaign.key, str(r.version_id), r.variant, r.day): (r.activities, r.members, r.points, r.sales)
        for r in rows
    }


class TestCount:
    def test_adds_up_a_day_of_sales(self, shop: Shop, ada: Member, bea: Member, bonus: Campaign):
        shop.sells("1", "12.50")
        shop.later(hours=1).sells("2", "4.00")
        shop.later(hours=2).sells("3", "30.00", member=BEA)

        days.count(shop.program)

        day = shop.at.date()
        assert counted(bonus) == {day: (2, 2, {"points": 20}, Decimal("42.50"))}
        base = Campaign.objects.get(key="base")
        assert counted(base) == {day: (3, 2, {"points": 46}, Decimal("46.50"))}

    def test_cuts_days_by_the_programs_time_zone(self, shop: Shop, ada: Member):
        late = datetime(2026, 6, 1, 21, 59, tzinfo=UTC)
        Shop(program=shop.program, at=late).sells("1", "5.00")
        Shop(program=shop.program, at=late + timedelta(minutes=2)).sells("2", "6.00")

        days.count(shop.program)

        assert {day: row[3] for day, row in counted(Campaign.objects.get(key="base")).items()} == {
            date(2026, 6, 1): Decimal("5.00"),
            date(2026, 6, 2): Decimal("6.00"),
        }

    def test_counts_a_late_sale_on_the_day_it_happened(self, shop: Shop, ada: Member):
        shop.sells("1", "5.00")
        days.count(shop.program)

        shop.later(days=9).sells("2", "7.00", occurred_at=shop.at)
        days.count(shop.program)

        assert counted(Campaign.objects.get(key="base")) == {
            shop.at.date(): (2, 1, {"points": 12}, Decimal("12.00"))
        }

    def test_a_return_lowers_the_sales_of_the_day_of_the_sale(self, shop: Shop, ada: Member):
        shop.sells("1", "50.00")
        days.count(shop.program)

        shop.later(days=20).takes_back("r1", sale="1", amount="20.00")
        days.count(shop.program)

        assert counted(Campaign.objects.get(key="base")) == {
            shop.at.date(): (1, 1, {"points": 50}, Decimal("30.00"))
        }

    def test_keeps_variants_apart(self, shop: Shop, ada: Member, bea: Member):
        effects = {"large": [{"kind": "fixed_points", "points": 30, "wallet_type": "points"}]}
        effects["small"] = [{"kind": "fixed_points", "points": 3, "wallet_type": "points"}]
        variants = [{"key": k, "name": k, "percent": 50, "effects": e} for k, e in effects.items()]
        campaign = factories.CampaignFactory.create(program=shop.program, key="trial")
        definition = {"trigger": {"kind": "sale"}, "audience": {"variants": variants}}
        campaigns.publish(campaign, definition=definition, by=None, at=shop.at, effective_at=shop.at)
        shop.program.refresh_from_db()
        split = split_of(definition)

        shop.sells("1", "5.00", member=CARD)
        shop.sells("2", "5.00", member=BEA)
        days.count(shop.program)

        expected = {"variant:large": {"points": 30}, "variant:small": {"points": 3}}
        groups = [split.group_of("trial", str(member.pk)) for member in (ada, bea)]
        found = CampaignDay.objects.filter(campaign=campaign)
        assert {f"variant:{row.variant}" for row in found} == set(groups)
        for row in found:
            given = expected[f"variant:{row.variant}"]["points"]
            assert row.points == {"points": given * groups.count(f"variant:{row.variant}")}
        assert kept(shop.program) == from_the_rows(shop.program)

    def test_leaves_other_programs_alone(self, shop: Shop, ada: Member):
        shop.sells("1", "5.00")
        elsewhere = factories.ProgramFactory.create(key="elsewhere")

        days.count(elsewhere)

        assert not CampaignDay.objects.exists()

    def test_cuts_all_days_anew_in_another_time_zone(self, shop: Shop, ada: Member):
        Shop(program=shop.program, at=datetime(2026, 6, 1, 22, 30, tzinfo=UTC)).sells("1", "5.00")
        days.count(shop.program)
        shop.program.time_zone = "America/New_York"
        shop.program.save()

        days.count(shop.program)

        assert list(counted(Campaign.objects.get(key="base"))) == [date(2026, 6, 1)]

    def test_is_the_rows_after_any_number_of_counts(
        self, shop: Shop, ada: Member, bea: Member, bonus: Campaign, points: WalletType
    ):
        chance = Random(2026)
        for number in range(60):
            then = shop.later(days=chance.randrange(40), minutes=chance.randrange(1440))
            amount = f"{chance.randrange(1, 4000) / 100:.2f}"
            then.sells(f"s{number}", amount, member=chance.choice([CARD, BEA]))
            if chance.random() < 0.2:
                then.later(days=3).takes_back(f"r{number}", sale=f"s{number}", amount="0.01")
            if chance.random() < 0.15:
                days.count(shop.program)

        days.count(shop.program)
        once = kept(shop.program)
        days.count(shop.program)

        assert once == from_the_rows(shop.program)
        assert kept(shop.program) == once
        assert len(once) > 30

    def test_takes_a_handful_of_queries(
        self, shop: Shop, ada: Member, django_assert_num_queries: DjangoAssertNumQueries
    ):
        for number in range(20):
            shop.later(hours=number * 5).sells(f"s{number}", "5.00")
        days.count(shop.program)

        # Transaction, mark (two), oldest, changed, delete, insert, keep the mark.
        with django_assert_num_queries(9):
            days.count(shop.program)


class TestMark:
    def test_is_not_set_past_a_transaction_that_is_running(self, shop: Shop, ada: Member):
        """The test's own transaction runs since before the sale: its id may not be the last to come."""
        sold = shop.sells("1", "5.00")

        days.count(shop.program)

        assert CampaignDayMark.objects.get().counted_through < sold.id


class TestSpans:
    def test_puts_days_in_a_row_together(self):
        first = date(2026, 3, 1)
        given = [first, first + timedelta(days=1), first + timedelta(days=4)]

        assert list(days.spans(given)) == [
            (first, first + timedelta(days=1)),
            (first + timedelta(days=4), first + timedelta(days=4)),
        ]

    def test_has_a_month_at_most_in_one(self):
        first = date(2026, 1, 1)

        found = list(days.spans(first + timedelta(days=n) for n in range(40)))

        assert [(end - start).days + 1 for start, end in found] == [31, 9]

    def test_nothing_is_no_span(self):
        assert list(days.spans([])) == []
