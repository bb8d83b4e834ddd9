from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import psycopg
import pytest
import time_machine
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Model

from loyalty.core.db import fetch
from members import references, segments
from members.models import Lot, Member, Segment, Wallet, WalletType
from rewards.api.status import MemberStatusBody
from rewards.models import Badge, Campaign, Challenge
from rewards.planning import campaigns
from rewards.telling import status
from rewards.telling.offers import Offering
from tests.cast import Shop
from tests.clients import PartnerClient
from tests.factories import (
    CampaignFactory,
    IdentifierFactory,
    MemberFactory,
    RewardFactory,
    WalletTypeFactory,
)


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
            "merged_into_id": None,
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
            "challenges": [],
            "badges": [],
            "offers": [],
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
        shop.sells("receipt-1", "501.00")
        affordable = {"program": program, "wallet_type": points, "price": 500}
        RewardFactory.create(**affordable, key="coffee", starts_at=noon, ends_at=noon + timedelta(days=1))
        RewardFactory.create(**affordable | {"price": 100}, key="cookie", stock=1)
        RewardFactory.create(**affordable | {"price": 501}, key="too-dear")
        RewardFactory.create(**affordable, key="sold-out", stock=0)
        RewardFactory.create(
            **affordable | {"price": 1}, key="had-it", limit_per_member=1, limit_period="day"
        )
        RewardFactory.create(**affordable, key="off", is_active=False)
        RewardFactory.create(**affordable, key="over", ends_at=noon)
        RewardFactory.create(**affordable, key="not-yet", starts_at=noon + timedelta(seconds=1))
        credits = WalletTypeFactory.create(program=program, key="credits")
        RewardFactory.create(program=program, wallet_type=credits, price=1, key="other-points")
        RewardFactory.create(wallet_type=points, price=1, key="elsewhere")

        shop.redeems("had-it")

        rewards = status_of(till)["rewards"]

        assert [reward["key"] for reward in rewards] == ["cookie", "coffee"]
        assert rewards[1] == {
            "key": "coffee",
            "name": "Free coffee",
            "wallet_type": "points",
            "price": 500,
            "minimum_basket": None,
        }

    def test_no_longer_counts_points_whose_member_was_not_active_long_enough(
        self, till, ada, points, shop: Shop, program
    ):
        WalletType.objects.update(expiry_rule="inactivity", expires_after=1)
        program.refresh_from_db()
        RewardFactory.create(program=program, wallet_type=points, price=10)
        replace(shop, program=program).sells("receipt-1", "10.00")
        lapses_at = Wallet.objects.get(member=ada).lapses_at
        assert lapses_at is not None

        before = status_of(till)
        with time_machine.travel(lapses_at, tick=False):
            after = status_of(till)

        next_expiry = before["wallets"][0]["next_expiry"]
        assert (datetime.fromisoformat(next_expiry["expires_at"]), next_expiry["points"]) == (lapses_at, 10)
        assert len(before["rewards"]) == 1
        assert (after["wallets"][0]["available"], after["wallets"][0]["next_expiry"]) == (0, None)
        assert after["rewards"] == []

    def test_counts_points_that_stay_usable_until_a_run_takes_them(
        self, till, ada, expiring, shop: Shop, program
    ):
        WalletType.objects.update(expiry_is_on_hold=True)
        reward = RewardFactory.create(program=program, wallet_type=expiring, price=10)
        shop.sells("receipt-1", "10.00")
        later = shop.later(days=40)
        later.program.refresh_from_db()

        with time_machine.travel(later.at, tick=False):
            answer = status_of(till)

        assert [offered["key"] for offered in answer["rewards"]] == [reward.key]
        assert later.redeems(reward.key).balance == 0

    def test_offers_nothing_to_a_blocked_member(self, till, ada, shop: Shop, program, points):
        RewardFactory.create(program=program, wallet_type=points, price=1)
        shop.sells("receipt-1", "500.00")
        Member.objects.filter(pk=ada.pk).update(status="blocked")

        answer = status_of(till)

        assert (answer["status"], answer["rewards"]) == ("blocked", [])
        assert (answer["offers"], answer["challenges"]) == ([], [])

    @pytest.mark.parametrize("reference", ["{id}", "card:1001", "email:Ada@example.org"])
    def test_takes_two_queries_by_any_reference(
        self, till, ada, shop: Shop, reference, django_assert_num_queries
    ):
        IdentifierFactory.create(member=ada, kind="email", value="ada@example.org")
        RewardFactory.create_batch(5, program=shop.program, wallet_type=WalletType.objects.get(), price=1)
        shop.sells("receipt-1", "10.00")
        status_of(till)  # the first one of a process reads what the program is made of

        with django_assert_num_queries(2):
            answer = status_of(till, reference.format(id=ada.pk))

        assert answer["id"] == str(ada.pk)
        assert len(answer["rewards"]) == 5

    def test_belongs_to_one_member_alone(self, till, ada, shop: Shop, program):
        shop.sells("receipt-1", "10.00")
        bob = MemberFactory.create(program=program)

        assert status_of(till, bob.pk)["wallets"][0]["available"] == 0

    @pytest.mark.parametrize("reference", [uuid4(), "card:9999", "passport:1", "nobody"])
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
        query = status.query_of(shop.program, found, Offering(shop.program, at=shop.at))
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            # Of a table with next to no rows every index costs the same, and any may be taken.
            cursor.execute("DROP INDEX lots_due")
            cursor.execute(f"DROP INDEX {index_of_a_key(cursor, Lot, 'wallet')}")

        plan = "\n".join(line for (line,) in fetch(f"EXPLAIN {query.sql}", query.parameters))

        for table in ("member", "identifier", "wallet", "lot", "membertier"):
            assert f"Seq Scan on members_{table} " not in plan, plan
        for table in ("memberbadge", "challengeprogress", "campaigncount", "activity"):
            assert f"Seq Scan on rewards_{table} " not in plan, plan
        assert "open_lots_of_a_wallet" in plan, plan


FIXED = {"kind": "fixed_points", "wallet_type": "points", "points": 100}
type Publish = Callable[..., Campaign]


@pytest.fixture
def publish(program, points, noon: datetime) -> Publish:
    """Publishes a campaign for sales that has run for long: its effects, and other parts by name."""

    def published(key: str, *effects: dict[str, Any], **parts: Any) -> Campaign:
        campaign = CampaignFactory.create(program=program, key=key, name=key.title())
        found: Campaign = campaigns.publish(
            campaign,
            definition={
                "trigger": {"kind": "sale"},
                "effects": list(effects or (FIXED,)),
                **parts,
            },
            by=None,
            at=noon,
            effective_at=noon - timedelta(days=900),
        ).campaign
        program.refresh_from_db()
        return found

    return published


OVER_50 = {"fact": "sale.amount", "operator": "gte", "value": "50.00"}


class TestOffers:
    def test_of_one_group_are_told_as_alternatives(self, till, ada, publish: Publish):
        deals = {"group": "deals", "choose": "best"}
        publish("a", conditions={"all": [OVER_50]}, stacking=deals)
        publish("b", stacking=deals)
        publish("c")

        offers = status_of(till)["offers"]

        assert {offer["campaign"]: offer["not_with"] for offer in offers if offer["campaign"] in "abc"} == {
            "a": ["b"],
            "b": ["a"],
            "c": [],
        }

    def test_say_what_the_member_could_do_for_what(self, till, ada, publish: Publish):
        publish("silver-weeks", conditions={"all": [OVER_50]}, schedule={"ends_at": "2026-07-01T00:00:00Z"})

        assert status_of(till)["offers"] == [
            {
                "campaign": "silver-weeks",
                "name": "Silver-Weeks",
                "text": "For every sale of at least €50.00: 100 points.",
                "is_personal": False,
                "ends_at": "2026-07-01T00:00:00Z",
                "not_with": [],
            }
        ]

    def test_are_for_the_tier_and_the_segments_that_the_member_has(
        self, till, ada, shop: Shop, publish: Publish
    ):
        segment = Segment.objects.create(program=shop.program, key="coffee", name="Coffee", kind="list")
        Segment.objects.create(program=shop.program, key="tea", name="Tea", kind="list")
        segments.add(segment, member_ids=[ada.pk], at=shop.at)
        publish("for-coffee", audience={"segments": ["coffee"]})
        publish("for-tea", audience={"segments": ["tea"]})
        publish("for-silver", audience={"tiers": ["silver"]})
        publish("for-gold", audience={"tiers": ["gold"]})
        shop.program.refresh_from_db()
        shop.sells("receipt-1", "1000.00")

        offers = status_of(till)["offers"]

        assert [offer["campaign"] for offer in offers] == ["for-coffee", "for-silver", "base"]
        assert [offer["is_personal"] for offer in offers] == [True, True, False]

    def test_are_gone_once_the_member_has_used_them_up(self, till, ada, shop: Shop, publish: Publish):
        publish("twice", limits={"per_member": [{"times": 2, "per": "day"}]})
        shop.program.refresh_from_db()

        shop.sells("receipt-1", "10.00")
        assert "twice" in [offer["campaign"] for offer in status_of(till)["offers"]]
        shop.sells("receipt-2", "10.00")

        assert "twice" not in [offer["campaign"] for offer in status_of(till)["offers"]]

    def test_look_at_what_the_member_bought_before(self, till, ada, shop: Shop, publish: Publish):
        first = {"fact": "history.is_first_purchase", "operator": "eq", "value": True}
        regular = {"fact": "history.purchases", "days": 30, "operator": "gte", "value": 1}
        publish("welcome", conditions={"all": [first]})
        publish("regulars", conditions={"all": [regular]})
        shop.program.refresh_from_db()

        before = [offer["campaign"] for offer in status_of(till)["offers"]]
        shop.sells("receipt-1", "10.00")
        after = [offer["campaign"] for offer in status_of(till)["offers"]]

        assert (before, after) == (["welcome", "base"], ["regulars", "base"])

    def test_are_called_what_things_are_called_now(self, till, ada, program, publish: Publish):
        badge = Badge.objects.create(program=program, key="early", name="Early bird")
        campaign = publish("mornings", {"kind": "badge", "badge": "early"})
        status_of(till)

        Badge.objects.filter(pk=badge.pk).update(name="Lark")
        Campaign.objects.filter(pk=campaign.pk).update(name="Fresh mornings")
        (offer,) = status_of(till)["offers"]

        assert offer["name"] == "Fresh mornings"
        assert "Lark" in offer["text"]

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("table", ["rewards_campaign", "rewards_badge"])
    def test_are_called_what_another_process_has_just_called_them(self, till, ada, program, publish, table):
        Badge.objects.create(program=program, key="early", name="Early bird")
        publish("mornings", {"kind": "badge", "badge": "early"}, FIXED)
        status_of(till)

        in_another_process(f"UPDATE {table} SET name = 'Lark'")
        (offer,) = status_of(till)["offers"]

        assert ("Lark" in offer["text"]) is (table == "rewards_badge")
        assert (offer["name"] == "Lark") is (table == "rewards_campaign")

    def test_are_of_the_members_program_alone(self, till, ada, program, publish: Publish):
        CampaignFactory.create(key="here", name="Elsewhere")

        publish("here")

        assert [offer["name"] for offer in status_of(till)["offers"]] == ["Here"]

    def test_need_no_further_query_whatever_they_look_at(
        self, till, ada, shop: Shop, publish: Publish, django_assert_num_queries
    ):
        regular = {"fact": "history.spend", "days": 30, "operator": "gte", "value": "0.00"}
        Segment.objects.create(program=shop.program, key="tea", name="Tea", kind="list")
        Badge.objects.create(program=shop.program, key="early", name="Early bird")
        publish(
            "all-of-it",
            {"kind": "badge", "badge": "early"},
            audience={"not_segments": ["tea"], "tiers": ["basic"]},
            conditions={"all": [regular, OVER_50]},
            limits={"per_member": [{"times": 2, "per": "day"}], "in_all": [{"times": 10}]},
        )
        status_of(till)

        with django_assert_num_queries(2):
            offers = status_of(till)["offers"]

        assert [offer["campaign"] for offer in offers] == ["all-of-it", "base"]


def in_another_process(sql: str) -> None:
    """Run a statement, and commit it, over a connection that nothing in this process knows of."""
    with psycopg.connect(connection.connection.info.dsn, password=connection.connection.info.password) as own:
        own.execute(sql)


class TestChallengesAndBadges:
    @pytest.fixture
    def card(self, program, publish: Publish) -> Challenge:
        """A stamp for each purchase; three of them complete the card."""
        challenge = Challenge.objects.create(program=program, key="card", name="Stamp card", goal=3)
        publish("stamps", {"kind": "challenge_progress", "challenge": "card"})
        return challenge

    def test_shows_how_far_the_member_is(self, till, ada, shop: Shop, card: Challenge):
        shop.program.refresh_from_db()
        untouched = status_of(till)["challenges"]
        shop.sells("receipt-1", "10.00")

        assert untouched[0]["progress"] == 0
        assert status_of(till)["challenges"] == [
            {
                "key": "card",
                "name": "Stamp card",
                "description": "",
                "progress": 1,
                "goal": 3,
                "completions": 0,
                "is_repeatable": False,
            }
        ]

    @pytest.mark.parametrize("is_repeatable", [False, True])
    def test_a_challenge_that_is_done_is_open_only_if_it_begins_anew(
        self, till, ada, shop: Shop, card: Challenge, is_repeatable
    ):
        Challenge.objects.update(is_repeatable=is_repeatable)
        shop.program.refresh_from_db()
        for number in range(3):
            shop.sells(f"receipt-{number}", "10.00")

        found = status_of(till)["challenges"]

        assert [(one["progress"], one["completions"]) for one in found] == [(0, 1)] * is_repeatable

    def test_a_challenge_that_nobody_can_get_nearer_to_is_not_open(self, till, ada, program):
        Challenge.objects.create(program=program, key="old", name="Old", goal=3)

        assert status_of(till)["challenges"] == []

    @pytest.mark.django_db(transaction=True)
    def test_are_shown_from_the_first_one_that_another_process_makes(self, till, ada, shop: Shop):
        before = status_of(till)
        shop.sells("receipt-1", "10.00")

        in_another_process(
            "WITH badge AS ("
            " INSERT INTO rewards_badge (id, program_id, key, name, description, created_at)"
            " SELECT gen_random_uuid(), id, 'early', 'Early bird', '', now() FROM core_program"
            " RETURNING id, program_id"
            "), goal AS ("
            " INSERT INTO rewards_challenge"
            " (id, program_id, key, name, description, goal, is_repeatable, created_at)"
            " SELECT gen_random_uuid(), program_id, 'card', 'Stamp card', '', 3, false, now() FROM badge"
            " RETURNING id, program_id"
            "), step AS ("
            " INSERT INTO rewards_challengeprogress (id, program_id, member_id, challenge_id, number, added,"
            " progress, completions, activity_id, made_at)"
            " SELECT gen_random_uuid(), goal.program_id, member_id, goal.id, 1, 1, 1, 0, sale.id, now()"
            " FROM goal, rewards_activity AS sale"
            ") INSERT INTO rewards_memberbadge (id, program_id, member_id, badge_id, activity_id, earned_at)"
            " SELECT gen_random_uuid(), badge.program_id, member_id, badge.id, sale.id, now()"
            " FROM badge, rewards_activity AS sale"
        )
        after = status_of(till)

        assert (before["badges"], before["challenges"]) == ([], [])
        assert [badge["key"] for badge in after["badges"]] == ["early"]
        assert [challenge["key"] for challenge in after["challenges"]] == ["card"]

    def test_shows_the_badges_that_the_member_has(self, till, ada, shop: Shop, program, publish: Publish):
        Badge.objects.create(program=program, key="early", name="Early bird")
        Badge.objects.create(program=program, key="late", name="Night owl")
        publish("mornings", {"kind": "badge", "badge": "early"})
        shop.program.refresh_from_db()
        shop.sells("receipt-1", "10.00")

        assert status_of(till)["badges"] == [
            {"key": "early", "name": "Early bird", "earned_at": "2026-06-01T12:00:00Z"}
        ]
