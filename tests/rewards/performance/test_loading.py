"""What is counted of a campaign is what plain Python counts, from the same activities."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from members.models import Member, WalletType
from members.references import MemberReference
from rewards.models import Activity, Campaign
from rewards.performance import figures, loading
from rewards.performance.experiments import Split, split_of
from rewards.performance.figures import Figures
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop, line


def points_for_a_sale(points: int) -> dict[str, Any]:
    return {"kind": "fixed_points", "points": points, "wallet_type": "points"}


VARIANTS = [
    {"key": "more", "name": "More", "percent": 30, "effects": [points_for_a_sale(20)]},
    {"key": "less", "name": "Less", "percent": 70, "effects": [points_for_a_sale(5)]},
]


@pytest.fixture
def people(program: Program, points: WalletType, noon: datetime) -> list[Member]:
    """Thirty members who enrolled before anything happened; card 2000 and on."""
    people = []
    for number in range(30):
        member = factories.MemberFactory.create(program=program, enrolled_at=noon - timedelta(days=400))
        factories.IdentifierFactory.create(member=member, kind="card", value=f"{2000 + number}")
        people.append(member)
    return people


def card(number: int) -> MemberReference:
    return MemberReference(kind="card", value=f"{2000 + number}")


def begun(program: Program, *, at: datetime, audience: dict[str, Any], **more: Any) -> Campaign:
    """A campaign that begins at a moment, of ten points for each sale."""
    campaign = factories.CampaignFactory.create(program=program, key="trial", name="A trial")
    definition: dict[str, Any] = {"trigger": {"kind": "sale"}, "audience": audience, **more}
    if "variants" not in audience:
        definition["effects"] = [points_for_a_sale(10)]
    campaigns.publish(campaign, definition=definition, by=None, at=at, effective_at=at)
    program.refresh_from_db()
    return campaign


def found(campaign: Campaign, *, at: datetime) -> Figures:
    counted = loading.figures(campaign, at=at)
    assert counted is not None
    return counted


class TestGroupOf:
    @pytest.mark.parametrize(
        "audience",
        [
            {},
            {"control_percent": 10},
            {"control_percent": 90},
            {"variants": VARIANTS},
            {"control_percent": 25, "variants": VARIANTS},
        ],
    )
    def test_the_database_says_the_same_as_the_engines_assignment(self, db: None, audience: dict[str, Any]):
        split = split_of({"audience": audience})
        ids = [new_id() for _ in range(500)]
        parameters: dict[str, Any] = {
            **loading.group_names(split),
            "ids": ids,
            "campaign": "ein-schöner-schlüssel",
        }

        with connection.cursor() as cursor:
            group = loading.group_of(split, key="%(campaign)s", member="member.id")
            cursor.execute(f"SELECT id, {group} FROM unnest(%(ids)s::uuid[]) AS member(id)", parameters)
            told = dict(cursor.fetchall())

        assert told == {one: split.group_of("ein-schöner-schlüssel", str(one)) for one in ids}
        assert set(told.values()) == set(split.shares)

    def test_shares_are_kept_nearly(self):
        split = split_of({"audience": {"control_percent": 20, "variants": VARIANTS}})
        ids = [str(UUID(int=n)) for n in range(20_000)]

        groups = [split.group_of("trial", one) for one in ids]

        assert list(split.shares) == ["control", "variant:more", "variant:less"]
        assert list(split.shares.values()) == pytest.approx([0.2, 0.24, 0.56])
        for key, share in split.shares.items():
            assert groups.count(key) / len(groups) == pytest.approx(share, abs=0.012)

    def test_everybody_takes_part_where_nobody_is_held_out(self):
        assert Split().shares == {"treated": 1.0}
        assert Split().group_of("trial", "anybody") == "treated"


class TestFigures:
    def test_there_are_none_before_the_campaign_begins(self, shop: Shop, people: list[Member]):
        campaign = factories.CampaignFactory.create(program=shop.program)

        assert loading.figures(campaign, at=shop.at) is None

    def test_sums_of_the_groups_are_those_of_their_members(self, shop: Shop, people: list[Member]):
        chance = Random(5)

        def amount() -> str:
            return f"{chance.randrange(100, 9000) / 100:.2f}"

        for number in range(60):
            then = shop.later(days=-chance.randrange(1, 10), minutes=-chance.randrange(600))
            then.sells(
                f"before-{number}",
                f"{chance.randrange(100, 9000) / 100:.2f}",
                member=card(chance.randrange(25)),
            )
        campaign = begun(shop.program, at=shop.at, audience={"control_percent": 40})
        shop = replace(shop, program=campaign.program)
        for number in range(60):
            then = shop.later(days=chance.randrange(10), minutes=chance.randrange(600))
            then.sells(
                f"sale-{number}",
                f"{chance.randrange(100, 9000) / 100:.2f}",
                member=card(chance.randrange(25)),
            )
            if number % 7 == 0:
                shop.later(days=12).takes_back(f"back-{number}", sale=f"sale-{number}", amount="1.00")
        at = shop.at + timedelta(days=14)

        compared = found(campaign, at=at).compared

        split = split_of({"audience": {"control_percent": 40}})
        for group in compared.groups:
            members = [m for m in people if split.group_of("trial", str(m.pk)) == group.key]
            sales, before = zip(*(bought(m, shop.at, at) for m in members), strict=True)
            assert group.members == len(members) > 5
            assert group.buyers == sum(amount > 0 for amount in sales)
            assert group.sales == sum(sales)
            assert group.sales_squares == sum(a * a for a in sales)
            assert group.before == sum(before)
            assert group.before_squares == sum(b * b for b in before)
            assert group.products == sum(a * b for a, b in zip(sales, before, strict=True))
        assert {group.key for group in compared.groups} == {"control", "treated"}

    def test_the_control_group_gets_nothing_and_those_who_take_part_what_is_counted(
        self, shop: Shop, people: list[Member]
    ):
        campaign = begun(shop.program, at=shop.at, audience={"control_percent": 40})
        shop = replace(shop, program=campaign.program)
        for number in range(30):
            shop.later(minutes=number).sells(f"s{number}", "20.00", member=card(number))
        treated = [m for m in people if split_of(campaign.draft).group_of("trial", str(m.pk)) == "treated"]

        counted = found(campaign, at=shop.at + timedelta(days=1))

        assert counted.audience == 30
        assert counted.reached == counted.reached_in_audience == counted.activities == len(treated)
        assert counted.points == 10 * len(treated)
        assert counted.cost == Decimal("0.10") * len(treated)
        assert counted.sales == 20 * len(treated)
        assert counted.compared.points_of(["control"]) == 0
        assert counted.compared.points_of(["treated"]) == counted.points
        assert counted.compared.cost_of(["treated"]) == counted.cost

    def test_a_member_who_joins_later_is_reached_but_not_compared(self, shop: Shop, people: list[Member]):
        campaign = begun(shop.program, at=shop.at, audience={})
        shop = replace(shop, program=campaign.program)
        late = factories.MemberFactory.create(program=shop.program, enrolled_at=shop.at + timedelta(hours=1))
        factories.IdentifierFactory.create(member=late, kind="card", value="9999")
        shop.later(hours=2).sells("s1", "20.00", member=MemberReference(kind="card", value="9999"))

        counted = found(campaign, at=shop.at + timedelta(days=1))

        assert (counted.audience, counted.reached, counted.reached_in_audience) == (30, 1, 0)
        assert counted.compared.described(got_something=True).members == 0

    def test_counts_a_late_sale_in_the_time_when_it_happened(self, shop: Shop, people: list[Member]):
        campaign = begun(shop.program, at=shop.at, audience={})
        shop = replace(shop, program=campaign.program)
        shop.later(days=5).sells("late", "33.00", member=card(1), occurred_at=shop.at - timedelta(hours=3))

        compared = found(campaign, at=shop.at + timedelta(days=6)).compared

        (group,) = compared.groups
        assert (group.sales, group.before) == (Decimal(0), Decimal("33.00"))
        assert compared.sales_begin_at == shop.at - timedelta(hours=3)
        assert compared.before_is_cut

    def test_says_what_became_of_the_points(self, shop: Shop, people: list[Member], points: WalletType):
        campaign = begun(shop.program, at=shop.at, audience={})
        shop = replace(shop, program=campaign.program)
        factories.RewardFactory.create(
            program=shop.program, wallet_type=points, key="gum", name="Gum", price=8
        )
        shop.sells("s1", "0.00", member=card(1))
        shop.sells("s2", "1.00", member=card(2), lines=[line("1", "1.00")])
        shop.later(hours=1).redeems("gum", member=card(1))
        shop.later(hours=2).takes_back("r2", sale="s2", amount="1.00")

        counted = found(campaign, at=shop.at + timedelta(days=1))

        (fate,) = counted.fates
        assert (fate.granted, fate.used, fate.reversed, fate.expired, fate.passed_on) == (20, 8, 10, 0, 0)
        assert fate.left == 2
        assert [(r.reward, r.times, r.points) for r in counted.redeemed] == [("Gum", 1, 8)]

    def test_names_the_stores_and_products(self, shop: Shop, people: list[Member]):
        campaign = begun(shop.program, at=shop.at, audience={})
        shop = replace(shop, program=campaign.program)
        lines = [line("1", "4.00", name="Beans", quantity="2"), line("2", "1.50", name="Milk")]
        shop.sells("s1", "5.50", member=card(1), store="north", lines=lines)
        shop.later(hours=1).sells("s2", "4.00", member=card(2), store="south", lines=lines[:1])
        shop.later(hours=2).sells("s3", "1.00", member=card(2), store="south")

        counted = found(campaign, at=shop.at + timedelta(days=1))

        assert [(s.store, s.activities, s.members, s.points, s.sales) for s in counted.stores] == [
            ("south", 2, 1, 20, Decimal("5.00")),
            ("north", 1, 1, 10, Decimal("5.50")),
        ]
        assert [(p.sku, p.name, p.quantity, p.sales) for p in counted.products] == [
            ("sku-1", "Beans", Decimal(4), Decimal("8.00")),
            ("sku-2", "Milk", Decimal(1), Decimal("1.50")),
        ]

    def test_sees_nothing_of_another_program(self, shop: Shop, people: list[Member]):
        campaign = begun(shop.program, at=shop.at, audience={})
        elsewhere = factories.ProgramFactory.create(key="elsewhere")
        points = factories.WalletTypeFactory.create(program=elsewhere)
        factories.IdentifierFactory.create(
            member=factories.MemberFactory.create(program=elsewhere), kind="card", value="2001"
        )
        assert points.key == "points"
        begun(elsewhere, at=shop.at, audience={})
        Shop(program=elsewhere, at=shop.at + timedelta(hours=1)).sells("s1", "20.00", member=card(1))

        counted = found(campaign, at=shop.at + timedelta(days=1))

        assert (counted.activities, counted.points, counted.audience) == (0, 0, 30)
        assert sum(group.sales for group in counted.compared.groups) == 0

    def test_takes_the_same_number_of_queries_for_few_and_for_many(
        self, shop: Shop, people: list[Member], django_assert_num_queries: DjangoAssertNumQueries
    ):
        campaign = begun(shop.program, at=shop.at, audience={"control_percent": 10})
        shop = replace(shop, program=campaign.program)
        for number in range(30):
            shop.later(minutes=number).sells(f"s{number}", "20.00", member=card(number))

        with django_assert_num_queries(21):
            found(campaign, at=shop.at + timedelta(days=1))

    def test_are_kept_and_read_again_unchanged(self, shop: Shop, people: list[Member]):
        campaign = begun(shop.program, at=shop.at, audience={"control_percent": 10})
        replace(shop, program=campaign.program).later(hours=1).sells("s1", "20.00", member=card(1))
        counted = found(campaign, at=shop.at + timedelta(days=1))

        assert figures.read(figures.stored(counted)) == counted
        assert figures.read({}) is None
        assert figures.read({"of": "an older kind"}) is None


def bought(member: Member, start: datetime, until: datetime) -> tuple[Decimal, Decimal]:
    """In the campaign's time and in the equally long time before."""
    sums = [Decimal(0), Decimal(0)]
    for sale in Activity.objects.filter(member=member, kind="sale"):
        if start <= sale.occurred_at < until:
            sums[0] += sale.amount - sale.returned_amount
        elif start - (until - start) <= sale.occurred_at < start:
            sums[1] += sale.amount - sale.returned_amount
    return sums[0], sums[1]
