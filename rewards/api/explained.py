"""A transaction as partners read it: with its reasons, and with what was used at its checkout."""

from typing import Any, Final

import msgspec

from loyalty.core.api.auth import Caller
from rewards.checkouts import giving_back
from rewards.models import Activity
from rewards.telling import explaining

TOLD_CODES: Final = "redemptions:write"
"""Whose scope this is may know the codes of vouchers at any time; a till is told when it books the sale."""


def explained(activity: Activity, caller: Caller) -> dict[str, Any]:
    """As `TransactionExplained` says."""
    told = explaining.told(activity, program=caller.program)
    if TOLD_CODES not in caller.scopes:
        told["gifts"] = [_without_code(gift) for gift in told["gifts"]]
    used = giving_back.used_at(activity.pk, program=caller.program)
    return {**told, "used": msgspec.to_builtins(used)}


def _without_code(gift: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in gift.items() if name != "voucher_code"}
