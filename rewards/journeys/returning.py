"""
The journey of a return: take back from the recorded grant what the returned part of it gave.

Today's campaigns have no say in yesterday's sale: what it gave is recorded with it, and what the rest of
it would have given is asked of the versions that were in force then. Several returns of one sale are
counted together, so that they end exactly at the whole.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar, Final, Literal
from uuid import UUID

import msgspec
from django.db import IntegrityError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Struct
from msgspec.structs import replace

from loyalty.core.clock import Moment
from loyalty.core.db import Batch, Moved, fetch, settled, violated
from loyalty.core.errors import EXAMPLE_ID, DomainError, Extra, InvalidInput
from loyalty.core.ids import new_id
from loyalty.core.models import Program
from members import terms
from members.ledger import store
from rewards.deciding.activities import Return
from rewards.deciding.recorded import (
    CLOCKS_MAY_DIFFER_BY,
    EARLIEST,
    RACES,
    AlreadyReported,
    Recorded,
    check_currency,
)
from rewards.journeys.returns import found as reading
from rewards.journeys.returns.booking import Booking, Request
from rewards.journeys.returns.found import Found, SoldThen, Waiting
from rewards.journeys.returns.goods import ReturnedTooMuch, coming_back
from rewards.models import WaitingReturn, WaitingStatus

__all__ = ["Answer", "ReturnWasRefused", "ReturnedTooMuch", "SaleIsUndone", "Waits", "record"]


class ReturnWasRefused(DomainError):
    """The return waited for its sale, and could not be applied when the sale came; the detail says why."""

    code: ClassVar[str] = "return_refused"
    title: ClassVar[str] = "The return was refused when its sale came"


class SaleIsUndone(DomainError):
    """The sale was cancelled or corrected before; `corrected_by` names what stands in its place."""

    code: ClassVar[str] = "transaction_undone"
    title = gettext_lazy("The sale was cancelled or corrected before")
    extras = {
        "corrected_by": Extra(
            EXAMPLE_ID,
            gettext_lazy("What stands in its place, if it was corrected"),
        ),
    }


class Waits(Struct, frozen=True, kw_only=True, tag_field="kind", tag="return"):
    """A return whose sale was not reported yet: kept, and applied by itself when the sale comes."""

    id: UUID
    status: Literal["waiting"] = "waiting"
    external_id: str
    sale_external_id: str
    occurred_at: Moment
    recorded_at: Moment


Answer = Recorded | Waits
Also = Callable[[Batch, Answer], None]
_RACES: Final = (*RACES, "a_return_waits_once", "a_return_waits_or_is_booked", "rewards_activity_pkey")


def record(
    returned: Return,
    *,
    program: Program,
    source: str,
    actor: str,
    at: datetime,
    also: Also | None = None,
    sold_by: str = "",
) -> Answer:
    """
    Book a return, once. Without lines or an amount, all that is left of the sale comes back.

    What the member has spent meanwhile of the points that go comes from other points; what those do not
    cover is written off or owed, by the wallet type's policy. Points that paid for what came back are
    given back. A return of a sale that this partner, or `sold_by`, has not reported yet waits for it.

    :raises ReturnedTooMuch: if more came back than is left of a line or of the sale
    :raises InvalidInput: wrong currency, unknown lines, a time in the future or before the sale
    :raises AlreadyReported: if the external id was reported before with other content
    :raises ReturnWasRefused: if it waited, and its sale did not fit
    :raises SaleIsUndone: if the sale was cancelled
    """
    request = Request(
        returned=returned,
        program=program,
        terms=terms.of(program),
        source=source,
        actor=actor,
        at=at,
        sold_by=sold_by,
    )

    def attempt(is_locking: bool) -> Answer:
        return _attempt(request, also, is_locking=is_locking)

    return settled(attempt, races=_RACES)


def _attempt(request: Request, also: Also | None, *, is_locking: bool) -> Answer:
    found = _find(request)
    if is_locking and found.sale:
        _lock(found, found.sale)
        found = _find(request)
    if answer := _known(request.returned, found):
        return answer
    _check(request)
    if found.sale is None:
        return _wait(request, found.waiting, also)
    if not is_locking and not any(account.wallets for account in found.accounts):
        raise Moved  # without a wallet to guard them, the returns of a sale take turns by a lock on it
    if request.returned.occurred_at < found.sale.occurred_at - CLOCKS_MAY_DIFFER_BY:
        raise InvalidInput("Nothing comes back before it was sold.", pointer="#/occurred_at")
    return _book(request, found, found.sale, also)


def _find(request: Request) -> Found:
    """What is known of the return; that of a corrected sale is of the one in its place."""
    returned, program, source = request.returned, request.program, request.source
    found = reading.find(returned, program=program, source=source, sold_by=request.sold_by)
    if found.sale is not None or found.recorded is not None:
        return found
    place = reading.in_place_of(returned.sale_external_id, program=program, source=request.sold_by or source)
    if place is None:
        return found
    number, is_cancelled = place
    if is_cancelled:
        raise SaleIsUndone(_("The sale was cancelled: nothing of it can come back."))
    moved = replace(returned, sale_external_id=number)
    return reading.find(moved, program=program, source=source, sold_by=request.sold_by)


def _lock(found: Found, sale: SoldThen) -> None:
    store.lock(account.member_id for account in found.accounts)
    fetch("SELECT id FROM rewards_activity WHERE id = $1 FOR UPDATE", [sale.id])


def _known(returned: Return, found: Found) -> Recorded | None:
    """
    The first result, if the return was booked before.

    :raises AlreadyReported: if that had other content
    :raises ReturnWasRefused: if it waited and was refused
    """
    fingerprint = found.waiting.fingerprint if found.waiting else found.fingerprint
    if fingerprint is not None and fingerprint != returned.fingerprint:
        raise AlreadyReported(
            f"“{returned.external_id}” was reported before, with other content.", pointer="#/external_id"
        )
    if found.recorded is None and found.waiting and not found.waiting.is_open:
        raise ReturnWasRefused(found.waiting.reason)
    return found.recorded


def _check(request: Request) -> None:
    """
    Refuse what cannot be, whatever the sale was.

    :raises InvalidInput: with a pointer to the field at fault
    """
    returned, program = request.returned, request.program
    if returned.occurred_at > request.at + CLOCKS_MAY_DIFFER_BY:
        raise InvalidInput("This cannot have happened yet.", pointer="#/occurred_at")
    if returned.occurred_at < EARLIEST:
        raise InvalidInput("This is too long ago: the earliest year is 2000.", pointer="#/occurred_at")
    if returned.amount and returned.lines:
        raise InvalidInput("Say which lines came back, or the amount: not both.", pointer="#/amount")
    if returned.amount:
        check_currency(returned.amount, program, "#/amount/currency")
    for position, line in enumerate(returned.lines or ()):
        if line.amount:
            check_currency(line.amount, program, f"#/lines/{position}/amount/currency")


def _wait(request: Request, waiting: Waiting | None, also: Also | None) -> Waits:
    returned = request.returned
    waits = Waits(
        id=waiting.id if waiting else new_id(),
        external_id=returned.external_id,
        sale_external_id=returned.sale_external_id,
        occurred_at=returned.occurred_at.astimezone(UTC),
        recorded_at=(waiting.recorded_at if waiting else request.at).astimezone(UTC),
    )
    if waiting is None:
        batch = Batch()
        batch.insert(WaitingReturn, _WAITING_FIELDS, [_waiting_row(request, waits)])
        if also:
            also(batch, waits)
        batch.write()
    return waits


_WAITING_FIELDS: Final = (
    "id", "program", "source", "external_id", "sale_external_id",
    "body", "fingerprint", "status", "reason", "occurred_at", "recorded_at",
)  # fmt: skip


def _waiting_row(request: Request, waits: Waits) -> tuple[object, ...]:
    returned = request.returned
    return (
        waits.id, request.program.pk, request.source, returned.external_id, returned.sale_external_id,
        msgspec.to_builtins(returned), returned.fingerprint, WaitingStatus.WAITING.value, "",
        waits.occurred_at, waits.recorded_at,
    )  # fmt: skip


def _book(request: Request, found: Found, sale: SoldThen, also: Also | None) -> Recorded:
    back = coming_back(request.returned, sale.goods, before=sale.back, currency=request.program.currency)
    paid_from = {lot_id for payment in sale.payments for lot_id, _ in payment.lots}
    accounts = store.with_lots_of(
        found.accounts, sale.id, lot_ids=paid_from, keeps_due=request.terms.keeps_due
    )
    booking = Booking(request, found.seen_with(accounts), sale, back)
    batch = Batch()
    booking.add_to(batch)
    if also:
        also(batch, booking.recorded)
    try:
        batch.write()
    except IntegrityError as error:
        if violated(error) == "no_more_is_returned_than_was_sold":
            raise ReturnedTooMuch(pointer="#/amount") from error
        raise
    return booking.recorded
