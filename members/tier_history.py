"""Which tiers a member had at a moment: from where they stand now and what they have left."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import Struct

from loyalty.core.models import Program
from members import references, terms
from members.ledger import store
from members.ledger.state import Account, TierPeriod, TierStanding
from members.models import MemberStatus
from members.references import Reference
from members.terms import LadderTerms, Rung


class Place(Struct, frozen=True, kw_only=True):
    """
    A rung on which a member stood at a moment, and from when until when.

    `ends_at` and `progress` are of what is known today: one who stands there still has no end, one who
    has left it no progress.
    """

    ladder: LadderTerms
    rung: Rung
    starts_at: datetime
    ends_at: datetime | None = None
    progress: int | None = None


def places(program: Program, member: Reference, *, at: datetime) -> list[Place]:
    """
    Where a member stood on each ladder at that moment; on none before they were a member.

    :raises NotFound: if the program has no such member
    """
    (account,) = store.load(program.pk, [(member.kind, member.value)])
    if account is None or account.status == MemberStatus.ERASED:
        raise references.unknown()
    former = store.former_tiers([account.member_id]).get(account.member_id, ())
    ladders = terms.of(program).ladders
    found = (_place(ladder, account, former, at) for ladder in ladders)
    return [place for place in found if place is not None]


def _place(ladder: LadderTerms, account: Account, former: Sequence[TierPeriod], at: datetime) -> Place | None:
    standing = next((one for one in account.tiers if one.ladder_id == ladder.id), None)
    if standing is not None and standing.since <= at:
        return _present(ladder, standing)
    periods = [period for period in former if period.ladder_id == ladder.id]
    # Of several that overlap, the one that was written last counts: see `FormerTier`.
    for period in reversed(periods):
        if period.starts_at <= at < period.ends_at:
            return Place(
                ladder=ladder,
                rung=ladder.rung(period.tier_id),
                starts_at=period.starts_at,
                ends_at=period.ends_at,
            )
    return _foot(ladder, account, standing, periods, at)


def _present(ladder: LadderTerms, standing: TierStanding) -> Place:
    return Place(
        ladder=ladder,
        rung=ladder.rung(standing.tier_id),
        starts_at=standing.since,
        progress=standing.progress,
    )


def _foot(
    ladder: LadderTerms,
    account: Account,
    standing: TierStanding | None,
    periods: Sequence[TierPeriod],
    at: datetime,
) -> Place | None:
    """Before anything is known, who is a member is at the foot of each ladder."""
    ends_at = min(_starts(standing, periods, at), default=None)
    if account.enrolled_at > at or (ends_at is None and account.status == MemberStatus.MERGED):
        return None
    return Place(
        ladder=ladder,
        rung=ladder.rungs[0],
        starts_at=account.enrolled_at,
        ends_at=ends_at,
        progress=0 if ends_at is None else None,
    )


def _starts(standing: TierStanding | None, periods: Sequence[TierPeriod], at: datetime) -> Iterator[datetime]:
    """When something else began, after that moment."""
    if standing is not None:
        yield standing.since
    yield from (period.starts_at for period in periods if period.starts_at > at)
