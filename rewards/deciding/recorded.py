"""What is kept and told of a reported activity, whichever journey booked it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

import orjson
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Struct

from loyalty.core.db import Batch
from loyalty.core.errors import EXAMPLE_ID, DomainError, Extra, InvalidInput
from loyalty.core.models import Program
from rewards.deciding.activities import Money

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
    extras = {
        "first_id": Extra(EXAMPLE_ID, gettext_lazy("What was booked by the first report")),
    }


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
    """Of a return: what came back, what was taken, what was given back; see `journeys.returns.telling`."""
    messages: tuple[str, ...] = ()
    """What campaigns have the member told."""
    gifts: tuple[dict[str, Any], ...] = ()
    """What campaigns gave beside points; see `told_gifts()`."""
    is_repeat: bool = False


Also = Callable[[Batch, Recorded], None]
"""Adds rows that must be written in the same statement, such as the stored answer of the call."""


def read_recorded(columns: Sequence[Any]) -> Recorded:
    """The answer to a repeat, from the columns id … outcome of an activity's row."""
    activity_id, kind, external_id, member_id, occurred_at, recorded_at, points, awards, outcome = columns
    told = orjson.loads(outcome)
    return Recorded(
        id=activity_id,
        kind="sale" if kind == "undone" else kind,  # as it was told at first
        external_id=external_id,
        member_id=member_id,
        occurred_at=occurred_at,
        recorded_at=recorded_at,
        points=points,
        awards=told_awards(orjson.loads(awards)),
        wallets=tuple(told["wallets"]),
        tier=told["tier"],
        returned=told.get("returned"),
        messages=told_messages(told.get("gifts", ())),
        gifts=told_gifts(told.get("gifts", ())),
        is_repeat=True,
    )


def told_awards(stored: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Awards as partners are told of them: without what is kept for later returns."""
    return tuple({name: award[name] for name in award if name not in _KEPT} for award in stored)


def told_messages(stored: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """What the member is told, from the gifts that are stored with an activity."""
    return tuple(gift["parameters"]["text"] for gift in stored if gift["kind"] == "message")


def told_gifts(stored: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """
    Gifts as partners are told of them: which campaign gave what, and what a till prints of it.

    Messages are told for themselves, signals are events, and what was not given is nobody's business.
    """
    return tuple(
        {"kind": gift["kind"], "campaign": gift["campaign"], "key": gift["parameters"][NAMED[gift["kind"]]]}
        | {name: gift[name] for name in _SHOWN if name in gift}
        for gift in stored
        if gift["given"] and gift["kind"] in NAMED
    )


NAMED: Final = {
    "reward": "reward",
    "badge": "badge",
    "challenge_progress": "challenge",
    "prize_draw_entry": "draw",
}
"""Kinds of gifts that are about something with a key, and the parameter that names it."""
_SHOWN: Final = ("voucher_code", "voucher_expires_at", "progress", "goal", "completions", "entries")
_KEPT: Final = ("effect", "lot", "line_points", "variant")


def check_currency(money: Money, program: Program, pointer: str) -> None:
    if money.currency != program.currency:
        raise InvalidInput(
            _("The program counts in {currency}, not {other}.").format(
                currency=program.currency, other=money.currency
            ),
            pointer=pointer,
        )
