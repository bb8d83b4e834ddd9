"""Checks of the books that are remembered, carried out at night, by hand and by command."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from loyalty.core.models import Program, Role
from members.ledger import verify
from members.ledger.verify import proof
from members.ledger.verify.checks import STRAYS
from members.models import CheckStatus, LedgerCheck, Lot, Member, Wallet
from rewards import tasks
from rewards.books import checking
from rewards.books.proving import evaluated_again
from rewards.models import Activity
from tests import factories
from tests.cast import Shop
from tests.clients import staff

AT_MOST = 15


@pytest.fixture
def sold(shop: Shop, ada: Member) -> Shop:
    shop.sells("receipt-1", "100.00")
    shop.later(days=1).sells("receipt-2", "50.00")
    return shop


def carried_out(program: Program | None, **more: Any) -> LedgerCheck:
    check, _ = checking.ask(program, actor="system:test")
    list(checking.carry_out(check, **more))
    return LedgerCheck.objects.get(pk=check.pk)


class TestCarryOut:
    def test_remembers_that_the_books_are_in_order(self, sold: Shop):
        check = carried_out(sold.program, seed=1)

        assert (check.status, check.fault_count, check.faults) == (CheckStatus.IN_ORDER, 0, [])
        # A member, a wallet, two lots, entries, postings and events, a standing, and two activities.
        assert (check.members, check.rows, check.sampled) == (1, 13, 2)
        assert check.finished_at is not None

    def test_remembers_each_fault(self, sold: Shop):
        Wallet.objects.update(lifetime_spent=3)

        check = carried_out(sold.program)

        assert (check.status, check.fault_count) == (CheckStatus.FAULTS, 1)
        assert check.faults == [
            {
                "check": "what a wallet has ever spent was posted",
                "row": f"wallet {Wallet.objects.get().pk}",
                "detail": "ever spent 3, postings 0",
            }
        ]
        assert check.digest == ""

    def test_counts_more_faults_than_it_keeps(self, sold: Shop, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(checking, "FAULTS_KEPT", 1)
        Wallet.objects.update(lifetime_spent=3)
        Lot.objects.filter(points=50).update(available=0, reversed=50)

        check = carried_out(sold.program)

        assert check.fault_count > 1
        assert len(check.faults) == 1

    def test_looks_at_every_member_in_chunks_and_again_in_the_same_ones(
        self, sold: Shop, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(proof, "CHUNK", 2)
        for number in range(5):
            member = factories.MemberFactory.create(program=sold.program)
            factories.IdentifierFactory.create(member=member, value=f"300{number}")
        heard: list[int] = []

        first = carried_out(sold.program, listener=lambda progress: heard.append(progress.members))
        factories.MemberFactory.create(program=sold.program)
        second = carried_out(sold.program)

        assert heard == [2, 4, 6]
        assert (first.members, second.members) == (6, 7)
        assert second.status == CheckStatus.IN_ORDER

    def test_is_of_one_program(self, sold: Shop):
        other = factories.ProgramFactory.create(key="other")
        Wallet.objects.update(lifetime_spent=3)

        assert carried_out(other).status == CheckStatus.IN_ORDER

    def test_remembers_that_it_could_not_be_done(self, sold: Shop, monkeypatch: pytest.MonkeyPatch):
        Activity.objects.update(facts={})
        check, _ = checking.ask(sold.program, actor="system:test")
        monkeypatch.setitem(STRAYS, "broken", "SELECT nothing")
        nobody, _ = checking.ask(None, actor="system:test")

        faults = list(checking.carry_out(check))
        with pytest.raises(Exception, match="nothing"):
            list(checking.carry_out(nobody))

        assert {fault.detail for fault in faults} == {"cannot be evaluated any more: KeyError"}
        assert nobody.status == CheckStatus.FAILED
        assert nobody.problem == "ProgrammingError"


class TestAsk:
    def test_gives_the_check_that_is_under_way(self, program: Program):
        first, is_new = checking.ask(program, actor="staff:1")
        second, is_second_new = checking.ask(program, actor="staff:2")

        assert (first.pk, is_new) == (second.pk, True)
        assert not is_second_new

    def test_gives_up_on_one_that_was_broken_off(self, program: Program):
        first, _ = checking.ask(program, actor="staff:1")
        long_ago = timezone.now() - timedelta(minutes=5)
        LedgerCheck.objects.filter(pk=first.pk).update(status=CheckStatus.RUNNING, started_at=long_ago)

        second, is_new = checking.ask(program, actor="staff:2")

        first.refresh_from_db()
        assert is_new
        assert first.pk != second.pk
        assert first.status == CheckStatus.FAILED

    def test_keeps_one_that_is_heard_of(self, program: Program):
        first, _ = checking.ask(program, actor="staff:1")
        long_ago = timezone.now() - timedelta(minutes=5)
        LedgerCheck.objects.filter(pk=first.pk).update(status=CheckStatus.RUNNING, started_at=long_ago)
        cache.set(f"ledger-check:{first.pk}", (1, 2, 3))

        assert checking.ask(program, actor="staff:2") == (first, False)


class TestEvaluatedAgain:
    def test_draws_as_many_as_asked_and_the_same_by_the_same_seed(self, shop: Shop, ada: Member):
        for number in range(12):
            shop.later(hours=number).sells(f"receipt-{number}", "10.00")
        drawn: list[list[str]] = []

        for _ in range(2):
            found = list(evaluated_again(shop.program, number=5, seed=7))
            assert found == [None] * 5
            drawn.append([str(value) for value in found])

        assert drawn[0] == drawn[1]

    def test_looks_at_no_returns_and_at_no_other_program(self, sold: Shop):
        sold.later(days=2).takes_back("return-1", "receipt-2")
        other = factories.ProgramFactory.create(key="other")

        assert list(evaluated_again(sold.program, number=100, seed=1)) == [None, None]
        assert list(evaluated_again(other, number=100, seed=1)) == []

    def test_names_an_award_that_was_not_due(self, sold: Shop):
        sale = Activity.objects.get(external_id="receipt-1")
        Activity.objects.filter(pk=sale.pk).update(awards=[sale.awards[0] | {"points": 90}])

        (fault,) = [found for found in evaluated_again(sold.program, number=100, seed=1) if found]

        assert fault.row == f"activity {sale.pk}"
        assert fault.detail == "base gave 90 points and gives 100"


class TestTasks:
    def test_at_night_the_books_of_all_programs_are_checked(self, sold: Shop):
        factories.ProgramFactory.create(key="other")

        tasks.check_ledgers()

        results = LedgerCheck.objects.order_by("pk").values_list("program__key", "status", "actor")
        assert list(results) == [
            (key, "in_order", "system:nightly_check") for key in ("coffee", "other", None)
        ]

    def test_what_was_asked_for_is_done_once(self, sold: Shop):
        check, _ = checking.ask(sold.program, actor="staff:1")

        tasks.check_ledger(check_id=str(check.pk))
        check.refresh_from_db()
        ended = check.finished_at
        tasks.check_ledger(check_id=str(check.pk))

        check.refresh_from_db()
        assert (check.status, check.finished_at) == (CheckStatus.IN_ORDER, ended)


class TestCommand:
    def run(self, *arguments: str) -> tuple[int, str]:
        told = StringIO()
        with pytest.raises(SystemExit) as ended:
            call_command("verify_ledger", *arguments, stdout=told, stderr=told)
        return int(str(ended.value.code)), told.getvalue()

    def test_ends_with_0_if_all_is_well(self, sold: Shop):
        code, told = self.run()

        assert code == 0
        assert "coffee: the ledger is in order (13 rows of 1 members in" in told

    def test_names_each_fault_and_ends_with_1(self, sold: Shop):
        Wallet.objects.update(lifetime_spent=3)

        code, told = self.run("--program", "coffee")

        assert code == 1
        assert f"wallet {Wallet.objects.get().pk}: ever spent 3, postings 0 [what a wallet has" in told
        assert "coffee: 1 faults" in told

    def test_prints_no_more_than_asked_and_counts_them_all(self, sold: Shop):
        Wallet.objects.update(lifetime_spent=3)
        Lot.objects.filter(points=50).update(available=0, reversed=50)

        code, told = self.run("--limit", "1")

        assert code == 1
        assert told.count(" [") == 1

    def test_tells_machines(self, sold: Shop):
        Wallet.objects.update(lifetime_spent=3)

        code, told = self.run("--json")

        first, strays = json.loads(told)["checks"]
        assert code == 1
        assert (first["program"], first["status"], first["fault_count"]) == ("coffee", "faults", 1)
        assert first["faults"][0]["detail"] == "ever spent 3, postings 0"
        assert (strays["program"], strays["status"]) == (None, "in_order")

    def test_ends_with_2_if_it_could_not_be_done(self, sold: Shop, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setitem(STRAYS, "broken", "SELECT nothing")

        code, told = self.run()

        assert code == 2
        assert "could not be done: ProgrammingError" in told

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (["--program", "tea"], "There is no program “tea”"),
            (["--against", "5:abc", "--program", "coffee"], "--against takes EVENT:DIGEST"),
            (["--against", "5:" + "0" * 64], "--against takes EVENT:DIGEST, and needs --program"),
        ],
    )
    def test_says_what_was_asked_wrongly(self, program: Program, arguments: list[str], complaint: str):
        with pytest.raises(CommandError, match=complaint) as refused:
            call_command("verify_ledger", *arguments)

        assert refused.value.returncode == 2


class TestPages:
    @pytest.fixture
    def sent(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The checks that a worker was asked to carry out."""
        asked: list[str] = []
        monkeypatch.setattr(tasks.check_ledger, "delay", lambda *, check_id: asked.append(check_id))
        return asked

    def test_say_when_nothing_was_checked_yet(self, program: Program):
        page = staff(program, Role.FINANCE).get(reverse("admin:members_ledgercheck_changelist"))

        assert "The books were not checked yet" in page.content.decode()

    def test_say_how_the_books_are(self, sold: Shop, django_assert_max_num_queries: Any):
        finance = staff(sold.program, Role.FINANCE)
        carried_out(sold.program)

        with django_assert_max_num_queries(AT_MOST):
            listed = finance.get(reverse("admin:members_ledgercheck_changelist")).content.decode()
        started = finance.get(reverse("admin:index")).content.decode()

        assert "The books were checked 0\xa0minutes ago: in order" in listed
        assert "The books were checked 0\xa0minutes ago: in order" in started

    def test_name_each_fault_with_the_page_of_its_row(self, sold: Shop):
        Wallet.objects.update(lifetime_spent=3)
        check = carried_out(sold.program)

        page = staff(sold.program, Role.OPERATOR).get(
            reverse("admin:members_ledgercheck_change", args=[check.pk])
        )

        shown = page.content.decode()
        assert "1 fault" in shown
        assert "ever spent 3, postings 0" in shown
        assert f"?wallet__id__exact={Wallet.objects.get().pk}" in shown

    def test_have_a_button_that_asks_a_worker(self, sold: Shop, sent: list[str]):
        finance = staff(sold.program, Role.FINANCE)

        answer = finance.post(reverse("admin:members_ledgercheck_run"), follow=True)
        again = finance.post(reverse("admin:members_ledgercheck_run"), follow=True)

        check = LedgerCheck.objects.get()
        assert sent == [str(check.pk)]
        assert "The check waits for its turn" in answer.content.decode()
        assert 'http-equiv="refresh"' in answer.content.decode()
        assert "A check is under way already" in again.content.decode()

    def test_are_for_those_who_answer_for_the_books(self, sold: Shop, sent: list[str]):
        check = carried_out(sold.program)
        pages = [
            reverse("admin:members_ledgercheck_changelist"),
            reverse("admin:members_ledgercheck_change", args=[check.pk]),
        ]

        for role in (Role.MARKETER, Role.SUPPORT):
            client = staff(sold.program, role)
            assert [client.get(page).status_code for page in pages] == [403, 403]
            assert client.post(reverse("admin:members_ledgercheck_run")).status_code == 403
        assert sent == []

    def test_ask_for_nothing_by_following_a_link(self, sold: Shop, sent: list[str]):
        finance = staff(sold.program, Role.FINANCE)

        assert finance.get(reverse("admin:members_ledgercheck_run")).status_code == 403
        assert sent == []

    @pytest.mark.parametrize("asked", ["nonsense", "00000000-0000-0000-0000-000000000000"])
    def test_do_not_know_what_is_not_there(self, program: Program, asked: str):
        page = reverse("admin:members_ledgercheck_change", args=[asked])

        assert staff(program, Role.FINANCE).get(page).status_code == 404


def test_a_run_without_parts_of_rewards_is_the_ledgers_own(sold: Shop):
    Activity.objects.update(awards=[])

    assert list(verify.run(program=sold.program)) == []
    assert carried_out(sold.program).fault_count > 0


def test_a_check_that_is_asked_for_once_is_carried_out_once(shop: Shop, ada: Member):
    check, _ = checking.ask(shop.program, actor="staff:1")
    again = LedgerCheck.objects.get(pk=check.pk)

    list(checking.carry_out(check))
    finished_at = LedgerCheck.objects.get().finished_at
    list(checking.carry_out(again))

    assert LedgerCheck.objects.get().finished_at == finished_at
