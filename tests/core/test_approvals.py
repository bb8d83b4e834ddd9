"""What waits for a second person: asked once, decided once, by somebody else, as it was asked."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connections

from loyalty.core import approvals, tasks
from loyalty.core.approvals import Fact, Kind, MayNotDecide, NotWaiting, OwnRequest
from loyalty.core.errors import DomainError, InvalidInput, NotFound
from loyalty.core.models import Approval, ApprovalStatus, Assignment, Program, Role, User
from tests import factories
from tests.attackers import refused


class CannotBeRenamed(DomainError):
    """What a test asks for cannot be done at the moment."""

    code = "cannot_be_renamed_in_tests"


def rename(approval: Approval, by: User, at: datetime) -> str:
    """The kind of these tests: the program gets another name, unless that is “taken”."""
    name = approval.payload["name"]
    Program.objects.filter(pk=approval.program_id).update(name=name)
    if name == "Taken":
        raise CannotBeRenamed("This name is taken.")
    return f"program:{approval.program_id}"


def tell(waiting: Sequence[Approval]) -> dict[UUID, tuple[Fact, ...]]:
    return {approval.pk: (Fact("New name", approval.payload["name"]),) for approval in waiting}


RENAMING = Kind(
    key="renaming",
    label="New name",
    permission="members.view_wallet",
    carry_out=rename,
    tell=tell,
    valid_for=timedelta(days=2),
)


@pytest.fixture(autouse=True)
def _renaming_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(approvals._KINDS, RENAMING.key, RENAMING)


def person(program: Program, role: Role = Role.SUPPORT) -> User:
    user = factories.UserFactory.create()
    Assignment.objects.create(user=user, program=program, role=role)
    return user


@pytest.fixture
def asker(program: Program) -> User:
    return person(program)


@pytest.fixture
def decider(program: Program) -> User:
    return person(program)


@pytest.fixture
def asked(program: Program, asker: User, noon: datetime) -> Approval:
    return ask(program, asker, noon)


def ask(program: Program, by: User, at: datetime, name: str = "Tea Club") -> Approval:
    return approvals.request(
        program=program, kind="renaming", summary=f"Rename to {name}", payload={"name": name}, by=by, at=at
    )


class TestApprove:
    def test_carries_out_what_was_asked_for_and_says_who_and_when(
        self, program: Program, asked: Approval, decider: User, noon: datetime
    ):
        approvals.approve(asked.pk, program=program, by=decider, at=noon, note=" Fine. ")

        asked.refresh_from_db()
        program.refresh_from_db()
        assert program.name == "Tea Club"
        assert (asked.status, asked.decided_by, asked.decided_at) == ("approved", decider, noon)
        assert (asked.decision_note, asked.result) == ("Fine.", f"program:{program.pk}")

    def test_is_refused_to_whoever_asked(
        self, program: Program, asked: Approval, asker: User, noon: datetime
    ):
        with pytest.raises(OwnRequest):
            approvals.approve(asked.pk, program=program, by=asker, at=noon)

        assert nothing_happened(asked)

    @pytest.mark.parametrize("how", [approvals.approve, approvals.reject])
    def test_is_refused_without_the_permission_of_the_kind(
        self, program: Program, asked: Approval, noon: datetime, how: Any
    ):
        operator = person(program, Role.OPERATOR)

        with pytest.raises(MayNotDecide):
            how(asked.pk, program=program, by=operator, at=noon, note="No.")

        assert nothing_happened(asked)

    def test_is_refused_to_those_who_left(
        self, program: Program, asked: Approval, decider: User, noon: datetime
    ):
        decider.is_active = False

        with pytest.raises(MayNotDecide):
            approvals.approve(asked.pk, program=program, by=decider, at=noon)

    def test_is_refused_to_people_of_another_program(self, program: Program, asked: Approval, noon: datetime):
        elsewhere = factories.ProgramFactory.create()
        stranger = person(elsewhere, Role.ADMINISTRATOR)

        with pytest.raises(MayNotDecide):
            approvals.approve(asked.pk, program=program, by=stranger, at=noon)
        with pytest.raises(NotFound):
            approvals.approve(asked.pk, program=elsewhere, by=stranger, at=noon)

        assert nothing_happened(asked)

    def test_tells_what_the_kind_refuses_now_changes_nothing_and_leaves_it_waiting(
        self, program: Program, asker: User, decider: User, noon: datetime
    ):
        taken = ask(program, asker, noon, name="Taken")

        with pytest.raises(CannotBeRenamed, match="taken"):
            approvals.approve(taken.pk, program=program, by=decider, at=noon)

        assert nothing_happened(taken)
        assert list(approvals.waiting_for(decider, program=program, at=noon)) == [taken]

    def test_comes_too_late_after_a_decision(
        self, program: Program, asked: Approval, decider: User, noon: datetime
    ):
        approvals.reject(asked.pk, program=program, by=decider, at=noon, note="We are no tea club.")

        with pytest.raises(NotWaiting, match="rejected"):
            approvals.approve(asked.pk, program=program, by=person(program), at=noon)

        program.refresh_from_db()
        assert program.name == "Corner Coffee Club"

    def test_comes_too_late_once_it_has_run_out(
        self, program: Program, asked: Approval, decider: User, noon: datetime
    ):
        with pytest.raises(NotWaiting, match="run out"):
            approvals.approve(asked.pk, program=program, by=decider, at=noon + timedelta(days=2))

        assert nothing_happened(asked)


def nothing_happened(asked: Approval) -> bool:
    asked.refresh_from_db()
    name = Program.objects.get(pk=asked.program_id).name
    return asked.status == ApprovalStatus.PENDING and name == "Corner Coffee Club"


class TestReject:
    def test_keeps_the_reason_and_carries_nothing_out(
        self, program: Program, asked: Approval, decider: User, noon: datetime
    ):
        approvals.reject(asked.pk, program=program, by=decider, at=noon, note="We are no tea club.")

        asked.refresh_from_db()
        program.refresh_from_db()
        assert (asked.status, asked.decision_note) == ("rejected", "We are no tea club.")
        assert program.name == "Corner Coffee Club"

    def test_is_not_done_without_a_reason(
        self, program: Program, asked: Approval, decider: User, noon: datetime
    ):
        with pytest.raises(InvalidInput) as refusal:
            approvals.reject(asked.pk, program=program, by=decider, at=noon, note=" ")

        assert refusal.value.pointer == "#/note"
        assert nothing_happened(asked)


class TestWithdraw:
    def test_is_for_whoever_asked(self, program: Program, asked: Approval, asker: User, noon: datetime):
        approvals.withdraw(asked.pk, program=program, by=asker, at=noon)

        asked.refresh_from_db()
        assert (asked.status, asked.decided_by, asked.decided_at) == ("withdrawn", None, noon)

    def test_is_not_for_others(self, program: Program, asked: Approval, decider: User, noon: datetime):
        with pytest.raises(NotFound):
            approvals.withdraw(asked.pk, program=program, by=decider, at=noon)

        assert nothing_happened(asked)


class TestExpire:
    def test_closes_what_nobody_decided_in_time_and_nothing_else(
        self, program: Program, asked: Approval, asker: User, decider: User, noon: datetime
    ):
        later = ask(program, asker, noon + timedelta(hours=1))
        decided = ask(program, asker, noon)
        approvals.reject(decided.pk, program=program, by=decider, at=noon, note="No.")
        elsewhere = factories.ProgramFactory.create()
        theirs = ask(elsewhere, person(elsewhere), noon)

        closed = approvals.expire(program, at=noon + timedelta(days=2))

        assert closed == 1
        assert statuses(asked, later, decided, theirs) == ["expired", "pending", "rejected", "pending"]

    def test_happens_by_itself_by_each_programs_clock(self, program: Program, asked: Approval):
        assert tasks.expire_approvals() == 1
        assert statuses(asked) == ["expired"]


def statuses(*listed: Approval) -> list[str]:
    return [Approval.objects.get(pk=approval.pk).status for approval in listed]


class TestLists:
    def test_tell_each_what_waits_for_them_and_what_they_may_see(
        self, program: Program, asked: Approval, asker: User, decider: User, noon: datetime
    ):
        operator = person(program, Role.OPERATOR)

        waiting = {
            who: list(approvals.waiting_for(who, program=program, at=noon))
            for who in (asker, decider, operator)
        }
        seen = {who: list(approvals.seen_by(who, program=program)) for who in (asker, decider, operator)}

        assert waiting == {asker: [], decider: [asked], operator: []}
        assert seen == {asker: [asked], decider: [asked], operator: []}
        assert not approvals.waiting_for(decider, program=program, at=noon + timedelta(days=2)).exists()

    def test_tell_in_plain_words_what_would_be_done(self, asked: Approval):
        assert approvals.told([asked]) == {asked.pk: (Fact("New name", "Tea Club"),)}


class TestRequest:
    @pytest.mark.parametrize("note", ["x" * 1001, "nul \0"])
    def test_takes_no_note_that_nobody_would_read(
        self, program: Program, asker: User, noon: datetime, note: str
    ):
        with pytest.raises(InvalidInput):
            approvals.request(
                program=program, kind="renaming", summary="", payload={}, by=asker, at=noon, note=note
            )

        assert not Approval.objects.exists()

    def test_shortens_what_would_not_fit_on_a_line(self, program: Program, asker: User, noon: datetime):
        asked = approvals.request(
            program=program, kind="renaming", summary="x" * 300, payload={}, by=asker, at=noon
        )

        assert len(asked.summary) == 200


class TestDatabase:
    """Attacked past the operations, as SQL would."""

    @pytest.mark.parametrize(
        "change",
        [
            """payload = '{"name": "Mine"}'""",
            "kind = 'other'",
            "summary = 'other'",
            "program_id = gen_random_uuid()",
            "requested_by_id = NULL",
            "actor = 'staff:1'",
            "note = 'other'",
            "subject_id = gen_random_uuid()",
            "requested_at = now()",
            "expires_at = now()",
        ],
    )
    def test_what_is_asked_for_is_frozen(self, asked: Approval, change: str):
        assert "a request is frozen" in refused(f"UPDATE core_approval SET {change}")

    def test_a_note_may_be_forgotten(self, program: Program, asker: User, noon: datetime):
        approvals.request(
            program=program, kind="renaming", summary="", payload={}, by=asker, at=noon, note="Ada asked"
        )

        Approval.objects.update(note="")

        assert Approval.objects.get().note == ""

    def test_nobody_decides_on_their_own_request(self, asked: Approval):
        said = refused(
            "UPDATE core_approval SET status = 'approved', decided_by_id = requested_by_id,"
            " decided_at = requested_at"
        )

        assert "nobody_decides_on_their_own_request" in said

    def test_nothing_is_approved_after_its_time(self, asked: Approval, decider: User):
        said = refused(
            "UPDATE core_approval SET status = 'approved', decided_by_id = %s, decided_at = expires_at",
            decider.pk,
        )

        assert "nothing_is_approved_after_its_time" in said

    @pytest.mark.parametrize("status", ["approved", "rejected", "withdrawn", "expired", "whatever"])
    def test_a_decision_says_who_and_when(self, asked: Approval, status: str):
        assert "a_decision_says_who_and_when" in refused("UPDATE core_approval SET status = %s", status)

    @pytest.mark.parametrize(
        "change",
        ["status = 'pending'", "decided_at = now()", "result = 'x'", "decision_note = 'other'"],
    )
    def test_a_decision_stays(
        self, program: Program, asked: Approval, decider: User, noon: datetime, change: str
    ):
        approvals.reject(asked.pk, program=program, by=decider, at=noon, note="No.")

        assert "a decision stays" in refused(f"UPDATE core_approval SET {change}")

    def test_requests_are_kept(self, asked: Approval):
        assert "approvals_are_kept" in refused("DELETE FROM core_approval")
        emptied = refused(
            "SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL regulars.may_be_emptied = 'no';"
            " TRUNCATE core_approval CASCADE"
        )
        assert "Cannot truncate" in emptied


@pytest.mark.django_db(transaction=True)
class TestRaces:
    @pytest.fixture
    def deciders(self, program: Program) -> list[User]:
        return [person(program) for _ in range(8)]

    def test_of_many_who_decide_at_once_one_wins(
        self, program: Program, asker: User, deciders: list[User], noon: datetime
    ):
        asked = ask(program, asker, noon, name=f"Tea {uuid4()}"[:40])
        barrier = Barrier(len(deciders))

        def decide(number: int) -> str:
            how = approvals.reject if number % 2 else approvals.approve
            try:
                barrier.wait()
                return how(asked.pk, program=program, by=deciders[number], at=noon, note="So be it").status
            except DomainError as refusal:
                return refusal.code
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(deciders)) as pool:
            results = list(pool.map(decide, range(len(deciders))))

        asked.refresh_from_db()
        program.refresh_from_db()
        assert results.count("not_waiting") == len(deciders) - 1
        assert results.count(asked.status) == 1
        assert (program.name == asked.payload["name"]) == (asked.status == "approved")
