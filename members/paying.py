"""
Decisions about holds: what a new one is, whether one may end, and what follows when it does.

Note [One end of a hold]
~~~~~~~~~~~~~~~~~~~~~~~~
A hold ends once: settled, released or expired. Whoever ends it has read it together with its wallet,
and writes only if the wallet's version is still that one, in the statement that moves it. Of two who
read the same open hold, the second therefore reads it again, finds it closed, and says so. A hold
whose time is over cannot be settled, whether or not the job that expires it has come by.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Struct
from msgspec.structs import replace

from loyalty.core import events
from loyalty.core.errors import DomainError, Extra, InvalidInput
from loyalty.core.ids import new_id
from loyalty.core.models import Program
from members import terms
from members.ledger import operations, telling
from members.ledger.chain import Cause
from members.ledger.operations import Change
from members.ledger.renewal import renewing
from members.ledger.reservations import Found, HoldState
from members.ledger.state import WalletState
from members.models import HoldStatus


class HoldIsClosed(DomainError):
    """The hold has ended already, in another way: `ended` says how, `settled` how many points it spent."""

    code: ClassVar[str] = "hold_is_closed"
    title: ClassVar[str] = "The hold has ended"
    extras = {
        "ended": Extra("settled", gettext_lazy("How it has ended: settled, released or expired")),
        "settled": Extra(300, gettext_lazy("How many points it has spent")),
    }


class HoldIsKept(DomainError):
    """The hold is part of a redemption or checkout and ends with that: `kept_for` says of which."""

    code: ClassVar[str] = "hold_is_kept"
    title: ClassVar[str] = "The hold ends with what it is kept for"
    extras = {
        "kept_for": Extra(
            "redemption:01976c1e-5d7a-7000-8000-3a52e6e1d0b4",
            gettext_lazy("What it is part of, and ends with: redemption or checkout, and its id"),
        ),
    }


class MoreThanHeld(DomainError):
    """The hold has fewer points than are to be settled."""

    code: ClassVar[str] = "more_than_held"
    title: ClassVar[str] = "More than was held"
    extras = {
        "held": Extra(300, gettext_lazy("Points of the hold")),
    }


class Payment(Struct, frozen=True, kw_only=True):
    """What points pay for: a sale by its outside id, and how many of them for which of its lines."""

    points: int
    sale_external_id: str = ""
    lines: dict[str, int] = {}


class Context(Struct, frozen=True, kw_only=True):
    """Where a call comes from, and when."""

    program: Program
    source: str
    actor: str
    at: datetime


class Decision(Struct, frozen=True, kw_only=True):
    """A hold as it will be, what moves its points, and what the world hears of it."""

    hold: HoldState
    changes: tuple[Change, ...]
    events: tuple[events.NewEvent, ...]


def new_hold(wallet: WalletState, points: int, context: Context, lives_for: timedelta) -> HoldState:
    return HoldState(
        id=new_id(),
        program_id=wallet.program_id,
        member_id=wallet.member_id,
        wallet_id=wallet.id,
        points=points,
        source=context.source,
        placed_at=context.at,
        expires_at=context.at + lives_for,
    )


def check(payment: Payment) -> None:
    """:raises InvalidInput: if the lines do not add up, or no sale is named for them"""
    if not payment.lines:
        return
    if not payment.sale_external_id:
        raise InvalidInput(_("Say which sale these lines are of."), pointer="#/sale_external_id")
    if min(payment.lines.values()) <= 0:
        raise InvalidInput(_("Points of a line are more than nothing."), pointer="#/lines")
    total = sum(payment.lines.values())
    if total != payment.points:
        detail = _("The lines have {total} points in all, not {points}.")
        raise InvalidInput(detail.format(total=total, points=payment.points), pointer="#/lines")


def is_settled_so(hold: HoldState, payment: Payment, source: str) -> bool:
    """Whether just this was asked for before."""
    asked = (HoldStatus.SETTLED, payment.points, payment.sale_external_id, payment.lines, source)
    return asked == (hold.status, hold.settled, hold.paid_external_id, hold.paid_lines, hold.paid_source)


def must_be_kept_for(hold: HoldState, what: str) -> None:
    """:raises HoldIsKept: if that is not what the hold is a part of"""
    if hold.kept_for != what:
        detail = _("These points are reserved for {what} and are freed or spent with it.")
        raise HoldIsKept(detail.format(what=hold.kept_for or _("nothing else")), kept_for=hold.kept_for)


def must_be_open(hold: HoldState, at: datetime) -> None:
    """:raises HoldIsClosed: with how it has ended"""
    if hold.status != HoldStatus.HELD:
        raise ended(hold, hold.status)
    if hold.is_overdue(at):
        raise ended(hold, "expired")


def ended(hold: HoldState, how: str) -> HoldIsClosed:
    told = {
        "settled": _("The hold was settled already, with {points} points."),
        "released": _("The hold was released already."),
        "expired": _("The time of the hold is over; its points are free again."),
    }
    return HoldIsClosed(told[how].format(points=hold.settled), ended=how, settled=hold.settled)


def closed(hold: HoldState, how: HoldStatus, payment: Payment | None, context: Context) -> HoldState:
    """The hold as it will be stored when it has ended in that way."""
    closed = replace(hold, status=how.value, closed_at=context.at)
    if payment is None:
        return closed
    return replace(
        closed,
        settled=payment.points,
        paid_source=context.source,
        paid_external_id=payment.sale_external_id,
        paid_lines=payment.lines,
    )


def end(found: Found, closed: HoldState, payment: Payment | None, context: Context) -> Decision:
    """Spend what is paid, give the rest free, and let go at once what has expired while it was held."""
    wallet, left, changes = found.wallet, dict(found.held), list[Change]()
    if payment is not None:
        cause = cause_of(closed, "settle", context, reason=reason_of(payment))
        changes.append(operations.settle(wallet, held=left, points=payment.points, cause=cause))
        for posting in changes[-1].entry.postings:
            left[posting.lot_id] -= posting.points
    if any(left.values()):
        wallet = changes[-1].wallet if changes else wallet
        reason = "hold_expired" if closed.status == HoldStatus.EXPIRED else ""
        changes.append(
            operations.release(wallet, held=left, cause=cause_of(closed, "release", context, reason=reason))
        )
        changes += _expired(changes[-1].wallet, closed, left, context)
    known = terms.of(context.program)
    if payment is not None:
        changes[-1] = renewing(changes[-1], known, context.at)
    key = known.of_type(found.wallet.type_id).key
    told = tuple(event_of(change, closed, key) for change in changes)
    return Decision(hold=closed, changes=tuple(changes), events=told)


def _expired(
    wallet: WalletState, hold: HoldState, lots: Mapping[UUID, int], context: Context
) -> list[Change]:
    if wallet.keeps_due:
        return []
    change = operations.expire(wallet, cause=cause_of(hold, "expire", context), lot_ids=lots.keys())
    return [change] if change else []


def cause_of(hold: HoldState, what: str, context: Context, *, reason: str = "") -> Cause:
    return Cause(
        key=f"hold:{hold.id}:{what}",
        actor=context.actor,
        reason=reason,
        effective_at=context.at,
        recorded_at=context.at,
    )


def reason_of(payment: Payment) -> str:
    return f"sale:{payment.sale_external_id}" if payment.sale_external_id else ""


def event_of(change: Change, hold: HoldState, wallet_type: str) -> events.NewEvent:
    about: dict[str, Any] = {"hold_id": str(hold.id)}
    points = None
    if change.entry.kind == "release":
        points, about["hold_status"] = change.moved("held", "available"), hold.status
    elif hold.paid_external_id and change.entry.kind != "expire":
        about["sale_external_id"] = hold.paid_external_id
    return telling.told(change, wallet_type=wallet_type, points=points, **about)
