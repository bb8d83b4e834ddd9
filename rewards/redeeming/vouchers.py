"""
The life of a voucher: checked and used at a till or in a shop, rolled back, void.

Each journey is one transaction, or part of the caller's. Whoever changes a voucher holds its
redemption's row and then its own: see Note [One end of a redemption] in `rewards.redeeming.states`.
"""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core import events
from loyalty.core.errors import DomainError, Extra
from loyalty.core.models import Program
from members.models import MemberStatus
from rewards.models import Redemption, Voucher, VoucherStatus, VoucherUse
from rewards.redeeming.baskets import check_minimum
from rewards.redeeming.states import happened


class UnknownVoucher(DomainError):
    """The program has no such voucher, or not for that member."""

    code: ClassVar[str] = "unknown_voucher"
    status: ClassVar[int] = 404
    title = gettext_lazy("No such voucher")


class VoucherNotUsable(DomainError):
    """
    The voucher cannot be used: `reason` says why.

    It is `used` up, `reserved` for a checkout, `void`, `expired`, or `member_blocked`.
    """

    code: ClassVar[str] = "voucher_not_usable"
    title = gettext_lazy("The voucher cannot be used")
    extras = {
        "reason": Extra("used", gettext_lazy("used, reserved, void, expired or member_blocked")),
    }


class VoucherUsedOtherwise(DomainError):
    """The voucher was used for that purchase already, for another amount: roll that back first."""

    code: ClassVar[str] = "voucher_used_otherwise"
    title = gettext_lazy("The voucher was used for that purchase with another amount")


class UnknownVoucherUse(DomainError):
    """You have not used the voucher for a purchase with that `external_id`."""

    code: ClassVar[str] = "unknown_voucher_use"
    status: ClassVar[int] = 404
    title = gettext_lazy("No such use of the voucher")


def find(code: str, *, program: Program, member_id: UUID | None = None) -> Voucher:
    """
    The voucher with a code, however it was typed; with `member_id` only that member's.

    :raises UnknownVoucher: if there is none
    """
    rows = Voucher.objects.of(program).select_related("redemption__reward", "redemption__member")
    as_typed = code.strip()
    # Codes of a third party are what they are; ours are found however they were typed.
    same = rows.filter(code__in={as_typed, normalized(code)})
    found = max(same, key=lambda voucher: voucher.code == as_typed, default=None)
    if found is None or member_id not in (None, found.redemption.member_id):
        raise UnknownVoucher(_("There is no such voucher."), pointer="#/code")
    return found


def normalized(code: str) -> str:
    """A code as it is stored: people type it in small letters, with blanks and hyphens."""
    return "".join(letter for letter in code if letter.isalnum()).upper()


def read(voucher_id: UUID, *, program: Program) -> Voucher:
    """
    :raises UnknownVoucher: if the program has none with that id
    """
    rows = Voucher.objects.of(program).select_related("redemption__reward", "redemption__member")
    found = rows.filter(pk=voucher_id).first()
    if found is None:
        raise UnknownVoucher(_("There is no voucher {id}.").format(id=voucher_id))
    return found


def obstacle(voucher: Voucher, *, at: datetime) -> VoucherNotUsable | None:
    """Why the voucher cannot be used at that moment; None if it can."""
    if voucher.status == VoucherStatus.VOID:
        return VoucherNotUsable(_("The voucher is void."), reason="void")
    if voucher.status == VoucherStatus.USED:
        return VoucherNotUsable(_("The voucher is used up."), reason="used")
    if voucher.uses + voucher.reserved >= voucher.uses_allowed:
        return VoucherNotUsable(_("The voucher is reserved for a checkout."), reason="reserved")
    if voucher.is_expired(at):
        return VoucherNotUsable(_("The voucher has expired."), reason="expired")
    if voucher.redemption.member.status not in (MemberStatus.ACTIVE, MemberStatus.MERGED):
        return VoucherNotUsable(_("The voucher’s member is blocked."), reason="member_blocked")
    return None


def check_basket(voucher: Voucher, basket: Decimal | None, *, program: Program) -> None:
    """:raises BasketTooSmall: if it is known what the basket costs, and that is too little"""
    reward = voucher.redemption.reward
    if basket is not None:
        check_minimum(
            reward.minimum_basket, name=reward.name, basket=basket, program=program, pointer="#/basket"
        )


@transaction.atomic
def use(
    code: str,
    *,
    external_id: str,
    amount: Decimal | None = None,
    member_id: UUID | None = None,
    reserved_at: datetime | None = None,
    basket: Decimal | None = None,
    program: Program,
    source: str,
    at: datetime,
) -> VoucherUse:
    """
    Use a voucher once, for a purchase by the partner's number of it. `amount` is the money off.

    For the same purchase once more, it is the use that there is. What was reserved (`reserved_at`, see
    `reserve()`) is good for that use, also if the voucher has expired since. `basket` is what the basket
    costs before discounts, if that is known.

    :raises UnknownVoucher: if there is none with that code, or it is another member's
    :raises VoucherNotUsable: if it is used up, void or expired
    :raises VoucherUsedOtherwise: if it was used for that purchase with another amount
    :raises BasketTooSmall: if the basket costs less than the reward's minimum
    """
    voucher = _lock(find(code, program=program, member_id=member_id))
    rows = VoucherUse.objects.standing().filter(voucher=voucher, source=source, external_id=external_id)
    if before := rows.first():
        if before.amount != amount:
            raise _used_otherwise(before)
        before.voucher = voucher
        return before
    if reserved_at is not None:
        voucher.reserved -= 1
    if refusal := obstacle(voucher, at=reserved_at or at):
        raise refusal
    check_basket(voucher, basket, program=program)
    used = VoucherUse.objects.create(
        program=program,
        voucher=voucher,
        source=source,
        external_id=external_id,
        amount=amount,
        used_at=at,
    )
    _count(voucher, voucher.uses + 1)
    events.publish([_told(used, "voucher.used", at)])
    return used


@transaction.atomic
def reserve(voucher_id: UUID, *, program: Program, at: datetime) -> Voucher:
    """
    Keep a use for a checkout: nobody else can have it until it is let go.

    :raises UnknownVoucher: if the program has none with that id
    :raises VoucherNotUsable: if it is used up, reserved, void or expired
    """
    voucher = _lock(read(voucher_id, program=program))
    if refusal := obstacle(voucher, at=at):
        raise refusal
    voucher.reserved += 1
    voucher.save(update_fields=["reserved"])
    return voucher


@transaction.atomic
def let_go(voucher_id: UUID, *, program: Program) -> None:
    """Give up a use that was reserved, in whatever state the voucher is."""
    voucher = _lock(read(voucher_id, program=program))
    voucher.reserved -= 1
    voucher.save(update_fields=["reserved"])


@transaction.atomic
def roll_back(code: str, *, external_id: str, program: Program, source: str, at: datetime) -> VoucherUse:
    """
    Undo the use for a purchase that did not come to pass. What is rolled back already stays as it is.

    :raises UnknownVoucher: if there is none with that code
    :raises UnknownVoucherUse: if that partner has not used it for that purchase
    """
    voucher = _lock(find(code, program=program))
    rows = VoucherUse.objects.filter(voucher=voucher, source=source, external_id=external_id)
    used = rows.order_by("-pk").first()
    if used is None:
        detail = _("The voucher was not used for “{purchase}”.")
        raise UnknownVoucherUse(detail.format(purchase=external_id), pointer="#/external_id")
    used.voucher = voucher
    if used.rolled_back_at is None:
        used.rolled_back_at = at
        used.save(update_fields=["rolled_back_at"])
        _count(voucher, voucher.uses - 1)
        events.publish([_told(used, "voucher.rolled_back", at)])
    return used


@transaction.atomic
def void(voucher_id: UUID, *, program: Program, at: datetime) -> Voucher:
    """
    Have what is left of a voucher never used. The points come back only if its redemption is cancelled.

    :raises UnknownVoucher: if the program has none with that id
    :raises VoucherNotUsable: if it is used up
    """
    voucher = _lock(read(voucher_id, program=program))
    if voucher.status == VoucherStatus.USED:
        raise VoucherNotUsable(_("The voucher is used up."), reason="used")
    if voucher.status == VoucherStatus.ISSUED:
        voucher.status = VoucherStatus.VOID
        voucher.save(update_fields=["status"])
        told = happened(voucher.redemption, "voucher.voided", at, voucher_id=str(voucher.pk))
        events.publish([told])
    return voucher


def _used_otherwise(before: VoucherUse) -> VoucherUsedOtherwise:
    told = _("It was used for “{purchase}” with {amount} off. Say the same, or roll that back first.")
    amount = _("no amount") if before.amount is None else f"{before.amount:.2f}"
    return VoucherUsedOtherwise(told.format(purchase=before.external_id, amount=amount), pointer="#/amount")


def _lock(found: Voucher) -> Voucher:
    """The same, as it is when nobody else changes it."""
    rows = Redemption.objects.select_related("reward", "member").select_for_update(of=("self",))
    redemption = rows.get(pk=found.redemption_id)
    voucher = Voucher.objects.select_for_update().get(pk=found.pk)
    voucher.redemption = redemption
    return voucher


def _count(voucher: Voucher, uses: int) -> None:
    voucher.uses = uses
    if uses == voucher.uses_allowed:
        voucher.status = VoucherStatus.USED
    elif voucher.status == VoucherStatus.USED:
        # The points of a reward that came back are the member's again: its voucher may not be, too.
        voucher.status = VoucherStatus.VOID if voucher.redemption.is_over else VoucherStatus.ISSUED
    voucher.save(update_fields=["uses", "status", "reserved"])


def _told(used: VoucherUse, event_type: str, at: datetime) -> events.NewEvent:
    voucher = used.voucher
    discount = {} if used.amount is None else {"amount": f"{used.amount:.2f}"}
    return happened(
        voucher.redemption,
        event_type,
        at,
        voucher_id=str(voucher.pk),
        external_id=used.external_id,
        uses=voucher.uses,
        uses_allowed=voucher.uses_allowed,
        **discount,
    )
