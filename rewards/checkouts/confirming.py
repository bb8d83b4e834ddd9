"""The payment of a checkout: points, rewards and the sale in one commit, or nothing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

import msgspec
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Meta, Struct

from loyalty.core import events
from loyalty.core.codes import VISIBLE, Code
from loyalty.core.errors import DomainError, Extra
from loyalty.core.models import Program
from members import holds
from members.paying import Context
from members.references import MemberReference
from rewards import redeeming
from rewards.checkouts.contents import priced
from rewards.checkouts.quote import Quote
from rewards.checkouts.reserving import kept_for
from rewards.checkouts.sessions import sold_lines
from rewards.checkouts.states import happened, lock, must_be_open, quote_of
from rewards.deciding.activities import Line, Money, Sale
from rewards.deciding.recorded import AlreadyReported, Recorded, check_currency
from rewards.journeys import earning
from rewards.journeys.returns.goods import cents
from rewards.models import Checkout, CheckoutStatus, Redemption, RedemptionStatus
from rewards.redeeming import RedemptionNotInState, vouchers


class PaymentsDoNotAddUp(DomainError):
    """The payments are not together what is to be paid, which is `due`. Nothing was booked."""

    code: ClassVar[str] = "payments_do_not_add_up"
    status: ClassVar[int] = 422
    title = gettext_lazy("The payments are not the total")
    extras = {
        "due": Extra({"amount": "12.50", "currency": "EUR"}, gettext_lazy("What is to be paid in all")),
    }


class Payment(Struct, frozen=True, forbid_unknown_fields=True):
    """Money that was paid, and how: as cash, card or invoice."""

    method: Annotated[str, Meta(min_length=1, max_length=40, pattern=VISIBLE, examples=["card"])]
    amount: Money


class Purchase(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The receipt number of the sale, and what was paid for it in money: nothing, where nothing was left."""

    external_id: Annotated[Code, Meta(description="Your number of the receipt or order")]
    payments: Annotated[tuple[Payment, ...], Meta(max_length=20)]


@transaction.atomic
def confirm(
    checkout_id: UUID, purchase: Purchase, *, program: Program, source: str, actor: str, at: datetime
) -> Checkout:
    """
    Settle the points, confirm the rewards and record the sale, in one commit.

    A repeat with the same content is answered with the checkout as it was paid.

    :raises UnknownCheckout: if the program has none with that id
    :raises CheckoutIsClosed: if it has ended in another way, or its time is over
    :raises PaymentsDoNotAddUp: if they are not the total
    :raises InvalidInput: if they are in another currency
    :raises MemberIsBlocked: if the member may not spend
    :raises VoucherNotUsable: if a voucher of it was made void
    :raises RedemptionNotInState: if a reward of it was given up or confirmed by itself
    :raises AlreadyReported: if the receipt number belongs to another sale
    """
    context = Context(program=program, source=source, actor=actor, at=at)
    checkout = lock(checkout_id, program=program)
    if checkout.status == CheckoutStatus.CONFIRMED and _is_the_same(checkout, purchase, source):
        return checkout
    must_be_open(checkout, at=at)
    quote = quote_of(checkout)
    _check_payments(purchase.payments, quote, program)
    _use_vouchers(checkout, quote, purchase.external_id, context)
    _confirm_rewards(quote, context)
    _settle_points(checkout, quote, purchase.external_id, context)
    recorded = _sell(checkout, quote, purchase.external_id, context)
    _close(checkout, purchase, recorded, context)
    return checkout


def _is_the_same(checkout: Checkout, purchase: Purchase, source: str) -> bool:
    asked = (source, purchase.external_id, _plain(purchase.payments))
    return asked == (checkout.paid_source, checkout.paid_external_id, checkout.payments)


def _plain(payments: Sequence[Payment]) -> list[Any]:
    return [msgspec.to_builtins(payment) for payment in payments]


def _check_payments(payments: Sequence[Payment], quote: Quote, program: Program) -> None:
    for position, payment in enumerate(payments):
        check_currency(payment.amount, program, f"#/payments/{position}/amount/currency")
    paid = sum(cents(payment.amount.value) for payment in payments)
    if paid != cents(quote.total.value):
        detail = _("The payments are {paid} in all, and {total} {currency} is to be paid.").format(
            paid=priced(paid, program).amount, total=quote.total.amount, currency=program.currency
        )
        due = msgspec.to_builtins(quote.total)
        raise PaymentsDoNotAddUp(detail, pointer="#/payments", due=due)


def _use_vouchers(checkout: Checkout, quote: Quote, external_id: str, context: Context) -> None:
    for one in sorted(quote.vouchers, key=lambda one: one.voucher_id):
        vouchers.use(
            one.code,
            external_id=external_id,
            amount=one.discount.value,
            reserved_at=checkout.opened_at,
            program=context.program,
            source=context.source,
            at=context.at,
        )


def _confirm_rewards(quote: Quote, context: Context) -> None:
    wanted = {one.redemption_id: one for one in quote.rewards}
    if not wanted:
        return
    found = Redemption.objects.of(context.program).filter(pk__in=wanted).select_related("reward")
    for redemption in found.order_by("reward__key", "pk"):
        # One that a partner has confirmed by itself has its voucher: it must not be taken off, too.
        if redemption.status != RedemptionStatus.HELD:
            detail = _("The reward “{key}” was given up or confirmed by itself: change the checkout.")
            raise RedemptionNotInState(
                detail.format(key=redemption.reward.key), redemption_status=redemption.status
            )
        redeeming.confirm(
            redemption.pk,
            is_handed_over=wanted[redemption.pk].discount.value > 0,
            program=context.program,
            source=context.source,
            actor=context.actor,
            at=context.at,
        )


def _settle_points(checkout: Checkout, quote: Quote, external_id: str, context: Context) -> None:
    for one in quote.points:
        holds.settle(
            one.hold_id,
            sale_external_id=external_id,
            lines=one.lines,
            kept_for=kept_for(checkout),
            program=context.program,
            source=context.source,
            actor=context.actor,
            at=context.at,
        )


def _sell(checkout: Checkout, quote: Quote, external_id: str, context: Context) -> Recorded:
    """The sale comes last: a return that waits for it finds the points that have paid."""
    lines = msgspec.convert(checkout.basket["lines"], tuple[Line, ...])
    sale = Sale(
        external_id=external_id,
        occurred_at=context.at,
        member=MemberReference("id", str(checkout.member_id)),
        amount=quote.total,
        store=checkout.basket["store"],
        lines=sold_lines(lines, quote),
        attributes=checkout.basket["attributes"],
    )
    recorded = earning.record(
        sale, program=context.program, source=context.source, actor=context.actor, at=context.at
    )
    if recorded.is_repeat:
        detail = _("“{external_id}” was reported before, without this checkout.")
        raise AlreadyReported(
            detail.format(external_id=external_id), pointer="#/external_id", first_id=str(recorded.id)
        )
    return recorded


def _close(checkout: Checkout, purchase: Purchase, recorded: Recorded, context: Context) -> None:
    checkout.status, checkout.closed_at = CheckoutStatus.CONFIRMED, context.at
    checkout.payments = _plain(purchase.payments)
    checkout.paid_source, checkout.paid_external_id = context.source, purchase.external_id
    checkout.sale_id = recorded.id
    checkout.receipt = _told(recorded)
    checkout.save()
    told = happened(
        checkout,
        "checkout.confirmed",
        context.at,
        external_id=purchase.external_id,
        transaction_id=str(recorded.id),
    )
    events.publish([told])


def _told(recorded: Recorded) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(recorded)
    del plain["is_repeat"], plain["returned"]
    return plain
