"""
Where a checkout stands, and who may move it on.

Note [Checkout]
~~~~~~~~~~~~~~~
Each step is one transaction that holds, in this order, the checkout's row, the member's wallets, and
then what redemptions hold (see Note [One end of a redemption] in `rewards.redeeming.states`). So of a
payment and of the end of the time, which both want to end a checkout, the second finds what the first
has made of it; and a checkout whose time is over is not paid any more, whether or not the job that ends
it has come by. The points that pay name the checkout and end with it: nothing else lets them go.
"""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

import msgspec
from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core.errors import DomainError, Extra
from loyalty.core.events import NewEvent
from loyalty.core.models import Program
from members import pooling
from members.ledger import store
from rewards.checkouts.quote import Quote
from rewards.models import Checkout, CheckoutStatus


class UnknownCheckout(DomainError):
    """The program has no checkout with that id."""

    code: ClassVar[str] = "unknown_checkout"
    status: ClassVar[int] = 404
    title = gettext_lazy("No such checkout")


class CheckoutIsClosed(DomainError):
    """The checkout has ended already, in another way: `ended` says how. Open a new one."""

    code: ClassVar[str] = "checkout_is_closed"
    title = gettext_lazy("The checkout has ended")
    extras = {
        "ended": Extra("confirmed", gettext_lazy("How it has ended: confirmed, abandoned or expired")),
    }


def find(checkout_id: UUID, *, program: Program) -> Checkout:
    """
    A checkout of the program, open or closed.

    :raises UnknownCheckout: if there is none
    """
    checkout = Checkout.objects.of(program).filter(pk=checkout_id).first()
    if checkout is None:
        raise unknown(checkout_id)
    return checkout


def lock(checkout_id: UUID, *, program: Program, with_household: bool = False) -> Checkout:
    """
    Hold a checkout and its member's wallets until the transaction ends: see Note [Checkout].

    :raises UnknownCheckout: if the program has none with that id
    """
    assert connection.in_atomic_block, "a lock without a transaction holds nothing"
    checkout = Checkout.objects.of(program).select_for_update().filter(pk=checkout_id).first()
    if checkout is None:
        raise unknown(checkout_id)
    lock_wallets(checkout, with_household=with_household)
    return checkout


def lock_wallets(checkout: Checkout, *, with_household: bool = False) -> None:
    """Hold the member's wallets, and those of who has added points or is asked to."""
    is_open = checkout.status == CheckoutStatus.OPEN
    if with_household or (is_open and quote_of(checkout).is_of_household):
        pooling.lock([checkout.member_id])
    else:
        store.lock([checkout.member_id])


def must_be_open(checkout: Checkout, *, at: datetime) -> None:
    """:raises CheckoutIsClosed: with how it has ended"""
    if checkout.status != CheckoutStatus.OPEN:
        raise closed(checkout.status)
    if checkout.is_overdue(at):
        raise closed(CheckoutStatus.EXPIRED)


def closed(how: str) -> CheckoutIsClosed:
    told = {
        CheckoutStatus.CONFIRMED: _("The checkout was paid already."),
        CheckoutStatus.ABANDONED: _("The checkout was abandoned; everything is free again."),
        CheckoutStatus.EXPIRED: _("The time of the checkout is over; everything is free again."),
    }
    return CheckoutIsClosed(told[CheckoutStatus(how)], ended=str(CheckoutStatus(how).value))


def unknown(checkout_id: object) -> UnknownCheckout:
    return UnknownCheckout(_("There is no checkout {id}.").format(id=checkout_id))


def quote_of(checkout: Checkout) -> Quote:
    return msgspec.convert(checkout.quote, Quote)


def happened(checkout: Checkout, event_type: str, at: datetime, **data: object) -> NewEvent:
    """Something that the world hears about it."""
    total = quote_of(checkout).total
    return NewEvent(
        type=event_type,
        program_id=checkout.program_id,
        member_id=checkout.member_id,
        occurred_at=at,
        recorded_at=at,
        data={"checkout_id": str(checkout.pk), "total": msgspec.to_builtins(total), **data},
    )
