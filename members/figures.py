"""
Sums over a whole program, for its start page.

They read every wallet of the program, which takes about half a second a million members: callers
keep the result for some minutes and say from when it is.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from django.db.models import Count, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce, TruncDay, TruncMonth

from loyalty.core.models import Program
from members.models import Bucket, Entry, EntryKind, Member, MemberStatus, MemberTier, Tier, Wallet

Step = Literal["day", "month"]

_ISSUED = (EntryKind.EARN, EntryKind.ADJUST)
_SPENT = (EntryKind.SPEND, EntryKind.SETTLE, Bucket.REDEEMED)
_EXPIRED = (EntryKind.EXPIRE, Bucket.EXPIRED)
# What members pass on to each other comes to no more than the fees; a merge comes to nothing. Points
# that pay a debt are taken back, too, though an entry that gives points as well counts as issued.
_TAKEN_BACK = (
    EntryKind.REVERSE,
    EntryKind.TRANSFER_IN,
    EntryKind.TRANSFER_OUT,
    EntryKind.MERGE,
    EntryKind.RELEASE,
    EntryKind.UNLOCK,
    Bucket.REVERSED,
)


@dataclass(frozen=True, slots=True)
class Outstanding:
    """Points of one kind that members hold, and what they would cost if all of them were redeemed."""

    wallet_type: str
    points: int
    value: Decimal
    ever_earned: int


@dataclass(frozen=True, slots=True)
class Movement:
    """
    Points of a day or month, all of them as positive numbers.

    What members hold changed by issued − spent − expired − taken back.
    """

    start: date
    issued: int
    spent: int
    expired: int
    taken_back: int


@dataclass(frozen=True, slots=True)
class Rung:
    """A tier and how many members stand on it."""

    ladder: str
    name: str
    color: str
    members: int


def outstanding(program: Program) -> list[Outstanding]:
    """What members hold of each spendable kind: available, pending and held."""
    sums = (
        Wallet.objects.filter(program=program, type__is_spendable=True)
        .values("type__name", "type__point_value")
        .annotate(
            available=Sum("available"),
            pending=Sum("pending"),
            held=Sum("held"),
            earned=Sum("lifetime_earned"),
        )
        .order_by("type__name")
    )
    return [_outstanding(row, row["available"] + row["pending"] + row["held"]) for row in sums]


def _outstanding(row: Mapping[str, Any], points: int) -> Outstanding:
    value = points * Decimal(str(row["type__point_value"]))
    return Outstanding(
        wallet_type=str(row["type__name"]),
        points=points,
        value=value.quantize(Decimal("0.01")),
        ever_earned=int(str(row["earned"])),
    )


def movements(program: Program, *, since: datetime, step: Step) -> list[Movement]:
    """
    Spendable points by day or month of the program's time zone, for those on which something moved.

    An entry is never recorded before it counts, so that the index on the recording bounds the scan.
    """
    truncate = TruncDay if step == "day" else TruncMonth
    start = truncate("effective_at", tzinfo=ZoneInfo(program.time_zone))
    entries = Entry.objects.filter(
        program=program, recorded_at__gte=since, effective_at__gte=since, wallet__type__is_spendable=True
    ).annotate(start=start)
    sums = (
        entries.exclude(kind=EntryKind.RESTORE)
        .values_list("start", "kind")
        .annotate(sum=Sum("points"))
        .order_by("start")
    )
    by_start: dict[date, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for moment, kind, points in sums:
        by_start[moment.date()][kind] = points
    for moment, bucket, points in _restored(entries):
        by_start[moment.date()][bucket] += points
    return [_movement(day, by_start[day]) for day in sorted(by_start)]


def _restored(entries: Any) -> Iterator[tuple[datetime, str, int]]:
    """What was given back, by the bucket that it came from; what of it paid a debt goes to `reversed`."""
    moved = (
        entries.filter(kind=EntryKind.RESTORE)
        .values_list("start", "postings__source", "postings__destination")
        .annotate(sum=Sum("postings__points"))
        .order_by("start")
    )
    for moment, source, destination, points in moved:
        is_back = destination == Bucket.AVAILABLE
        yield moment, source if is_back else destination, points if is_back else -points


def _movement(start: date, kinds: dict[str, int]) -> Movement:
    def total(names: Iterable[str]) -> int:
        return sum(kinds.get(name, 0) for name in names)

    return Movement(
        start=start,
        issued=total(_ISSUED),
        spent=-total(_SPENT),
        expired=-total(_EXPIRED),
        taken_back=-total(_TAKEN_BACK),
    )


def rungs(program: Program) -> list[Rung]:
    """How many members are on which tier, ladder by ladder, lowest tier first; empty ones too."""
    standing = MemberTier.objects.filter(tier=OuterRef("pk")).order_by().values("tier")
    count = Subquery(standing.annotate(count=Count("pk")).values("count"))
    tiers = (
        Tier.objects.filter(ladder__program=program)
        .select_related("ladder")
        .annotate(members=Coalesce(count, 0))
        .order_by("ladder__name", "threshold", "pk")
    )
    return [Rung(ladder=t.ladder.name, name=t.name, color=t.color, members=t.members) for t in tiers]


def member_count(program: Program) -> int:
    """People, not records: who was merged into another member counts once."""
    return Member.objects.of(program).exclude(status=MemberStatus.MERGED).count()
