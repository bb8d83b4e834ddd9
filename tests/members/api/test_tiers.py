from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
import time_machine

from members import merging
from members.api.tiers import MemberTiers
from members.models import Member
from members.references import MemberReference
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient

EVENING = timedelta(hours=10)


@pytest.fixture(autouse=True)
def _in_the_evening(noon: datetime) -> Iterator[None]:
    with time_machine.travel(noon + EVENING, tick=False):
        yield


@pytest.fixture
def climbed(ada: Member, shop: Shop) -> Shop:
    """Ada reaches silver an hour after noon, and gold two hours after it."""
    shop.sells("receipt-1", "10.00")
    shop.later(hours=1).sells("receipt-2", "1000.00")
    shop.later(hours=2).sells("receipt-3", "4000.00")
    return shop


def tiers_of(till: PartnerClient, at: str = "", member: object = "card:1001") -> list[dict[str, Any]]:
    response = till.get(f"/v1/members/{member}/tiers", {"at": at} if at else {})
    assert response.status_code == 200, response.content
    body = response.json()
    msgspec.convert(body, MemberTiers)
    found: list[dict[str, Any]] = body["data"]
    return found


class TestMemberTiers:
    def test_tell_where_the_member_stands_and_how_far_the_next_tier_is(self, till, ada, shop: Shop):
        shop.sells("receipt-1", "1240.00")

        assert tiers_of(till) == [
            {
                "ladder": "status",
                "tier": "silver",
                "name": "Silver",
                "since": "2026-06-01T12:00:00Z",
                "until": None,
                "progress": 1240,
                "next_tier": "gold",
                "points_to_next": 3760,
            }
        ]

    @pytest.mark.parametrize(
        ("at", "tier", "until"),
        [
            ("2026-06-01T12:59:59Z", "basic", "2026-06-01T13:00:00Z"),
            ("2026-06-01T13:00:00Z", "silver", "2026-06-01T14:00:00Z"),
            ("2026-06-01T15:59:59+02:00", "silver", "2026-06-01T14:00:00Z"),
            ("2026-06-01T14:00:00Z", "gold", None),
        ],
    )
    def test_tell_where_the_member_stood_at_a_moment(self, till, climbed, at, tier, until):
        (found,) = tiers_of(till, at)

        assert (found["tier"], found["until"]) == (tier, until)
        assert (found["progress"] is None) is (until is not None)

    def test_a_day_means_its_end_in_the_programs_time_zone(self, till, ada, shop: Shop, noon):
        shop.sells("receipt-1", "10.00")
        before_midnight = shop.later(hours=9, minutes=59)
        before_midnight.sells("receipt-2", "1000.00")
        with time_machine.travel(noon + timedelta(days=2), tick=False):
            shop.later(hours=10).sells("receipt-3", "4000.00")

            found = [tiers_of(till, day)[0]["tier"] for day in ("2026-06-01", "2026-06-02", "2026-06-03")]

        assert found == ["silver", "gold", "gold"]

    def test_today_is_now(self, till, climbed):
        assert tiers_of(till, "2026-06-02")[0]["tier"] == "gold"

    def test_who_was_no_member_yet_stood_nowhere(self, till, climbed):
        assert tiers_of(till, "2026-05-31") == []

    def test_who_has_no_points_yet_is_at_the_foot(self, till, ada, ladder):
        (found,) = tiers_of(till)

        assert (found["tier"], found["progress"], found["points_to_next"]) == ("basic", 0, 1000)

    def test_of_one_who_was_merged_are_in_the_past(self, till, climbed, noon):
        bert = factories.MemberFactory.create(program=climbed.program, first_name="Bert")
        factories.IdentifierFactory.create(member=bert, value="2002")
        climbed.sells("receipt-4", "1000.00", member=MemberReference(kind="card", value="2002"))
        ada = Member.objects.get(first_name="Ada")
        merging.merge(survivor=ada, duplicate=bert, actor="staff", at=climbed.later(hours=3).at)

        assert tiers_of(till, member=bert.pk) == []
        assert tiers_of(till, "2026-06-01T14:00:00Z", member=bert.pk)[0]["tier"] == "silver"

    @pytest.mark.parametrize(
        "at", ["yesterday", "2026-13-01", "2026-06-01T12:00:00", "2026-06-03", "2026-06-02T12:00:00Z", ""]
    )
    def test_refuse_what_is_no_moment_of_the_past(self, till, climbed, at):
        response = till.get("/v1/members/card:1001/tiers", {"at": at})

        assert response.status_code == 400
        assert response.json()["code"] == "invalid_filter"
        assert "at" in response.json()["detail"]

    @pytest.mark.parametrize("at", ["", "2026-06-01T13:30:00Z"])
    def test_take_three_queries(self, till, climbed, at, django_assert_num_queries):
        with django_assert_num_queries(3):
            tiers_of(till, at)

    def test_of_nobody_are_not_found(self, till, outsider, ada, ladder):
        Member.objects.filter(pk=ada.pk).update(status="erased")

        for client, member in ((till, "card:9999"), (outsider, "card:1001"), (till, ada.pk)):
            assert client.get(f"/v1/members/{member}/tiers").status_code == 404
