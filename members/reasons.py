"""Reasons for adjustments: found by key, with what follows from them; and a set to begin with."""

from datetime import datetime
from typing import Any, ClassVar, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core.errors import DomainError
from loyalty.core.models import Program
from members.lifespan import Lifespan
from members.models import Adjuster, AdjustmentLimit, Direction, ReasonCode
from members.terms import Terms, WalletTerms


class UnknownReason(DomainError):
    """The program has no such reason for adjustments, or it is not in use any more."""

    code: ClassVar[str] = "unknown_reason"
    status: ClassVar[int] = 422
    title = gettext_lazy("No such reason")


class WrongDirection(DomainError):
    """The reason is one for giving points and they are to be taken, or the other way round."""

    code: ClassVar[str] = "wrong_direction"
    status: ClassVar[int] = 422
    title = gettext_lazy("The reason is for the other direction")


USUAL: Final[tuple[dict[str, Any], ...]] = (
    {"key": "goodwill", "label": "Goodwill", "direction": Direction.ADD, "cost_centre": "marketing"},
    {"key": "complaint", "label": "Complaint", "direction": Direction.ADD, "cost_centre": "service"},
    {
        "key": "missing-purchase",
        "label": "Purchase without card",
        "direction": Direction.ADD,
        "counts_towards_tiers": True,
        "cost_centre": "sales",
    },
    {
        "key": "correction",
        "label": "Correction",
        "direction": Direction.BOTH,
        "counts_towards_tiers": True,
        "cost_centre": "operations",
    },
    {"key": "misuse", "label": "Misuse", "direction": Direction.REMOVE, "counts_towards_tiers": True},
)
USUAL_LIMITS: Final = {
    Adjuster.SUPPORT: (500, 2_500),
    Adjuster.ADMINISTRATOR: (5_000, 25_000),
    Adjuster.PARTNER: (1_000, 50_000),
}
"""Points per adjustment, and per person and day."""


def set_up_usual(program: Program) -> None:
    """Give a program a set of reasons and limits to begin with. What it has already stays as it is."""
    for reason in USUAL:
        ReasonCode.objects.get_or_create(program=program, key=reason["key"], defaults=reason)
    for role, (once, day) in USUAL_LIMITS.items():
        AdjustmentLimit.objects.get_or_create(
            program=program,
            role=role,
            defaults={"points_per_adjustment": once, "points_per_day": day},
        )


def find(key: str, *, program: Program, points: int) -> ReasonCode:
    """
    The program's reason with that key, for so many points (taken, if negative).

    :raises UnknownReason: if there is none in use
    :raises WrongDirection: if it is one for the other direction
    """
    reason = ReasonCode.objects.filter(program=program, key=key, is_active=True).first()
    if reason is None:
        raise UnknownReason(_("The program has no reason “%(key)s”.") % {"key": key}, pointer="#/reason")
    if reason.direction == (Direction.REMOVE if points > 0 else Direction.ADD):
        said = _("“%(reason)s” only gives points.") if points < 0 else _("“%(reason)s” only takes points.")
        raise WrongDirection(said % {"reason": reason}, pointer="#/points")
    return reason


def consequences(reason: ReasonCode) -> dict[str, Any]:
    """What follows from the reason as it stands, as JSON: a request that waits is for these."""
    on_date = reason.expires_on_date
    return {
        "counts_towards_tiers": reason.counts_towards_tiers,
        "cost_centre": reason.cost_centre,
        "expiry_rule": reason.expiry_rule,
        "expires_after": reason.expires_after,
        "expires_on_date": on_date.isoformat() if on_date else None,
    }


def lifetime(
    reason: ReasonCode, wallet_type: WalletTerms, terms: Terms, *, at: datetime
) -> tuple[datetime | None, bool]:
    """When points given for that reason go, and whether they go with the member's activity instead."""
    rule = wallet_type.lifespan
    if reason.expiry_rule:
        rule = Lifespan(reason.expiry_rule, reason.expires_after or 0, reason.expires_on_date)
    return terms.expires_at(wallet_type, at, own=rule), rule.is_by_activity
