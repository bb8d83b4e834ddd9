from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import time_machine
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Model

from loyalty.core.db import fetch
from members import references
from members.models import Lot, Member, Wallet, WalletType
from rewards.api import status
from rewards.api.status import MemberStatusBody
from tests.cast import Shop
from tests.clients import PartnerClient
from tests.factories import IdentifierFactory, MemberFactory, RewardFactory, WalletTypeFactory


@pytest.fixture(autouse=True)
def _at_noon(noon: datetime) -> Iterator[None]:
    with time_machine.travel(noon, tick=False):
        yield


def status_of(till: PartnerClient, reference: object = "card:1001") -> dict[str, Any]:
    response = till.get(f"/v1/members/{reference}/status")
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    msgspec.convert(body, MemberStatusBody)
    return body


@pytest.fixture
def expiring(points: WalletType) -> WalletType:
    """Points that are gone 30 days after they were earned."""
    points.expiry_rule, points.expires_after = "days", 30
    points.save()
    return points


def index_of_a_key(cursor: CursorWrapper, model: type[Model], field: str) -> str:
    """The name of the index that Django makes for a foreign key."""
    column = getattr(model._meta.get_field(field), "attname", field)
    found = connection.introspection.get_constraints(cursor, model._meta.db_table)
    (name,) = [
        name
        for name, one in found.items()
        if one["index"] and not one["unique"] and one["columns"] == [column]
    ]
    return str(name)


class TestMemberStatus:
    def test_tells_a_new_member_that_all_is_at_its_beginning(self, till, ada, ladder):
        assert status_of(till) == {
            "id": str(ada.pk),
            "status": "active",
            "merged_into": None,
            "first_name": "Ada",
            "wallets": [
                {
                    "type": "points",
                    "name": "Points",
                    "available": 0,
                    "pending": 0,
                    "held": 0,
                    "next_expiry": None,
                }
            ],
            "tiers": [
                {
                    "ladder": "status",
                    "tier": "basic",
                    "name": "Basic",
                    "progress": 0,
                    "next_tier": "silver",
                    "points_to_next": 1000,
                }
            ],
            "rewards": [],
        }

    def test_shows_what_was_earned_and_how_far_the_next_tier_is(self, till, ada, shop: Shop):
        shop.sells("receipt-1", "1240.00")

        answer = status_of(till)

        assert answer["wallets"][0]["available"] == 1240
        assert answer["tiers"][0]["tier"] == "silver"
        assert (answer["tiers"][0]["next_tier"], answer["tiers"][0]["points_to_next"]) == ("gold", 3760)

    def test_has_no_next_tier_at_the_top(self, till, ada, shop: Shop):
        shop.sells("receipt-1", "6000.00")

        (standing,) = status_of(till)["tiers"]

        assert (standing["tier"], standing["next_tier"], standing["points_to_next"]) == ("gold", None, None)

    def test_names_the_points_that_expire_next(self, till, ada, expiring, shop: Shop):
        shop.sells("receipt-1", "10.00")
        shop.sells("receipt-2", "5.00")
        with time_machine.travel(shop.at + timedelta(days=3), tick=False):
            shop.later(days=3).sells("receipt-3", "100.00")
            wallet = status_of(till)["wallets"][0]

        assert wallet["available"] == 115
        assert wallet["next_expiry"]["points"] == 15
        expires_at = datetime.fromisoformat(wallet["next_expiry"]["expires_at"])
        assert timedelta(days=29) < expires_at - shop.at <= timedelta(days=31)

    def test_no_longer_counts_points_whose_time_is_over(self, till, ada, expiring, shop: Shop, program):
        RewardFactory.create(program=program, wallet_type=expiring, price=10)
        shop.sells("receipt-1", "10.00")

        with time_machine.travel(shop.at + timedelta(days=40), tick=False):
            answer = status_of(till)

        assert Wallet.objects.get(member=ada).available == 10
        assert answer["wallets"][0]["available"] == 0
        assert answer["wallets"][0]["next_expiry"] is None
        assert answer["rewards"] == []

    def test_offers_the_rewards_that_the_member_can_have_now(self, till, ada, shop: Shop, program, points):
        noon = shop.at
        shop.sells("receipt-1", "500.00")
        affordable = {"program": program, "wallet_type": points, "price": 500}
        RewardFactory.create(**affordable, key="coffee", starts_at=noon, ends_at=noon + timedelta(days=1))
        RewardFactory.create(**affordable | {"price": 100}, key="cookie", stock=1)
        RewardFactory.create(**affordable | {"price": 501}, key="too-dear")
        RewardFactory.create(**affordable, key="sold-out", stock=0)
        RewardFactory.create(**affordable, key="off", is_active=False)
        RewardFactory.create(**affordable, key="over", ends_at=noon)
        RewardFactory.create(**affordable, key="not-yet", starts_at=noon + timedelta(seconds=1))
        credits = WalletTypeFactory.create(program=program, key="credits")
        RewardFactory.create(program=program, wallet_type=credits, price=1, key="other-points")
        RewardFactory.create(wallet_type=points, price=1, key="elsewhere")

        rewards = status_of(till)["rewards"]

        assert [reward["key"] for reward in rewards] == ["cookie", "coffee"]
        assert rewards[1] == {
            "key": "coffee",
            "name": "Free coffee",
            "wallet_type": "points",
            "price": 500,
        }

    def test_offers_nothing_to_a_blocked_member(self, till, ada, shop: Shop, program, points):
        RewardFactory.create(program=program, wallet_type=points, price=1)
        shop.sells("receipt-1", "500.00")
        Member.objects.filter(pk=ada.pk).update(status="blocked")

        answer = status_of(till)

        assert (answer["status"], answer["rewards"]) == ("blocked", [])

    @pytest.mark.parametrize("reference", ["{id}", "card:1001", "email:Ada@example.org"])
    def test_takes_two_queries_by_any_reference(
        self, till, ada, shop: Shop, reference, django_assert_num_queries
    ):
        IdentifierFactory.create(member=ada, kind="email", value="ada@example.org")
        RewardFactory.create_batch(5, program=shop.program, wallet_type=WalletType.objects.get(), price=1)
        shop.sells("receipt-1", "10.00")

        with django_assert_num_queries(2):
            answer = status_of(till, reference.format(id=ada.pk))

        assert answer["id"] == str(ada.pk)
        assert len(answer["rewards"]) == 5

    def test_belongs_to_one_member_alone(self, till, ada, shop: Shop, program):
        shop.sells("receipt-1", "10.00")
        bob = MemberFactory.create(program=program)

        assert status_of(till, bob.pk)["wallets"][0]["available"] == 0

    @pytest.mark.parametrize("reference", [uuid4(), "card:9999", "passport:1", "card:%00", "nobody"])
    def test_says_that_there_is_no_such_member(self, till, ada, reference):
        response = till.get(f"/v1/members/{reference}/status")

        assert response.status_code == 404
        assert response.json()["code"] == "not_found"

    def test_shows_another_programs_member_to_nobody(self, outsider, ada):
        assert outsider.get("/v1/members/card:1001/status").status_code == 404
        assert outsider.get(f"/v1/members/{ada.pk}/status").status_code == 404

    def test_of_an_erased_member_is_gone(self, till, ada):
        Member.objects.filter(pk=ada.pk).update(status="erased")

        assert till.get("/v1/members/card:1001/status").status_code == 404

    @pytest.mark.parametrize("reference", ["card:1001", "01976c1e-5d7a-7000-8000-3a52e6e1d0b4"])
    def test_can_be_read_by_indexes_alone_of_whatever_grows(self, ada, shop: Shop, reference):
        found = references.read(reference)
        query = status.query_of(shop.program.pk, found, at=shop.at)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            # Of a table with next to no rows every index costs the same, and any may be taken.
            cursor.execute("DROP INDEX lots_due")
            cursor.execute(f"DROP INDEX {index_of_a_key(cursor, Lot, 'wallet')}")

        plan = "\n".join(line for (line,) in fetch(f"EXPLAIN {query.sql}", query.parameters))

        for table in ("member", "identifier", "wallet", "lot", "membertier"):
            assert f"Seq Scan on members_{table} " not in plan, plan
        assert "open_lots_of_a_wallet" in plan, plan
