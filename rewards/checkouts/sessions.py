"""The journey of a basket until it is paid: opened, and changed as often as the member likes."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.utils.translation import gettext as _
from msgspec.structs import replace

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from members import households, pooling
from members.ledger import store
from members.ledger.state import Account
from members.models import Member
from members.paying import Context
from members.references import MemberReference, member_of, reference
from rewards import redeeming
from rewards.checkouts import offered
from rewards.checkouts.contents import CheckoutContents, CheckoutRequest, check
from rewards.checkouts.offered import NothingLeftToPay
from rewards.checkouts.pricing import Item, Kind, Priced, price
from rewards.checkouts.quote import PointsApplied, Quote, RewardApplied
from rewards.checkouts.quoting import Applied, kind_keys, quoted
from rewards.checkouts.reserving import Reserving, latest
from rewards.checkouts.states import lock, must_be_open, quote_of
from rewards.deciding.activities import Basket, Line, Money
from rewards.journeys import previewing
from rewards.journeys.returns.goods import cents
from rewards.models import Checkout, Reward

Seen = Callable[[Checkout], None]
"""Refuses a change by who has not seen the checkout as it is; called with its row held."""


@transaction.atomic
def begin(wanted: CheckoutRequest, *, program: Program, source: str, actor: str, at: datetime) -> Checkout:
    """
    Price a basket and reserve what is applied to it, for some time.

    :raises InvalidInput: for what cannot be, with a pointer
    :raises UnknownMember: if no member of the program has that identifier
    :raises MemberIsBlocked: if the member may not spend
    :raises PointsDoNotPay: and the other refusals of `offered.tenders()`
    :raises UnknownReward: and the other refusals of `redeeming.hold()`
    :raises UnknownVoucher: and the other refusals of `vouchers.reserve()`
    :raises BasketTooSmall: for a discount that is for a larger basket
    :raises NothingLeftToPay: for a discount, or points, that find nothing to be taken off
    :raises members.ledger.operations.InsufficientPoints: if the member has too few
    """
    context = Context(program=program, source=source, actor=actor, at=at)
    check(wanted, wanted.member, context)
    account = _find(wanted.member, program)
    hold_wallets = pooling.lock if wanted.from_household else store.lock
    hold_wallets([account.member_id])
    checkout = Checkout(
        id=new_id(), program=program, member_id=account.member_id, source=source, opened_at=at
    )
    _fill(checkout, wanted, None, context)
    checkout.save(force_insert=True)
    return checkout


@transaction.atomic
def change(
    checkout_id: UUID,
    contents: CheckoutContents,
    *,
    seen: Seen,
    program: Program,
    source: str,
    actor: str,
    at: datetime,
) -> Checkout:
    """
    Have other contents in a checkout, and its time begin anew; what is still wanted stays reserved.

    :raises UnknownCheckout: if the program has none with that id
    :raises CheckoutIsClosed: if it has ended, or its time is over
    :raises InvalidInput: and the other refusals of `begin()`; all is as it was then
    """
    context = Context(program=program, source=source, actor=actor, at=at)
    checkout = lock(checkout_id, program=program, with_household=contents.from_household)
    must_be_open(checkout, at=at)
    seen(checkout)
    check(contents, _member(checkout), context)
    _fill(checkout, contents, quote_of(checkout), context)
    checkout.save(update_fields=["basket", "quote", "total", "expires_at"])
    return checkout


def _find(member: MemberReference, program: Program) -> Account:
    (account,) = store.load(program.pk, [reference(member)])
    return member_of(account, member)


def _member(checkout: Checkout) -> MemberReference:
    return MemberReference("id", str(checkout.member_id))


def _fill(checkout: Checkout, contents: CheckoutContents, before: Quote | None, context: Context) -> None:
    """Price, reserve, preview; the member's wallets are held."""
    program = context.program
    checkout.expires_at = latest(checkout, context.at + timedelta(seconds=contents.lives_for_seconds))
    free = _free(_find(_member(checkout), program), before, program)
    if contents.from_household:
        free = _with_shared(free, checkout, at=context.at)
    rewards = offered.rewards(contents.rewards, program=program)
    vouchers = offered.vouchers(contents.vouchers, program=program)
    found = _priced(contents, [*rewards, *(voucher.redemption.reward for voucher in vouchers)], program)
    reserving = Reserving(checkout, before, context, from_household=contents.from_household)
    by_kind = {
        one.wallet_type: paid.points for one, paid in zip(contents.points, found.payments, strict=True)
    }
    reserving.vouchers([voucher.pk for voucher in vouchers])
    reserving.keep(points=by_kind, rewards=contents.rewards)
    redemptions = reserving.rewards(contents.rewards)
    holds = [
        reserving.points(key, points, position=position)
        for position, (key, points) in enumerate(by_kind.items())
    ]
    applied = Applied(holds=holds, rewards=rewards, redemptions=redemptions, vouchers=vouchers, free=free)
    quote = quoted(contents, found, applied, program=program)
    quote = replace(quote, earns=_earns(checkout, contents, quote, context))
    checkout.basket = msgspec.to_builtins(
        {"lines": contents.lines, "store": contents.store, "attributes": contents.attributes}
    )
    checkout.quote = msgspec.to_builtins(quote)
    checkout.total = Decimal(quote.total.amount)


def _free(account: Account, before: Quote | None, program: Program) -> Mapping[str, int]:
    """Points by kind that the member has or that are reserved here already."""
    keys = kind_keys(program)
    free = Counter({keys[wallet.type_id]: wallet.available for wallet in account.wallets})
    if before:
        reserved: tuple[PointsApplied | RewardApplied, ...] = (*before.points, *before.rewards)
        for one in reserved:
            free[one.wallet_type] += one.points
    return free


def _with_shared(free: Mapping[str, int], checkout: Checkout, *, at: datetime) -> Mapping[str, int]:
    """And what the others of the household share of theirs."""
    member = Member.objects.select_related("program").get(pk=checkout.member_id)
    shared = {pool.wallet_type: pool.shared for pool in households.pooled(member, at=at)}
    return Counter(free) + Counter(shared)


def _priced(contents: CheckoutContents, rewards: Sequence[Reward], program: Program) -> Priced:
    """
    :raises BasketTooSmall: with a pointer to what is for a larger basket
    :raises NothingLeftToPay: with a pointer to what would be of no use
    """
    discounts = [offered.discount_of(reward) for reward in rewards]
    items = [
        Item(id=line.id, sku=line.sku, quantity=_quantity(line), cents=cents(line.amount.value))
        for line in contents.lines
    ]
    pointers = [f"#/rewards/{position}" for position in range(len(contents.rewards))]
    pointers += [f"#/vouchers/{position}" for position in range(len(contents.vouchers))]
    _check_minimums(items, list(zip(pointers, rewards, strict=True)), program)
    found = price(items, discounts=discounts, tenders=offered.tenders(contents.points, program=program))
    for pointer, reward, discount, taken in zip(pointers, rewards, discounts, found.discounts, strict=True):
        if discount.kind != Kind.NONE and not taken.cents:
            detail = _("“{name}” finds nothing in this basket to be taken off.")
            raise NothingLeftToPay(detail.format(name=reward.name), pointer=pointer)
    for position, paid in enumerate(found.payments):
        if not paid.points:
            detail = _(
                "These points pay nothing of this basket: they are too few, or nothing is left to pay."
            )
            raise NothingLeftToPay(detail, pointer=f"#/points/{position}/points")
    return found


def _check_minimums(items: Sequence[Item], wanted: Sequence[tuple[str, Reward]], program: Program) -> None:
    basket = Decimal(sum(item.cents for item in items)).scaleb(-2)
    for pointer, reward in wanted:
        redeeming.check_minimum(
            reward.minimum_basket, name=reward.name, basket=basket, program=program, pointer=pointer
        )


def _quantity(line: Line) -> Decimal:
    return Decimal(line.quantity)


def _earns(checkout: Checkout, contents: CheckoutContents, quote: Quote, context: Context) -> dict[str, Any]:
    """What the member would earn with it, were it paid now."""
    basket = Basket(
        member=_member(checkout),
        amount=quote.total,
        store=contents.store,
        lines=sold_lines(contents.lines, quote),
        attributes=contents.attributes,
    )
    previewed = previewing.preview(basket, program=context.program, source=context.source, at=context.at)
    told: dict[str, Any] = msgspec.to_builtins(previewed)
    return told


def sold_lines(lines: Sequence[Line], quote: Quote) -> tuple[Line, ...]:
    """
    The lines as a sale reports them: what is paid in money, and all that was taken off.

    Their tax is a part of the amount, and gets smaller with it.
    """
    return tuple(
        replace(
            line,
            amount=now.total,
            discount=_sum(line.discount, now.discount, now.paid_with_points),
            tax=line.tax and _in_proportion(line.tax, now.total, line.amount),
        )
        for line, now in zip(lines, quote.lines, strict=True)
    )


def _sum(*parts: Money | None) -> Money | None:
    there = [part for part in parts if part is not None]
    total = sum(cents(part.value) for part in there)
    return replace(there[0], amount=f"{Decimal(total).scaleb(-2):.2f}") if total else None


def _in_proportion(tax: Money, now: Money, before: Money) -> Money:
    share = now.value / before.value if before.value else Decimal(1)
    return replace(tax, amount=f"{tax.value * share:.2f}")
