"""Vouchers of redemptions: what a new one is."""

import secrets
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import F

from loyalty.core.ids import new_id
from rewards.models import Reward, VoucherStatus
from rewards.redeeming import uploaded_codes
from rewards.redeeming.offers import Offer, sold_out

CODE_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without what is mistaken for something else when it is read from a screen and typed at a till."""
CODE_LENGTH: Final = 12

FIELDS: Final = ("id", "program", "redemption", "code", "status", "uses_allowed", "expires_at")


def new_code() -> str:
    """A voucher's code that nobody can guess."""
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))


def code_for(offer: Offer, *, redemption_id: UUID, at: datetime) -> str:
    """
    The code of the voucher that a redemption of the reward gives, if it gives one; otherwise nothing.

    One of an uploaded list is taken with a piece of the stock: see Note [Uploaded codes].

    :raises RewardSoldOut: if no piece is left
    """
    if not offer.has_voucher:
        return ""
    if not offer.has_uploaded_codes:
        return new_code()
    take_piece(offer)
    uploaded_codes.tell_if_few(offer.id, at=at)
    return uploaded_codes.take(offer.id, redemption_id=redemption_id, at=at)


def take_piece(offer: Offer) -> bool:
    """
    Whether a piece was taken: not if the stock is not counted.

    :raises RewardSoldOut: if none is left
    """
    if offer.stock is None:
        return False
    if not Reward.objects.filter(pk=offer.id, stock__gt=0).update(stock=F("stock") - 1):
        raise sold_out(offer.key)
    return True


def ends_at(offer: Offer, *, at: datetime) -> datetime:
    return at + timedelta(days=offer.voucher_valid_days)


def row(
    program_id: UUID, redemption_id: UUID, code: str, offer: Offer, expires_at: datetime
) -> tuple[Any, ...]:
    """A new voucher as a row, in the order of `FIELDS`."""
    status = VoucherStatus.ISSUED.value
    return (new_id(), program_id, redemption_id, code, status, offer.voucher_uses, expires_at)
