"""Vouchers of redemptions: what a new one is."""

import secrets
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from loyalty.core.ids import new_id
from rewards.models import VoucherStatus
from rewards.redeeming.offers import Offer

CODE_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without what is mistaken for something else when it is read from a screen and typed at a till."""
CODE_LENGTH: Final = 12

FIELDS: Final = ("id", "program", "redemption", "code", "status", "uses_allowed", "expires_at")


def new_code() -> str:
    """A voucher's code that nobody can guess."""
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))


def ends_at(offer: Offer, *, at: datetime) -> datetime:
    return at + timedelta(days=offer.voucher_valid_days)


def row(
    program_id: UUID, redemption_id: UUID, code: str, offer: Offer, expires_at: datetime
) -> tuple[Any, ...]:
    """A new voucher as a row, in the order of `FIELDS`."""
    status = VoucherStatus.ISSUED.value
    return (new_id(), program_id, redemption_id, code, status, offer.voucher_uses, expires_at)
