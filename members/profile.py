"""What one looks at when looking at a member: holdings, standing and statement, for people to read."""

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet, Sum
from django.db.models.functions import JSONObject

from loyalty.core.db import fetch
from members import statement
from members.models import Entry, Identifier, Lot, Member, Tier, TierLadder, Wallet
from members.statement import Line

STATEMENT_LINES: Final = 50
EXPIRY_DATES: Final = 60
ADJUSTMENTS_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Expiry:
    """So many points that are gone from that moment on."""

    at: datetime
    points: int


@dataclass(frozen=True, slots=True)
class Holding:
    """
    A wallet and when what is in it expires, soonest first.

    Ever earned + received − passed on − ever spent − expired − taken back = available + pending + held.
    """

    wallet: Wallet
    expiries: tuple[Expiry, ...]
    received: int
    passed_on: int
    expired: int
    taken_back: int

    @property
    def next_expiry(self) -> Expiry | None:
        return self.expiries[0] if self.expiries else None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a member stands on a ladder, and the next rung; `tier` is None on a ladder without rungs."""

    ladder: TierLadder
    tier: Tier | None
    next_tier: Tier | None
    progress: int
    since: datetime | None

    @property
    def missing(self) -> int:
        return max(0, self.next_tier.threshold - self.progress) if self.next_tier else 0

    @property
    def percent(self) -> int:
        """How much of the way to the next rung is done, 0 to 100; 100 at the top."""
        if self.next_tier is None:
            return 100
        return min(100, self.progress * 100 // max(1, self.next_tier.threshold))


@dataclass(frozen=True, slots=True)
class AdjustmentLine:
    """An adjustment of a member's points; with `waits`, one that a second person has yet to agree to."""

    id: UUID
    points: int
    wallet_type: str
    reason: str
    note: str
    by: str
    actor: str
    at: datetime
    undone_at: datetime | None
    waits: bool


def with_identifiers(members: QuerySet[Member]) -> QuerySet[Member]:
    """The members with what they are known by, in the same query; for `identifiers()`."""
    known = Identifier.objects.filter(member=OuterRef("pk")).order_by("pk")
    return members.annotate(known_by=ArraySubquery(known.values(json=JSONObject(kind="kind", value="value"))))


def identifiers(member: Member) -> list[Identifier]:
    """What a member of `with_identifiers()` is known by."""
    return [Identifier(**one) for one in member.known_by]  # type: ignore[attr-defined]  # annotated


def holdings(member: Member) -> list[Holding]:
    """The member's wallets, spendable ones first."""
    wallets = list(
        Wallet.objects.filter(member=member)
        .select_related("type")
        .annotate(
            received=Sum("lots__points", filter=Q(lots__origin_id__isnull=False), default=0),
            gone=Sum("lots__redeemed", default=0),
            expired=Sum("lots__expired", default=0),
            taken_back=Sum("lots__reversed", default=0),
            expiring=_expiring(),
        )
        .order_by("-type__is_spendable", "type__name", "pk")
    )
    return [
        Holding(
            wallet=wallet,
            expiries=tuple(map(_expiry, wallet.expiring)),
            received=wallet.received,
            passed_on=wallet.gone - wallet.lifetime_spent,
            expired=wallet.expired,
            taken_back=wallet.taken_back,
        )
        for wallet in wallets
    ]


def _expiring() -> ArraySubquery:
    """When what is in a wallet expires, soonest first, in the query of the wallets."""
    lots = Lot.objects.open().filter(wallet=OuterRef("pk"), available__gt=0, expires_at__isnull=False)
    dates = lots.values("expires_at").annotate(sum=Sum("available")).order_by("expires_at")
    return ArraySubquery(dates.values(json=JSONObject(at="expires_at", points="sum"))[:EXPIRY_DATES])


def _expiry(read: dict[str, Any]) -> Expiry:
    return Expiry(at=datetime.fromisoformat(read["at"]), points=read["points"])


_STANDINGS: Final = """
SELECT l.id, l.name, t.id, t.name, t.threshold, t.color, p.tier_id, p.progress, p.since
FROM members_tierladder l LEFT JOIN members_tier t ON t.ladder_id = l.id
LEFT JOIN members_membertier p ON p.ladder_id = l.id AND p.member_id = $2
WHERE l.program_id = $1 ORDER BY l.name, l.id, t.threshold"""


def standings(member: Member) -> list[Standing]:
    """The member's place on each ladder of the program; on the lowest rung before the first points."""
    rows = fetch(_STANDINGS, [member.program_id, member.pk])
    return [_standing(list(group)) for _ladder_id, group in groupby(rows, key=itemgetter(0))]


def _standing(rows: list[tuple[Any, ...]]) -> Standing:
    """From a row for each rung, or one without a rung for a ladder that has none yet."""
    ladder_id, ladder, _, _, _, _, tier_id, progress, since = rows[0]
    rungs = [Tier(id=row[2], name=row[3], threshold=row[4], color=row[5]) for row in rows if row[2]]
    present = next((rung for rung in rungs if rung.pk == tier_id), rungs[0] if rungs else None)
    above = (rung for rung in rungs if present and rung.threshold > present.threshold)
    return Standing(
        ladder=TierLadder(id=ladder_id, name=ladder),
        tier=present,
        next_tier=next(above, None),
        progress=progress or 0,
        since=since,
    )


def newest_lines(found: list[Holding]) -> list[tuple[Wallet, Line]]:
    """The newest lines of all the wallets' statements together, newest first."""
    by_id = {holding.wallet.pk: holding.wallet for holding in found}
    entries = list(
        Entry.objects.filter(wallet_id__in=by_id).order_by("-recorded_at", "-number", "-pk")[:STATEMENT_LINES]
    )
    for entry in entries:
        entry.wallet = by_id[entry.wallet_id]
    return list(zip((entry.wallet for entry in entries), statement.in_brief(entries), strict=True))


_PERSON: Final = "coalesce(nullif(trim(u.first_name || ' ' || u.last_name), ''), u.email, '')"
_ADJUSTMENTS: Final = f"""
(SELECT a.id, a.points, t.name, r.label, a.note, {_PERSON}, a.actor, a.adjusted_at AS at, a.undone_at, false
 FROM members_adjustment a
 JOIN members_wallet w ON w.id = a.wallet_id JOIN members_wallettype t ON t.id = w.type_id
 JOIN members_reasoncode r ON r.id = a.reason_id LEFT JOIN core_user u ON u.id = a.by_id
 WHERE a.member_id = $1 ORDER BY a.id DESC LIMIT $2)
UNION ALL
(SELECT p.id, (p.payload->>'points')::bigint, t.name, r.label, p.note, {_PERSON}, p.actor, p.requested_at,
        NULL, true
 FROM core_approval p
 JOIN members_wallettype t ON t.program_id = p.program_id AND t.key = p.payload->>'wallet_type'
 JOIN members_reasoncode r ON r.program_id = p.program_id AND r.key = p.payload->>'reason'
 LEFT JOIN core_user u ON u.id = p.requested_by_id
 WHERE p.subject_id = $1 AND p.kind = 'adjustment' AND p.status = 'pending' ORDER BY p.id DESC LIMIT $2)
ORDER BY at DESC"""


def adjustments(member: Member) -> list[AdjustmentLine]:
    """The newest adjustments of a member, and those that wait for a second person; newest first."""
    return [AdjustmentLine(*row) for row in fetch(_ADJUSTMENTS, [member.pk, ADJUSTMENTS_SHOWN])]
