"""A reset takes all data of a sandbox, and nothing else of anybody."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.db import ProgrammingError, connection, connections, transaction
from django.db.models import Model
from django.utils import timezone

from integrations.models import ClockMove, Delivery
from integrations.sandbox import resetting, sample_data, tables, time_travel, turns
from integrations.sandbox.time_travel import NotASandbox
from loyalty.core import clock
from loyalty.core.api import idempotency
from loyalty.core.models import Event, IdempotencyRecord, Program
from members import enrolment, reasons, segments
from members.ledger import verify
from members.models import Entry, Member, MemberTier, Posting, Segment, Wallet
from members.references import MemberReference
from rewards import redeeming
from rewards.books.proving import ACTIVITIES
from rewards.models import BudgetSlot, Redemption, Reward, UploadedCode
from rewards.redeeming import uploaded_codes
from tests import factories
from tests.integrations.sandbox.conftest import travel
from tests.races import at_once, wait_for_locks

KEPT = {
    "core.Assignment",
    "integrations.AccessToken",
    "integrations.Call",
    "integrations.ClockMove",
    "integrations.Credential",
    "integrations.Partner",
    "integrations.Quota",
    "integrations.WebhookEndpoint",
    "members.AccountingAccount",
    "members.AdjustmentLimit",
    "members.AttributeType",
    "members.BreakageRate",
    "members.EventType",
    "members.PointCost",
    "members.ReasonCode",
    "members.Segment",
    "members.Tier",
    "members.TierLadder",
    "members.WalletType",
    "rewards.Badge",
    "rewards.BudgetSlot",
    "rewards.Campaign",
    "rewards.CampaignBudget",
    "rewards.CampaignVersion",
    "rewards.Challenge",
    "rewards.OccasionDay",
    "rewards.PrizeDraw",
    "rewards.Reward",
    "rewards.UploadedCode",
}
PER_EURO = {"kind": "points_per_unit", "points": "1", "per": "1.00"}


def counts(*models: type[Model]) -> dict[str, int]:
    return {model._meta.label: model._default_manager.count() for model in models}


def everything() -> dict[str, int]:
    return counts(*tables.of_a_program())


@pytest.fixture
def lively(sandbox, beans, run_campaign) -> Any:
    """A sandbox in which much has happened: sales by a budget, a reward, a segment, a reported event."""
    run_campaign("base", PER_EURO, limits={"in_all": [{"points": 100_000}]})
    sandbox.refresh_from_db()
    sample_data.add(sandbox, members=8, at=clock.now(sandbox))
    reward = factories.RewardFactory.create(program=sandbox, key="mug", wallet_type=beans, price=10, stock=5)
    richest = Entry.objects.filter(program=sandbox).order_by("-available_after")[0]
    redeeming.redeem(
        member=MemberReference(kind="id", value=str(richest.member_id)),
        reward=reward.key,
        program=sandbox,
        source="test-suite",
        actor="partner:test-suite",
        at=clock.now(sandbox),
    )
    listed = Segment.objects.create(program=sandbox, key="vip", name="VIP", kind="list")
    segments.add(listed, member_ids=[richest.member_id], at=clock.now(sandbox))
    return sandbox


class TestTables:
    def test_are_data_or_named_as_what_stays(self):
        kept = {model._meta.label for model in tables.of_a_program() if not tables.is_data(model)}

        assert kept == KEPT

    def test_are_emptied_before_those_that_they_lead_through(self):
        order = {model: place for place, model in enumerate(tables.data())}

        for model, place in order.items():
            for key in tables.of_a_program()[model]:
                assert order.get(key.related_model, len(order)) > place or key.related_model is model


@pytest.mark.django_db
class TestReset:
    def test_deletes_what_happened_and_keeps_what_was_set_up(self, lively):
        before = counts(*[model for model in tables.of_a_program() if not tables.is_data(model)])

        emptied = resetting.reset(lively, at=clock.now(lively))

        assert emptied.members == 8
        assert emptied.entries > 5
        assert set(counts(*tables.data()).values()) == {0}
        assert counts(*[model for model in tables.of_a_program() if not tables.is_data(model)]) == before

    def test_gives_stock_and_budgets_back_and_empties_segments(self, lively):
        assert Reward.objects.get().stock == 4
        assert BudgetSlot.objects.filter(used__gt=0).exists()

        resetting.reset(lively, at=clock.now(lively))

        assert Reward.objects.get().stock == 5
        assert not BudgetSlot.objects.filter(used__gt=0).exists()
        assert Segment.objects.get().member_count == 0

    def test_leaves_every_row_of_another_program(self, lively, shop, ada, points):
        factories.RewardFactory.create(program=shop.program, key="mug", wallet_type=points, price=10)
        reasons.set_up_usual(shop.program)
        shop.sells("r1", "100.00")
        shop.redeems("mug")
        whole = everything()
        mine = sandbox_rows(lively)

        resetting.reset(lively, at=clock.now(lively))

        assert everything() == {label: count - mine.get(label, 0) for label, count in whole.items()}
        assert Entry.objects.filter(member=ada).count() == 2
        assert not list(verify.run(program=shop.program, parts=(verify.LEDGER, verify.HOLDS, ACTIVITIES)))

    def test_refuses_a_live_program(self, shop, ada):
        shop.sells("r1", "100.00")
        whole = everything()

        with pytest.raises(NotASandbox):
            resetting.reset(shop.program, at=shop.at)

        assert everything() == whole

    def test_names_no_live_program_even_if_it_is_told_to(self, shop, ada, monkeypatch):
        shop.sells("r1", "100.00")
        whole = everything()
        monkeypatch.setattr("integrations.sandbox.time_travel.check_sandbox", lambda program: None)

        resetting.reset(shop.program, at=shop.at)

        assert everything() == whole

    def test_leaves_the_ledger_protected_in_the_same_transaction(self, lively, shop, ada):
        shop.sells("r1", "100.00")

        resetting.reset(lively, at=clock.now(lively))

        with pytest.raises(ProgrammingError, match="delete rows from"), transaction.atomic():
            Posting.objects.all().delete()
        with pytest.raises(ProgrammingError, match="delete rows from"), transaction.atomic():
            Event.objects.all().delete()

    def test_lets_life_begin_anew_and_add_up(self, lively):
        resetting.reset(lively, at=clock.now(lively))

        sample_data.add(lively, members=3, at=clock.now(lively))

        assert Member.objects.count() == 3
        assert not list(verify.run(program=lively, parts=(verify.LEDGER, verify.HOLDS, ACTIVITIES)))

    def test_lets_uploaded_codes_be_given_again(self, lively, beans):
        cinema = factories.RewardFactory.create(
            program=lively, key="cinema", wallet_type=beans, price=1, codes_from="uploaded", stock=0
        )
        at = clock.now(lively)
        uploaded_codes.add(cinema, lines=["CINE-1", "CINE-2"], by=factories.UserFactory.create(), at=at)
        richest = Entry.objects.filter(program=lively).order_by("-available_after")[0]
        who = MemberReference(kind="id", value=str(richest.member_id))
        buying = {"program": lively, "source": "shop", "actor": "partner:shop", "at": at}
        redeeming.redeem(member=who, reward="cinema", **buying)

        resetting.reset(lively, at=at)

        cinema.refresh_from_db()
        assert (cinema.stock, UploadedCode.objects.filter(redemption=None).count()) == (2, 2)

    def test_asks_as_often_however_much_there_is(self, sandbox, beans, django_assert_num_queries):
        with django_assert_num_queries(len(tables.data()) + 20):
            resetting.reset(sandbox, at=clock.now(sandbox))


def sandbox_rows(program) -> dict[str, int]:
    """How many rows of each table of data are the sandbox's."""
    found = {}
    for model in tables.data():
        sql = tables.delete_all(model).replace("DELETE FROM", "SELECT count(*) FROM").replace("$1", "%s")
        with connection.cursor() as cursor:
            cursor.execute(sql, [program.pk])
            found[model._meta.label] = cursor.fetchone()[0]
    return found


def in_a_connection(work: Callable[..., Any], *args: Any) -> Any:
    """What somebody else's call comes to."""
    try:
        return work(*args)
    finally:
        connections.close_all()


def register(sandbox: Program, card: str) -> Member:
    return enrolment.enrol(
        program=sandbox, identifiers=[("card", card)], at=timezone.now(), actor="partner:test-suite"
    )


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_a_reset_and_registrations_leave_whole_members_or_none(self, sandbox, beans, run_campaign):
        run_campaign("base", PER_EURO)
        sandbox.refresh_from_db()
        sample_data.add(sandbox, members=5, at=clock.now(sandbox))

        def work(number: int) -> None:
            if number == 0:
                resetting.reset(sandbox, at=clock.now(sandbox))
                return
            for card in range(15):
                register(sandbox, f"{number}-{card}")

        results = at_once(3, work)

        assert set(results) <= {None, "sandbox_is_busy"}
        assert not list(verify.run())
        assert all(member.wallets.count() == 1 for member in Member.objects.all())

    def test_nobody_comes_between_the_deletion_of_members_and_that_of_their_wallets(self, sandbox, beans):
        factories.TierFactory.create(ladder__program=sandbox, ladder__wallet_type=beans, threshold=0)
        first = register(sandbox, "first")

        def work(number: int) -> None:
            if number == 0:
                resetting.reset(sandbox, at=clock.now(sandbox))
            else:
                wait_for_locks(1)
                register(sandbox, "second")

        with ThreadPoolExecutor() as pool:
            # The reset waits for what it deletes after members, and before wallets.
            with transaction.atomic():
                list(MemberTier.objects.filter(member=first).select_for_update())
                racing = pool.submit(at_once, 2, work)
                wait_for_locks(2)
            results = racing.result()

        assert results == [None, None]
        (second,) = Member.objects.all()
        assert second.wallets.count() == 1


@pytest.mark.django_db(transaction=True)
class TestApi:
    def test_resets_once_and_repeats_the_answer(self, tester, lively):
        first = tester.post("/v1/sandbox/reset", {"confirm": "coffee-sandbox"}, idempotency_key="k")
        again = tester.post("/v1/sandbox/reset", {"confirm": "coffee-sandbox"}, idempotency_key="k")

        assert (first.status_code, first.json()["members"]) == (200, 8)
        assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
        assert IdempotencyRecord.objects.count() == 1

    def test_wants_the_programs_key(self, tester, lively):
        answer = tester.post("/v1/sandbox/reset", {"confirm": "coffee"})

        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/confirm")
        assert Member.objects.count() == 8

    def test_refuses_while_the_clock_moves(self, tester, lively, monkeypatch):
        monkeypatch.setattr("integrations.api.sandbox_clock.WAITS_SECONDS", 0.0)
        tester.post("/v1/sandbox/clock/move", {"by": "P300D"})

        assert tester.post("/v1/sandbox/reset", {"confirm": "coffee-sandbox"}).json()["code"] == (
            "clock_is_moving"
        )

    def test_does_what_it_refused_while_the_clock_moved_when_it_is_sent_again(
        self, tester, sandbox, lively, monkeypatch
    ):
        monkeypatch.setattr("integrations.api.sandbox_clock.WAITS_SECONDS", 0.0)
        tester.post("/v1/sandbox/clock/move", {"by": "P1D"})
        refused = tester.post("/v1/sandbox/reset", {"confirm": "coffee-sandbox"}, idempotency_key="k")
        assert time_travel.go_on(ClockMove.objects.get(), seconds=60)

        again = tester.post("/v1/sandbox/reset", {"confirm": "coffee-sandbox"}, idempotency_key="k")

        assert (refused.status_code, again.status_code) == (409, 200)

    @pytest.mark.parametrize(
        ("address", "body"),
        [("reset", {"confirm": "coffee-sandbox"}), ("sample-data", {"members": 1})],
    )
    def test_keeps_threads_for_others(self, tester, sandbox, address, body):
        with ExitStack() as others:
            for _ in range(turns.AT_ONCE):
                others.enter_context(turns.thread())
            answer = tester.post(f"/v1/sandbox/{address}", body, idempotency_key="k")
        again = tester.post(f"/v1/sandbox/{address}", body, idempotency_key="k")

        assert (answer.status_code, answer.json()["code"]) == (429, "sandbox_is_busy")
        assert answer.headers["Retry-After"] == "2"
        assert again.status_code < 300
        assert "Idempotent-Replayed" not in again.headers

    @pytest.mark.parametrize(
        ("address", "body"),
        [
            ("reset", {"confirm": "coffee-sandbox"}),
            ("sample-data", {"members": 1}),
            ("clock/move", {"by": "P1D"}),
        ],
    )
    def test_does_not_wait_for_whoever_works_on_the_sandbox(self, tester, sandbox, address, body):
        with ThreadPoolExecutor() as pool, transaction.atomic():
            turns.take(sandbox)
            answer = pool.submit(in_a_connection, tester.post, f"/v1/sandbox/{address}", body).result()

        assert (answer.status_code, answer.json()["code"]) == (429, "sandbox_is_busy")

    def test_says_so_where_others_hold_what_it_needs(self, tester, lively, monkeypatch):
        monkeypatch.setattr(idempotency, "PATIENCE_SECONDS", 0.1)
        body = {"confirm": "coffee-sandbox"}

        with ThreadPoolExecutor() as pool, transaction.atomic():
            list(Wallet.objects.select_for_update())
            answer = pool.submit(in_a_connection, tester.post, "/v1/sandbox/reset", body).result()

        assert (answer.status_code, answer.json()["code"]) == (429, "sandbox_is_busy")
        assert Member.objects.count() == 8

    def test_adds_members_whom_one_can_look_up(self, tester, sandbox, run_campaign):
        run_campaign("base", PER_EURO)

        made = tester.post("/v1/sandbox/sample-data", {"members": 2})

        assert made.status_code == 201
        for member in made.json()["members"]:
            found = tester.get(f"/v1/members/card:{member['card']}").json()
            assert (found["id"], f"{found['first_name']} {found['last_name']}") == (
                member["id"],
                member["name"],
            )
        assert made.json()["transactions"] > 0

    def test_keeps_the_clock_where_it_is(self, tester, lively):
        travel(lively, by=timedelta(days=2))

        tester.post("/v1/sandbox/reset", {"confirm": "coffee-sandbox"})

        assert tester.get("/v1/sandbox/clock").json()["ahead_seconds"] >= 2 * 86_400 - 60
        assert not Redemption.objects.exists()
        assert not Delivery.objects.exists()
