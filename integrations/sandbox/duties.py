"""What happens by a program's clock alone, and when it next has something to do."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from loyalty.core import approvals
from loyalty.core.db import fetch
from loyalty.core.models import Program
from members import expiry, holds, pending, warnings
from rewards import redeeming, segmenting
from rewards.checkouts import ending
from rewards.happenings import occasion_days, referrals
from rewards.journeys import claiming
from rewards.performance import audiences
from rewards.planning import turns


class Duty(NamedTuple):
    """
    A periodic job that goes by a program's clock.

    It is done at the beginning of each of the program's days, and at each moment that `due` names: SQL
    for the next one after $2 and until $3 in program $1. Jobs of one moment are done in the order of
    `DUTIES`.
    """

    task: str
    work: Callable[[Program, datetime], object]
    due: str = ""


def _all_of(run: Callable[..., Iterator[Any]]) -> Callable[[Program, datetime], None]:
    """The work of a journey that goes in chunks, to its end."""

    def work(program: Program, at: datetime) -> None:
        for _chunk in run(program, at=at):
            pass

    return work


def _turn_campaigns(program: Program, at: datetime) -> None:
    turns.keep(program, at=at)
    audiences.keep(program, at=at)


def _go_through_days(program: Program, at: datetime) -> None:
    occasion_days.go_through(program, at=at)
    referrals.settle(program, at=at)


_OF_LOTS: Final = """
SELECT min({moment}) FROM members_wallet wallet JOIN members_lot lot ON lot.wallet_id = wallet.id
WHERE wallet.program_id = $1 AND lot.{bucket} > 0 AND {moment} > $2 AND {moment} <= $3"""

DUTIES: Final = (
    Duty(
        "rewards.tasks.turn_campaigns",
        _turn_campaigns,
        "SELECT min(turns_at) FROM rewards_campaign"
        " WHERE program_id = $1 AND turns_at > $2 AND turns_at <= $3",
    ),
    Duty(
        "members.tasks.move_pending_points",
        _all_of(pending.make_available),
        _OF_LOTS.format(bucket="pending", moment="lot.unlocks_at"),
    ),
    Duty(
        "members.tasks.move_pending_points",
        _all_of(pending.cancel_overdue),
        _OF_LOTS.format(bucket="pending", moment="lot.cancels_at"),
    ),
    Duty(
        "members.tasks.expire_holds",
        _all_of(holds.expire_overdue),
        "SELECT min(expires_at) FROM members_hold"
        " WHERE program_id = $1 AND status = 'held' AND expires_at > $2 AND expires_at <= $3",
    ),
    Duty(
        "rewards.tasks.expire_redemptions",
        _all_of(redeeming.expire_overdue),
        "SELECT min(expires_at) FROM rewards_redemption"
        " WHERE program_id = $1 AND status = 'held' AND expires_at > $2 AND expires_at <= $3",
    ),
    Duty(
        "rewards.tasks.expire_checkouts",
        _all_of(ending.expire_overdue),
        "SELECT min(expires_at) FROM rewards_checkout"
        " WHERE program_id = $1 AND status = 'open' AND expires_at > $2 AND expires_at <= $3",
    ),
    Duty("members.tasks.warn_of_expiry", _all_of(warnings.warn)),
    Duty(
        "members.tasks.expire_points",
        _all_of(expiry.run),
        _OF_LOTS.format(bucket="available", moment="least(lot.expires_at, wallet.lapses_at)"),
    ),
    Duty("rewards.tasks.go_through_days", _go_through_days),
    Duty("rewards.tasks.forget_unclaimed_sales", lambda program, at: claiming.forget(program, at=at)),
    Duty("rewards.tasks.refresh_segments", lambda program, at: segmenting.refresh_all(program, at=at)),
    Duty(
        "loyalty.core.tasks.expire_approvals",
        lambda program, at: approvals.expire(program, at=at),
        "SELECT min(expires_at) FROM core_approval"
        " WHERE program_id = $1 AND status = 'pending' AND expires_at > $2 AND expires_at <= $3",
    ),
)

_TIMED: Final = tuple(duty for duty in DUTIES if duty.due)
_NEXT: Final = "SELECT " + ", ".join(f"({duty.due})" for duty in _TIMED)


class Appointment(NamedTuple):
    """A moment, and what is due then."""

    at: datetime
    duties: tuple[Duty, ...]


def following(program: Program, *, after: datetime, until: datetime) -> Appointment | None:
    """What is due next after a moment; None if it is nothing until the other one. One statement."""
    ((*moments,),) = fetch(_NEXT, [program.pk, after, until])
    first = min(filter(None, moments), default=None)
    if first is None:
        return None
    return Appointment(
        first, tuple(duty for duty, moment in zip(_TIMED, moments, strict=True) if moment == first)
    )
