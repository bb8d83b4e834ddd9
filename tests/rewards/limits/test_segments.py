"""Segments of a member as a sale sees them, and where rules ask for all kinds of things at once."""

import pytest

from members import segments
from members.models import Member, Segment, SegmentKind, Wallet, WalletType
from rewards.models import Activity
from rewards.telling import explaining
from tests import factories
from tests.cast import Shop
from tests.rewards.limits.conftest import Publish

pytestmark = pytest.mark.django_db


@pytest.fixture
def lovers(shop: Shop, ada: Member) -> Segment:
    """Ada is in it."""
    lovers = Segment.objects.create(program=shop.program, key="lovers", kind=SegmentKind.LIST)
    segments.add(lovers, member_ids=[ada.pk], at=shop.at)
    return lovers


class TestSegments:
    def test_are_those_of_the_member(self, publish: Publish, shop: Shop, lovers: Segment, grace):
        publish("club", audience={"segments": ["lovers"]})

        assert shop.sells("r1", "5.00").points == 10
        assert shop.sells("r2", "5.00", member=grace).points == 0

    def test_keep_members_out_that_are_in_one(self, publish: Publish, shop: Shop, lovers: Segment, grace):
        publish("others", audience={"not_segments": ["lovers"]})

        assert shop.sells("r1", "5.00").points == 0
        assert shop.sells("r2", "5.00", member=grace).points == 10

    def test_of_another_program_with_the_same_key_do_not_count(
        self, publish: Publish, shop: Shop, ada: Member
    ):
        elsewhere = factories.ProgramFactory.create(key="elsewhere")
        lovers = Segment.objects.create(program=elsewhere, key="lovers", kind=SegmentKind.LIST)
        lovers.places.create(program=elsewhere, member=ada, since=shop.at)
        publish("club", audience={"segments": ["lovers"]})

        assert shop.sells("r1", "5.00").points == 0

    def test_are_stored_as_they_were(self, publish: Publish, shop: Shop, ada: Member, lovers: Segment):
        publish("club", audience={"segments": ["lovers", "friends"]})
        shop.sells("r1", "5.00")
        segments.remove(lovers, member_ids=[ada.pk], at=shop.at)

        sale = Activity.objects.get()
        (award,) = explaining.recomputed(sale, program=shop.program)

        assert sale.facts["member"]["segments"] == ["lovers"]
        assert award.points == 10


def test_everything_that_rules_can_ask_is_read_in_one_statement(
    publish: Publish, shop: Shop, ada: Member, points: WalletType, lovers: Segment, django_assert_num_queries
):
    Wallet.objects.create(program=shop.program, member=ada, type=points)
    publish(
        "all",
        audience={"segments": ["lovers"]},
        conditions={
            "all": [
                {"fact": "history.purchases", "operator": "gte", "value": 1, "days": 7},
                {"fact": "history.days_since_purchase", "operator": "eq", "value": 0},
            ]
        },
        limits={
            "per_member": [{"times": 5, "per": "quarter"}],
            "in_all": [{"times": 480}, {"points": 9_600}, {"money": "96.00"}],
        },
    )
    shop.sells("r1", "5.00")

    with django_assert_num_queries(4):
        sold = shop.sells("r2", "5.00")

    assert sold.points == 10
    assert Activity.objects.get(external_id="r2").facts["usage"] == {
        "counters": {"all/quarter:2026-Q2": [0, 0]},
        "left": {"all/times": 30, "all/points": 600, "all/money": "6.00000000"},
        "point_values": {"points": "0.010000"},
        "uses": {"all": [1, 10, "0.100000"]},
    }
