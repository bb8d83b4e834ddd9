"""Points are spent, reserved or taken by hand, and put back where they were."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from msgspec.structs import replace

from loyalty.core.errors import DomainError, Extra
from members.ledger.chain import Cause, NewPosting
from members.ledger.operations.changes import Change, changed, postings_from
from members.ledger.state import WalletState


class InsufficientPoints(DomainError):
    """Fewer points are available than should be spent."""

    code: ClassVar[str] = "insufficient_points"
    title: ClassVar[str] = "Not enough points"
    extras = {"available": Extra(150, "Points that can be spent now")}


def spend(wallet: WalletState, *, points: int, cause: Cause) -> Change:
    """
    Take available points, from the lots that expire first.

    :raises InsufficientPoints: if fewer are available at that moment
    """
    postings = take_available(wallet, points, "redeemed", cause)
    spent = replace(wallet, lifetime_spent=wallet.lifetime_spent + points)
    return changed(spent, kind="spend", cause=cause, postings=postings)


def adjust_down(wallet: WalletState, *, points: int, cause: Cause) -> Change:
    """
    Take available points away by hand, from the lots that expire first.

    :raises InsufficientPoints: if fewer are available at that moment
    """
    return changed(
        wallet, kind="adjust", cause=cause, postings=take_available(wallet, points, "reversed", cause)
    )


def hold(wallet: WalletState, *, points: int, cause: Cause) -> Change:
    """
    Reserve available points, from the lots that expire first.

    :raises InsufficientPoints: if fewer are available at that moment
    """
    return changed(wallet, kind="hold", cause=cause, postings=take_available(wallet, points, "held", cause))


def settle(wallet: WalletState, *, held: Mapping[UUID, int], points: int, cause: Cause) -> Change:
    """Spend points of a hold (`held`: its points by lot), from the lots that expire first."""
    assert 0 < points <= sum(held.values()), "no more is settled than was held"
    postings = []
    left = points
    for lot in wallet.first_expiring([lot for lot in wallet.lots if held.get(lot.id)]):
        if taken := min(left, held[lot.id]):
            postings.append(NewPosting(lot.id, "held", "redeemed", taken))
            left -= taken
    spent = replace(wallet, lifetime_spent=wallet.lifetime_spent + points)
    return changed(spent, kind="settle", cause=cause, postings=postings)


def release(wallet: WalletState, *, held: Mapping[UUID, int], cause: Cause) -> Change:
    """Give held points (`held`: by lot) free again."""
    postings = [NewPosting(lot_id, "held", "available", points) for lot_id, points in held.items() if points]
    return changed(wallet, kind="release", cause=cause, postings=postings)


def restore(
    wallet: WalletState,
    *,
    back: Mapping[UUID, int],
    cause: Cause,
    source: str = "redeemed",
    expires_at: datetime | None = None,
) -> Change:
    """
    Put points back into the lots that they were taken from (`back`: by lot), with their old dates.

    `source` is the bucket that they went to: redeemed, expired or reversed. What has expired
    meanwhile is due at once, for `expire()`; with `expires_at`, lots whose time is over get that one.
    """
    lots = {lot.id: lot for lot in wallet.lots}
    postings = []
    for lot_id, points in back.items():
        lot = lots[lot_id]
        is_over = expires_at is not None and wallet.is_due(lot, cause.recorded_at) and not lot.lapses
        postings.append(
            NewPosting(
                lot_id,
                source,
                "available",
                points,
                old_expires_at=lot.expires_at if is_over else None,
                new_expires_at=expires_at if is_over else None,
            )
        )
    given = sum(back.values()) if source == "redeemed" else 0
    after = replace(wallet, lifetime_spent=wallet.lifetime_spent - given)
    return changed(after, kind="restore", cause=cause, postings=postings)


def take_available(wallet: WalletState, points: int, destination: str, cause: Cause) -> list[NewPosting]:
    """
    Postings that take available points, from the lots that expire first.

    :raises InsufficientPoints: if fewer are available at that moment
    """
    assert points > 0, "no points are no movement"
    usable = wallet.lots_to_spend(cause.recorded_at)
    available = sum(lot.available for lot in usable)
    if available < points:
        raise InsufficientPoints(f"The wallet has {available} points, not {points}.", available=available)
    return list(postings_from(usable, points, destination))
