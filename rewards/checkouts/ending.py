"""A checkout that comes to nothing: abandoned, or its time is over. Everything reserved is free again."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from loyalty.core import events
from loyalty.core.models import Program
from members.paying import Context
from rewards.checkouts.reserving import let_go_of_vouchers, release_points, release_rewards
from rewards.checkouts.states import closed, happened, lock, lock_wallets, quote_of
from rewards.models import Checkout, CheckoutStatus

CHUNK: Final = 200
"""Overdue checkouts that are looked for at a time."""


@transaction.atomic
def abandon(checkout_id: UUID, *, program: Program, source: str, actor: str, at: datetime) -> Checkout:
    """
    End a checkout without a purchase. One that came to nothing already stays as it is.

    :raises UnknownCheckout: if the program has none with that id
    :raises CheckoutIsClosed: if it was paid
    """
    checkout = lock(checkout_id, program=program)
    if checkout.status == CheckoutStatus.CONFIRMED:
        raise closed(checkout.status)
    if checkout.status == CheckoutStatus.OPEN:
        how = CheckoutStatus.EXPIRED if checkout.is_overdue(at) else CheckoutStatus.ABANDONED
        _end(checkout, how, Context(program=program, source=source, actor=actor, at=at))
    return checkout


def expire_overdue(program: Program, *, at: datetime) -> Iterator[int]:
    """
    End checkouts whose time is over, each in a commit of its own: how many at a time.

    A run that was broken off goes on where it stopped when it is run again.
    """
    overdue = Checkout.objects.of(program).overdue(at).order_by("expires_at", "pk")
    passed: set[UUID] = set()
    while ids := list(overdue.exclude(pk__in=passed).values_list("pk", flat=True)[:CHUNK]):
        ended = {checkout_id for checkout_id in ids if _expired(checkout_id, program, at)}
        passed |= set(ids) - ended
        yield len(ended)


@transaction.atomic
def _expired(checkout_id: UUID, program: Program, at: datetime) -> bool:
    # Whoever holds it is ending or prolonging it; if not, the next run finds it again.
    rows = Checkout.objects.of(program).select_for_update(skip_locked=True)
    checkout = rows.filter(pk=checkout_id).first()
    if checkout is None or not checkout.is_overdue(at):
        return False
    lock_wallets(checkout)
    context = Context(program=program, source="", actor="system:checkouts", at=at)
    _end(checkout, CheckoutStatus.EXPIRED, context)
    return True


def _end(checkout: Checkout, how: CheckoutStatus, context: Context) -> None:
    quote = quote_of(checkout)
    let_go_of_vouchers(quote.vouchers, context)
    release_rewards([one.redemption_id for one in quote.rewards], context)
    release_points(checkout, quote.points, context)
    checkout.status, checkout.closed_at = how, context.at
    checkout.save(update_fields=["status", "closed_at"])
    events.publish([happened(checkout, f"checkout.{how.value}", context.at)])
