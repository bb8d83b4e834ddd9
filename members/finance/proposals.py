"""
Estimates and reopenings, which one person asks for and another decides about.

See Note [Second person] in `loyalty.core.approvals`. What is carried out is checked again then: a
period may have been closed in the meantime.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core import approvals
from loyalty.core.approvals import Fact, Kind
from loyalty.core.db import violated
from loyalty.core.errors import DomainError, InvalidInput, NotFound
from loyalty.core.models import Approval, User
from members.finance import closing
from members.models import COHORT_VALIDATOR, BreakageRate, PeriodLock, PointCost, WalletType

BREAKAGE: Final = "breakage_rate"
REOPENING: Final = "period_reopening"


class PeriodIsClosed(DomainError):
    """The day lies in a closed period, whose figures stay as they are."""

    code: ClassVar[str] = "period_is_closed"
    title = gettext_lazy("The period is closed")


class NotTheNewestLock(DomainError):
    """Periods are reopened from the newest on, each once."""

    code: ClassVar[str] = "not_the_newest_lock"
    title = gettext_lazy("Only the period that was closed last can be reopened")


def ready() -> None:
    """Let both kinds of proposals wait for a second person."""
    approvals.register(
        Kind(
            key=BREAKAGE,
            label=gettext_lazy("Breakage rate"),
            permission="members.approve_breakagerate",
            carry_out=_set_rate,
            tell=_telling(_tell_rate),
        )
    )
    approvals.register(
        Kind(
            key=REOPENING,
            label=gettext_lazy("Reopening of a closed period"),
            permission="members.reopen_periodlock",
            carry_out=_reopen,
            tell=_telling(_tell_reopening),
        )
    )


def set_cost(wallet_type: WalletType, *, cost: Decimal, from_date: date) -> PointCost:
    """
    Say what a point costs from a day on; a cost that stands for that day already is replaced.

    :raises PeriodIsClosed: if the day lies in a closed period
    """
    with _open_period(from_date):
        found, _is_new = PointCost.objects.update_or_create(
            wallet_type=wallet_type,
            from_date=from_date,
            defaults={"cost": cost},
            create_defaults={"cost": cost, "program_id": wallet_type.program_id},
        )
    return found


@contextmanager
def _open_period(day: date) -> Iterator[None]:
    """A transaction in which the refusal by a closed period's trigger becomes the domain's."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if violated(error) != "a_closed_period_stays_as_it_is":
            raise
        raise PeriodIsClosed(
            _("%(day)s lies in a closed period. Choose a later day, or have the period reopened.")
            % {"day": date_format(day)},
            pointer="#/from_date",
        ) from error


def propose_rate(
    wallet_type: WalletType,
    *,
    cohort: str,
    rate: Decimal,
    from_date: date,
    note: str,
    by: User,
    at: datetime,
) -> Approval:
    """
    Ask for a breakage rate; it counts once somebody else has approved it.

    `cohort` is the time in which the points were earned, as `BreakageRate.cohort` says; `rate` from 0 to 1.

    :raises InvalidInput: if it is no share, or no cohort
    :raises PeriodIsClosed: if the day lies in a closed period
    """
    if not 0 <= rate <= 1:
        raise InvalidInput(_("A breakage rate is from 0 to 100 %."), pointer="#/rate")
    try:
        COHORT_VALIDATOR(cohort)
    except ValidationError as error:
        raise InvalidInput(error.messages[0], pointer="#/cohort") from error
    lock = closing.newest(wallet_type.program)
    if lock and from_date <= lock.through_date:
        raise PeriodIsClosed(
            _("Everything is closed through %(day)s. Choose a later day.")
            % {"day": date_format(lock.through_date)},
            pointer="#/from_date",
        )
    return approvals.request(
        program=wallet_type.program,
        kind=BREAKAGE,
        subject_id=wallet_type.pk,
        summary=_("Breakage of %(kind)s: %(rate)s %%, %(cohort)s")
        % {"kind": wallet_type.name, "rate": percent(rate), "cohort": cohort or _("all points")},
        payload={
            "wallet_type": wallet_type.key,
            "cohort": cohort,
            "rate": str(rate),
            "from_date": str(from_date),
        },
        note=note,
        by=by,
        at=at,
    )


def percent(rate: Decimal) -> str:
    return f"{(rate * 100).normalize() + 0:f}"


def _set_rate(approval: Approval, by: User, at: datetime) -> str:
    asked = approval.payload
    # Held, so that versions are given one after the other.
    kind = WalletType.objects.select_for_update().get(program=approval.program_id, key=asked["wallet_type"])
    rates = BreakageRate.objects.filter(wallet_type=kind, cohort=asked["cohort"])
    newest = rates.aggregate(newest=Max("version"))["newest"] or 0
    from_date = date.fromisoformat(asked["from_date"])
    with _open_period(from_date):
        rate = BreakageRate.objects.create(
            program_id=approval.program_id,
            wallet_type=kind,
            cohort=asked["cohort"],
            version=newest + 1,
            rate=Decimal(asked["rate"]),
            from_date=from_date,
            proposed_by=_asked_by(approval),
            approved_by=by,
            approved_at=at,
            approval_id=approval.pk,
        )
    return f"{BREAKAGE}:{rate.pk}"


def _asked_by(approval: Approval) -> User:
    assert approval.requested_by is not None, "staff ask for it, not partners"
    return approval.requested_by


def _tell_rate(approval: Approval) -> tuple[Fact, ...]:
    asked = approval.payload
    return (
        Fact(gettext_lazy("Kind of points"), asked["wallet_type"]),
        Fact(gettext_lazy("Of points earned in"), asked["cohort"] or _("any time")),
        Fact(gettext_lazy("Never used"), f"{percent(Decimal(asked['rate']))} %"),
        Fact(gettext_lazy("From"), date_format(date.fromisoformat(asked["from_date"]))),
    )


def _telling(
    tell: Callable[[Approval], tuple[Fact, ...]],
) -> Callable[[Sequence[Approval]], dict[UUID, tuple[Fact, ...]]]:
    return lambda asked: {approval.pk: tell(approval) for approval in asked}


def propose_reopening(lock: PeriodLock, *, reason: str, by: User, at: datetime) -> Approval:
    """
    Ask for a closed period to be opened again; somebody else decides.

    :raises InvalidInput: without a reason
    :raises NotTheNewestLock: if it was reopened already, or a later one is closed
    """
    if not reason.strip():
        raise InvalidInput(_("Say why: it stays with the period."), pointer="#/reason")
    if closing.newest(lock.program) != lock:
        raise NotTheNewestLock
    return approvals.request(
        program=lock.program,
        kind=REOPENING,
        subject_id=lock.pk,
        summary=_("Reopen the books closed through %(day)s") % {"day": date_format(lock.through_date)},
        payload={"lock": str(lock.pk), "through_date": str(lock.through_date)},
        note=reason,
        by=by,
        at=at,
    )


def _reopen(approval: Approval, by: User, at: datetime) -> str:
    lock = PeriodLock.objects.filter(program=approval.program_id, pk=approval.payload["lock"]).first()
    if lock is None:
        raise NotFound
    if closing.newest(lock.program) != lock:
        raise NotTheNewestLock
    PeriodLock.objects.filter(pk=lock.pk).update(
        reopened_by=by, reopened_at=at, reopening_asked_by=_asked_by(approval), reopening_id=approval.pk
    )
    return f"{REOPENING}:{lock.pk}"


def _tell_reopening(approval: Approval) -> tuple[Fact, ...]:
    through = date.fromisoformat(approval.payload["through_date"])
    return (
        Fact(gettext_lazy("Closed through"), date_format(through)),
        Fact(
            gettext_lazy("What happens"),
            _("Bookings, costs and breakage rates of these days are possible again; its figures are kept."),
        ),
    )
