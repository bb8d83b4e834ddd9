"""Who reaches a tier earns by it from then on; what happened before earns by the tier of before."""

from datetime import datetime, timedelta
from importlib import import_module

import pytest
from django.db import ProgrammingError, connection, transaction

from loyalty.core.models import Event
from members import merging, unmerging
from members.ledger import store
from members.ledger.state import TierPeriod
from members.models import FormerTier, Lot, Member, MemberTier, Tier
from members.references import MemberReference
from rewards.journeys import earning
from rewards.models import Activity, Campaign
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop

MORNING = timedelta(hours=3)


@pytest.fixture
def silver_bonus(shop: Shop) -> Campaign:
    """100 points for each purchase of a silver member."""
    campaign = factories.CampaignFactory.create(program=shop.program, key="silver", name="Silver bonus")
    campaigns.publish(
        campaign,
        definition=factories.definition(
            {"kind": "fixed_points", "points": 100}, audience={"tiers": ["silver"]}
        ),
        by=None,
        at=shop.at,
        effective_at=shop.at - timedelta(days=900),
    )
    shop.program.refresh_from_db()
    return campaign


def former(member: Member) -> list[tuple[str, datetime, datetime]]:
    rows = FormerTier.objects.filter(member=member).order_by("pk")
    return list(rows.values_list("tier__key", "starts_at", "ends_at"))


class TestRecord:
    def test_a_late_sale_earns_by_the_tier_of_when_it_happened(
        self, shop: Shop, ada: Member, silver_bonus: Campaign
    ):
        shop.sells("receipt-1", "1000.00")

        late = shop.later(hours=4).sells("receipt-2", "10.00", occurred_at=shop.at - MORNING)
        later = shop.later(hours=4).sells("receipt-3", "10.00", occurred_at=shop.at + MORNING)

        assert (late.points, later.points) == (10, 110)
        assert Activity.objects.get(pk=late.id).facts["member"]["tier"] == "basic"
        assert late.tier == "silver"

    def test_the_points_of_a_late_sale_live_as_long_as_those_of_the_tier_of_then(
        self, shop: Shop, ada: Member
    ):
        Tier.objects.filter(key="basic").update(expiry_rule="months", expires_after=24)
        Tier.objects.filter(key="silver").update(expiry_rule="never")
        shop.program.refresh_from_db()
        shop.sells("receipt-1", "1000.00")

        late = shop.later(hours=4).sells("receipt-2", "10.00", occurred_at=shop.at - MORNING)

        assert Lot.objects.get(activity_id=late.id).expires_at is not None

    def test_a_tier_is_reached_when_its_points_were_earned_and_not_when_they_were_booked(
        self, shop: Shop, ada: Member, silver_bonus: Campaign
    ):
        evening = shop.later(hours=8)

        evening.sells("receipt-1", "1000.00", occurred_at=shop.at)
        afternoon = evening.sells("receipt-2", "10.00", occurred_at=shop.at + MORNING)

        assert afternoon.points == 110
        assert MemberTier.objects.get(member=ada).since == shop.at

    def test_a_tier_is_not_reached_in_the_future_of_a_clock_that_is_ahead(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "1000.00", occurred_at=shop.at + timedelta(minutes=3))

        assert MemberTier.objects.get(member=ada).since == shop.at

    def test_a_tier_is_not_reached_before_the_one_below_it(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "1000.00")

        shop.sells("receipt-2", "4000.00", occurred_at=shop.at - MORNING)

        standing = MemberTier.objects.get(member=ada)
        assert (standing.tier.key, standing.since) == ("gold", shop.at)
        assert former(ada) == []

    def test_a_sale_of_before_the_membership_earns_at_the_foot_of_the_ladder(
        self, shop: Shop, ada: Member, silver_bonus: Campaign
    ):
        shop.sells("receipt-1", "1000.00")

        late = shop.sells("receipt-2", "10.00", occurred_at=shop.at - timedelta(days=365))

        assert late.points == 10

    def test_remembers_each_tier_that_was_left(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "10.00")
        noon, one, two = shop.at, shop.later(hours=1), shop.later(hours=2)

        one.sells("receipt-2", "1000.00")
        two.sells("receipt-3", "4000.00")

        assert former(ada) == [("basic", noon, one.at), ("silver", one.at, two.at)]

    def test_writes_no_history_while_the_tier_stays(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "10.00")

        shop.later(hours=1).sells("receipt-2", "10.00")

        assert not FormerTier.objects.exists()

    def test_reads_the_history_in_one_more_statement_and_only_for_what_is_late(
        self, shop: Shop, ada: Member, django_assert_num_queries
    ):
        shop.sells("receipt-1", "1000.00")

        with django_assert_num_queries(4):  # the two of its own, and a savepoint's
            shop.later(hours=1).sells("receipt-2", "10.00")
        with django_assert_num_queries(5):
            shop.later(hours=1).sells("receipt-3", "10.00", occurred_at=shop.at - MORNING)


class TestRecordMany:
    def test_the_sales_of_a_day_in_one_call_earn_as_if_each_had_come_at_once(
        self, shop: Shop, ada: Member, silver_bonus: Campaign
    ):
        shop.sells("receipt-0", "10.00")
        evening = shop.later(hours=9)
        sales = [
            shop.sale("receipt-1", "1000.00", occurred_at=shop.at + timedelta(hours=2)),
            shop.sale("receipt-2", "10.00", occurred_at=shop.at + timedelta(hours=1)),
            shop.sale("receipt-3", "10.00", occurred_at=shop.at + timedelta(hours=3)),
        ]

        results = earning.record_many(
            sales, program=shop.program, source="till", actor="partner:till", at=evening.at
        )

        assert [getattr(result, "points", result) for result in results] == [1000, 10, 110]
        assert former(ada) == [("basic", shop.at, shop.at + timedelta(hours=2))]

    def test_needs_one_more_statement_for_all_that_is_late(
        self, shop: Shop, ada: Member, django_assert_num_queries
    ):
        shop.sells("receipt-1", "1000.00")
        sales = [shop.sale(f"late-{number}", "10.00", occurred_at=shop.at - MORNING) for number in range(20)]

        with django_assert_num_queries(5):
            earning.record_many(sales, program=shop.program, source="till", actor="partner:till", at=shop.at)


class TestHistory:
    def test_can_be_neither_changed_nor_deleted(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "10.00")
        shop.later(hours=1).sells("receipt-2", "1000.00")

        for attack in ("UPDATE members_formertier SET ends_at = now()", "DELETE FROM members_formertier"):
            with pytest.raises(ProgrammingError, match="Cannot update or delete"), transaction.atomic():
                connection.cursor().execute(attack)
        assert FormerTier.objects.count() == 1

    def test_keeps_the_tier_of_a_member_who_was_merged(self, shop: Shop, ada: Member):
        bert = factories.MemberFactory.create(program=shop.program, first_name="Bert")
        factories.IdentifierFactory.create(member=bert, kind="card", value="2002")
        shop.sells("receipt-1", "10.00")
        shop.sells("receipt-2", "1000.00", member=MemberReference(kind="card", value="2002"))
        later = shop.later(hours=1)

        merging.merge(survivor=ada, duplicate=bert, actor="staff", at=later.at)

        assert former(bert) == [("silver", shop.at, later.at)]
        assert former(ada) == [("basic", shop.at, later.at)]

    def test_a_merge_that_was_undone_never_was(self, shop: Shop, ada: Member, silver_bonus: Campaign):
        bert = factories.MemberFactory.create(program=shop.program, first_name="Bert")
        factories.IdentifierFactory.create(member=bert, kind="card", value="2002")
        shop.sells("receipt-1", "10.00")
        shop.sells("receipt-2", "1000.00", member=MemberReference(kind="card", value="2002"))
        merge = merging.merge(survivor=ada, duplicate=bert, actor="staff", at=shop.later(hours=1).at)
        unmerging.undo(merge, actor="staff", at=shop.later(hours=3).at)

        late = shop.later(hours=4).sells("receipt-3", "10.00", occurred_at=shop.later(hours=2).at)

        assert late.points == 10
        assert Event.objects.filter(type="tier.downgraded").count() == 1

    def test_is_read_for_many_at_once_in_the_order_in_which_tiers_were_left(
        self, shop: Shop, ada: Member, django_assert_num_queries
    ):
        shop.sells("receipt-1", "10.00")
        shop.later(hours=1).sells("receipt-2", "1000.00")
        shop.later(hours=2).sells("receipt-3", "4000.00")

        with django_assert_num_queries(1):
            found = store.former_tiers([ada.pk, shop.program.pk])

        silver = Tier.objects.get(key="silver")
        assert list(found) == [ada.pk]
        assert [isinstance(period, TierPeriod) for period in found[ada.pk]] == [True, True]
        assert found[ada.pk][-1].tier_id == silver.pk

    def test_of_the_time_before_it_was_kept_comes_from_the_event_log(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "10.00")
        shop.later(hours=1).sells("receipt-2", "1000.00")
        shop.later(hours=2).sells("receipt-3", "4000.00")
        written = former(ada)

        with connection.cursor() as cursor:
            cursor.execute(import_module("members.migrations.0015_former_tiers").FROM_EVENTS)

        assert sorted(former(ada)) == sorted([*written, *written])
