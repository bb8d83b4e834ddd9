"""
The statement: what a wallet held at a moment, and what moved it in a period. Read from the entries alone.

A moment is one of the books: what was recorded before it counts, whenever it happened. Entries of a
wallet are numbered in the order in which they were booked, and each says what the wallet held after
it. A period is therefore a run of numbers: its opening balance, plus the points of its lines, is its
closing balance, which is the opening balance of the next.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from msgspec import Struct

from loyalty.core.db import fetch
from loyalty.core.templatetags import regulars
from members.models import Entry, EntryKind, Wallet

_TRANSACTION: Final = re.compile(r"(?:sale|return):([0-9a-f-]{36}):")
FOREVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
CHUNK: Final = 500
"""Lines that are read at a time when a whole period is."""


class Balance(Struct, frozen=True, kw_only=True):
    """What a wallet holds after its entry of that `number`; nothing before its first."""

    number: int = 0
    pending: int = 0
    available: int = 0
    held: int = 0
    debt: int = 0

    @property
    def total(self) -> int:
        return self.pending + self.available + self.held


class Line(Struct, frozen=True, kw_only=True):
    """One entry, for people to read; `points` is its effect on the total, `after` the balance then."""

    id: UUID
    kind: str
    points: int
    what: str
    cause: str
    actor: str
    effective_at: datetime
    recorded_at: datetime
    after: Balance

    @property
    def kind_label(self) -> str:
        return str(EntryKind(self.kind).label)

    @property
    def transaction_id(self) -> UUID | None:
        """The sale or return that it was booked for."""
        found = _TRANSACTION.match(self.cause)
        return UUID(found[1]) if found else None


class Period(Struct, frozen=True, kw_only=True):
    """
    What happened to a wallet from `starts_at` (or ever) until before `ends_at` (or to this day).

    `sums` has the points of each kind of entry that there is; `length` is how many lines there are.
    """

    wallet: Wallet
    starts_at: datetime | None
    ends_at: datetime | None
    opening: Balance
    closing: Balance
    sums: dict[str, int]

    @property
    def length(self) -> int:
        return self.closing.number - self.opening.number


Teller = Callable[[Sequence[Entry]], Mapping[UUID, str]]

tellers: Final[list[Teller]] = []
"""
What apps above know of the causes that are theirs: words for those of these entries, by their ids.

The entries are one program's, and their wallets are read with their types.
"""

_BEFORE: Final = """
SELECT wallet.id, last.number, last.pending_after, last.available_after, last.held_after, last.debt_after
FROM unnest($1::uuid[]) AS wallet(id)
CROSS JOIN LATERAL (
    SELECT number, pending_after, available_after, held_after, debt_after FROM members_entry
    WHERE wallet_id = wallet.id AND recorded_at < $2 ORDER BY number DESC LIMIT 1
) AS last"""

_SUMS: Final = """
SELECT kind, sum(points)::bigint FROM members_entry
WHERE wallet_id = $1 AND number > $2 AND number <= $3 GROUP BY kind ORDER BY kind"""


def opening(wallet: Wallet, at: datetime) -> Balance:
    """What the wallet held by the entries that were recorded before that moment."""
    return openings([wallet.pk], at).get(wallet.pk, Balance())


def openings(wallet_ids: Iterable[UUID], at: datetime) -> dict[UUID, Balance]:
    """The same for many wallets in one query; those that had no entry yet are left out."""
    return {
        wallet_id: Balance(number=number, pending=pending, available=available, held=held, debt=debt)
        for wallet_id, number, pending, available, held, debt in fetch(_BEFORE, [list(wallet_ids), at])
    }


def period(wallet: Wallet, starts_at: datetime | None, ends_at: datetime | None) -> Period:
    """The wallet's balances and sums of a period; its lines are read by `lines()` or `stream()`."""
    before = opening(wallet, starts_at) if starts_at else Balance()
    after = opening(wallet, ends_at or FOREVER)
    assert before.number <= after.number, "a period ends no sooner than it starts"
    return Period(
        wallet=wallet,
        starts_at=starts_at,
        ends_at=ends_at,
        opening=before,
        closing=after,
        sums=dict(fetch(_SUMS, [wallet.pk, before.number, after.number])),
    )


def lines(of: Period, *, after: int = 0, limit: int = CHUNK) -> list[Line]:
    """The period's lines in the order of booking, from the one that follows the number `after`."""
    rows = entries(of).filter(number__gt=after).order_by("number")
    return told(of.wallet, list(rows[:limit]))


def entries(of: Period) -> models.QuerySet[Entry]:
    """The entries of a period, to be paged through by their number and then `told()`."""
    return Entry.objects.filter(wallet=of.wallet, number__gt=of.opening.number, number__lte=of.closing.number)


def stream(of: Period) -> Iterator[Line]:
    """All lines of the period, however many, a chunk in memory at a time."""
    after = of.opening.number
    while some := lines(of, after=after, limit=CHUNK):
        yield from some
        after = some[-1].after.number


def told(wallet: Wallet, found: Sequence[Entry]) -> list[Line]:
    """Entries of that wallet as lines, in their order; with as many queries for one as for many."""
    for entry in found:
        entry.wallet = wallet
    return worded(found)


def worded(found: Sequence[Entry]) -> list[Line]:
    """The same for entries of one program, whose wallets and their types are read already."""
    words: dict[UUID, str] = {}
    for teller in tellers if found else ():
        words.update(teller(found))
    return [_line(entry, words.get(entry.pk, "")) for entry in found]


def in_brief(found: Sequence[Entry]) -> list[Line]:
    """Entries as lines that say only what the entries themselves know; without a query."""
    return [_line(entry, "") for entry in found]


def _line(entry: Entry, words: str) -> Line:
    return Line(
        id=entry.pk,
        kind=entry.kind,
        points=entry.points,
        what="; ".join(text for text in (words, _reason(entry, is_told=bool(words))) if text),
        cause=entry.cause,
        actor=entry.actor,
        effective_at=entry.effective_at,
        recorded_at=entry.recorded_at,
        after=Balance(
            number=entry.number,
            pending=entry.pending_after,
            available=entry.available_after,
            held=entry.held_after,
            debt=entry.debt_after,
        ),
    )


_OF_KIND: Final[Mapping[str, str | Promise]] = {
    EntryKind.UNLOCK: _("Pending points became available"),
    EntryKind.HOLD: _("Reserved for a purchase"),
    EntryKind.SETTLE: _("Paid with held points"),
    EntryKind.RELEASE: _("A reservation ended without a purchase"),
    EntryKind.EXPIRE: _("Their time was over"),
}
"""What an entry is for whose reason says nothing."""


def _reason(entry: Entry, *, is_told: bool) -> str:
    """What the entry itself says: that something is written off or owed always, else if nobody knows more."""
    if is_told and not entry.reason.startswith(("written_off:", "owed:")):
        return ""
    return regulars.reason(entry.reason) or str(_OF_KIND.get(entry.kind, ""))
