"""
What waits for a second person: asked for by one, decided by another, carried out as it was asked.

Note [Second person]
~~~~~~~~~~~~~~~~~~~~
An app says once what kinds of things may wait, in its `AppConfig.ready()`:

    approvals.register(Kind(
        key="breakage_rate",
        label=_("Breakage rate"),
        permission="members.approve_breakagerate",  # who may decide: see `loyalty.core.roles`
        carry_out=breakage.carry_out,  # (approval, by, at) -> "breakage_rate:<id>"
        tell=breakage.tell,  # (approvals) -> {approval.pk: (Fact("Rate", "12 %"), …)}
    ))

and asks whenever one of them needs a second person:

    approvals.request(program=program, kind="breakage_rate", summary="Breakage of Points: 12 %",
                      payload={"cohort": "2026-01", "rate": "0.12"}, by=user, at=at)

Then it waits, for as long as its kind says, in the inbox at the pages. The database keeps what was
asked for as it was, lets nobody decide on their own request, and decides once. `approve()` runs
`carry_out` in the same transaction, which checks again whether that can be done now: if it refuses
(a `DomainError`), the approver is told so, nothing has changed, and the request waits on. It gets
`approval.payload`, and nothing else says what to do.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final
from uuid import UUID

from django.db import transaction
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core import roles
from loyalty.core.errors import DomainError, InvalidInput, NotFound
from loyalty.core.ids import new_id
from loyalty.core.models import Approval, ApprovalStatus, Program, User
from loyalty.core.models.approval import ApprovalQuerySet

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

NOTE_MAX: Final = 1000
SUMMARY_MAX: Final = 200


class MayNotDecide(DomainError):
    """Only somebody with the permission of its kind, in its program, decides on a request."""

    code: ClassVar[str] = "may_not_decide"
    status: ClassVar[int] = 403
    title = gettext_lazy("You may not decide on this")


class OwnRequest(DomainError):
    """Whoever asked for something does not decide on it."""

    code: ClassVar[str] = "own_request"
    status: ClassVar[int] = 403
    title = gettext_lazy("Nobody decides on their own request")


class NotWaiting(DomainError):
    """The request was decided, was withdrawn or has run out."""

    code: ClassVar[str] = "not_waiting"
    title = gettext_lazy("This does not wait for a decision any more")


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of what is asked for, in plain words; `page` is a name of the admin's and an object's id."""

    label: "_StrOrPromise"
    text: str
    page: tuple[str, UUID] | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """What may wait for a second person. See Note [Second person]."""

    key: str
    label: "_StrOrPromise"
    permission: str
    carry_out: Callable[[Approval, User, datetime], str]
    tell: Callable[[Sequence[Approval]], Mapping[UUID, tuple[Fact, ...]]]
    valid_for: timedelta = timedelta(days=7)
    turned_down: Callable[[Approval], None] | None = None
    """Called in the same transaction when a request was rejected, withdrawn or has run out."""


_KINDS: Final[dict[str, Kind]] = {}


def register(kind: Kind) -> None:
    """Let things of that kind wait; an app does so when it is ready."""
    assert _KINDS.setdefault(kind.key, kind) == kind, f"two kinds are called {kind.key}"


def kind_of(key: str) -> Kind:
    return _KINDS[key]


def request(
    *,
    program: Program,
    kind: str,
    summary: str,
    payload: dict[str, Any],
    at: datetime,
    by: User | None,
    actor: str = "",
    subject_id: UUID | None = None,
    note: str = "",
    request_id: UUID | None = None,
) -> Approval:
    """
    Have something wait for a second person; `payload` is JSON, and all that will be known about it then.

    `summary` and `payload` stay for good, so there is no personal data in them: that is what `note`
    is for, the requester's own words. `by` is None if a partner asks; then `actor` says which.
    """
    assert by is not None or actor, "somebody asks"
    return Approval.objects.create(
        id=request_id or new_id(),
        program=program,
        kind=kind_of(kind).key,
        subject_id=subject_id,
        summary=Truncator(summary).chars(SUMMARY_MAX),
        payload=payload,
        note=checked_note(note),
        requested_by=by,
        actor=actor or (by.actor if by else ""),
        requested_at=at,
        expires_at=at + kind_of(kind).valid_for,
    )


def checked_note(note: str) -> str:
    """:raises InvalidInput: if it is longer than anybody would read, or no text"""
    if len(note) > NOTE_MAX or "\0" in note:
        raise InvalidInput(
            _("A note is text of at most %(most)d characters.") % {"most": NOTE_MAX}, pointer="#/note"
        )
    return note.strip()


@transaction.atomic
def approve(approval_id: UUID, *, program: Program, by: User, at: datetime, note: str = "") -> Approval:
    """
    Carry out what was asked for, now, exactly as it was asked.

    :raises NotFound: if the program has no such request
    :raises MayNotDecide: without the permission of its kind in the program
    :raises OwnRequest: if they asked for it themselves
    :raises NotWaiting: if it was decided meanwhile, or has run out
    :raises DomainError: whatever the kind refuses at this moment; the request waits on
    """
    approval = _held(approval_id, program=program, by=by, at=at)
    approval.result = kind_of(approval.kind).carry_out(approval, by, at)
    return _decide(approval, ApprovalStatus.APPROVED, by=by, at=at, note=note)


@transaction.atomic
def reject(approval_id: UUID, *, program: Program, by: User, at: datetime, note: str) -> Approval:
    """
    Say no, and why.

    :raises InvalidInput: without a reason
    :raises: what `approve()` raises before it carries anything out
    """
    if not note.strip():
        raise InvalidInput(_("Say why not: whoever asked wants to know."), pointer="#/note")
    approval = _held(approval_id, program=program, by=by, at=at)
    decided = _decide(approval, ApprovalStatus.REJECTED, by=by, at=at, note=note)
    _turn_down(decided)
    return decided


@transaction.atomic
def withdraw(approval_id: UUID, *, program: Program, by: User, at: datetime) -> Approval:
    """
    Take back one's own request.

    :raises NotFound: if the program has no such request of that person
    :raises NotWaiting: if it was decided meanwhile, or has run out
    """
    approval = _locked(approval_id, program=program)
    if approval.requested_by_id != by.pk:
        raise NotFound(_("You have no such request in this program."))
    _check_waits(approval, at)
    withdrawn = _decide(approval, ApprovalStatus.WITHDRAWN, by=None, at=at, note="")
    _turn_down(withdrawn)
    return withdrawn


@transaction.atomic
def expire(program: Program, *, at: datetime) -> int:
    """Close what nobody decided in time; how many those were."""
    overdue = list(Approval.objects.of(program).overdue(at).select_for_update(of=("self",)).order_by("pk"))
    for approval in overdue:
        _turn_down(_decide(approval, ApprovalStatus.EXPIRED, by=None, at=at, note=""))
    return len(overdue)


def waiting_for(user: User, *, program: Program, at: datetime) -> ApprovalQuerySet:
    """What that person can decide on now."""
    asked_by_others = Approval.objects.of(program).waiting(at).exclude(requested_by=user)
    return asked_by_others.filter(kind__in=kinds_decided_by(user, program=program))


def seen_by(user: User, *, program: Program) -> ApprovalQuerySet:
    """What that person asked for, and all that they may decide on, or might have."""
    own = Approval.objects.of(program).filter(requested_by=user)
    return own | Approval.objects.of(program).filter(kind__in=kinds_decided_by(user, program=program))


def kinds_decided_by(user: User, *, program: Program) -> list[str]:
    return [kind.key for kind in _KINDS.values() if roles.may(user, kind.permission, program=program)]


def told(approvals: Iterable[Approval]) -> dict[UUID, tuple[Fact, ...]]:
    """What each of them would do, in plain words."""
    facts: dict[UUID, tuple[Fact, ...]] = {}
    listed = list(approvals)
    for key in {approval.kind for approval in listed}:
        facts |= kind_of(key).tell([approval for approval in listed if approval.kind == key])
    return facts


def _held(approval_id: UUID, *, program: Program, by: User, at: datetime) -> Approval:
    """The request, locked and there to be decided by that person."""
    approval = _locked(approval_id, program=program)
    if not roles.may(by, kind_of(approval.kind).permission, program=program):
        raise MayNotDecide
    if approval.requested_by_id == by.pk:
        raise OwnRequest
    _check_waits(approval, at)
    return approval


def _locked(approval_id: UUID, *, program: Program) -> Approval:
    rows = Approval.objects.of(program).select_for_update(of=("self",))
    approval = rows.filter(pk=approval_id).first()
    if approval is None:
        raise NotFound(_("There is no such request in this program."))
    return approval


def _check_waits(approval: Approval, at: datetime) -> None:
    if approval.status != ApprovalStatus.PENDING:
        raise NotWaiting(
            _("This was decided already: %(status)s.") % {"status": approval.get_status_display().lower()}
        )
    if approval.expires_at <= at:
        raise NotWaiting(_("Nobody decided in time, so this has run out. It can be asked for again."))


def _turn_down(approval: Approval) -> None:
    if (told := kind_of(approval.kind).turned_down) is not None:
        told(approval)


def _decide(
    approval: Approval, status: ApprovalStatus, *, by: User | None, at: datetime, note: str
) -> Approval:
    approval.status = status
    approval.decided_by = by
    approval.decided_at = at
    approval.decision_note = checked_note(note)
    approval.save(update_fields=["status", "decided_by", "decided_at", "decision_note", "result"])
    return approval
