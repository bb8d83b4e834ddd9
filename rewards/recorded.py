"""What is kept and told of a reported activity, whichever journey booked it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

import orjson
from msgspec import Struct

from loyalty.core.db import Batch
from loyalty.core.errors import DomainError, InvalidInput
from loyalty.core.models import Program
from rewards.activities import Money

CLOCKS_MAY_DIFFER_BY: Final = timedelta(minutes=5)
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
RACES: Final = (
    "an_activity_is_booked_once",
    "one_wallet_per_member_and_type",
    "one_tier_per_member_and_ladder",
)
"""Constraints by which two activities of one member, or the same one twice, meet."""


class AlreadyReported(DomainError):
    """The same external id was reported before, with other content."""

    code: ClassVar[str] = "already_reported"
    title: ClassVar[str] = "This was reported before, with other content"


class Recorded(Struct, frozen=True, kw_only=True):
    """What a partner is told about an activity, at first and at every repeat."""

    id: UUID
    kind: str
    external_id: str
    member_id: UUID
    occurred_at: datetime
    recorded_at: datetime
    points: int
    awards: tuple[dict[str, Any], ...]
    wallets: tuple[dict[str, Any], ...]
    tier: str | None
    returned: dict[str, Any] | None = None
    """Of a return: what came back, what was taken, what was given back; see `rewards.returns.telling`."""
    is_repeat: bool = False


Also = Callable[[Batch, Recorded], None]
"""Adds rows that must be written in the same statement, such as the stored answer of the call."""


def read_recorded(columns: Sequence[Any]) -> Recorded:
    """The answer to a repeat, from the columns id … outcome of an activity's row."""
    activity_id, kind, external_id, member_id, occurred_at, recorded_at, points, awards, outcome = columns
    told = orjson.loads(outcome)
    return Recorded(
        id=activity_id,
        kind=kind,
        external_id=external_id,
        member_id=member_id,
        occurred_at=occurred_at,
        recorded_at=recorded_at,
        points=points,
        awards=told_awards(orjson.loads(awards)),
        wallets=tuple(told["wallets"]),
        tier=told["tier"],
        returned=told.get("returned"),
        is_repeat=True,
    )


def told_awards(stored: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Awards as partners are told of them: without what is kept for later returns."""
    return tuple({name: award[name] for name in award if name not in _KEPT} for award in stored)


_KEPT: Final = ("effect", "lot", "line_points", "variant")


def check_currency(money: Money, program: Program, pointer: str) -> None:
    if money.currency != program.currency:
        raise InvalidInput(
            f"The program counts in {program.currency}, not {money.currency}.", pointer=pointer
        )
