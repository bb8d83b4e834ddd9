"""Two records that may be one person's: what a merge would do, and who looks like a duplicate."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from members import merging, terms
from members.ledger.state import Account, WalletState
from members.merging import Climb, Moved
from members.models import HouseholdMember, Identifier, Member, MemberStatus
from members.terms import Rung, Terms, WalletTerms

SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Batch:
    """Points that move together: available ones with an end, without one, or pending ones."""

    points: int
    expires_at: datetime | None
    is_pending: bool


@dataclass(frozen=True, slots=True)
class Holding:
    """One kind of points on both sides, and what the survivor has afterwards."""

    name: str
    survivor: int
    duplicate: int
    duplicate_pending: int
    debt: int
    after: int
    batches: tuple[Batch, ...]


@dataclass(frozen=True, slots=True)
class Ladder:
    """A ladder on both sides, and where the survivor stands afterwards."""

    name: str
    survivor: Rung
    survivor_progress: int
    duplicate: Rung
    duplicate_progress: int
    after: Rung
    after_progress: int

    @property
    def is_upgrade(self) -> bool:
        return self.after.id != self.survivor.id


@dataclass(frozen=True, slots=True)
class Preview:
    """What a merge of these two would do; with `obstacles` it would be refused."""

    survivor: Member
    duplicate: Member
    identifiers: tuple[Identifier, ...]
    holdings: tuple[Holding, ...]
    ladders: tuple[Ladder, ...]
    household: str
    obstacles: tuple[str, ...]


def preview(*, survivor: Member, duplicate: Member, at: datetime) -> Preview:
    """Decide on a merge as `merging.merge()` does, and write nothing."""
    program = survivor.program
    known = terms.of(program)
    accounts = {
        account.member_id: account for account in merging.loaded(program, [survivor.pk, duplicate.pk])
    }
    one, other = accounts[survivor.pk], accounts[duplicate.pk]
    obstacles = merging.obstacles(one, other, at=at)
    moved: list[Moved] = []
    climbs: list[Climb] = []
    if not obstacles:
        moved = merging.moves(one, other, known=known, name="merge:preview", actor="system:preview", at=at)
        climbs = merging.climbs(one, other, known=known, at=at)
    names = {ladder.key: ladder.name for ladder in program.tier_ladders.all()}
    return Preview(
        survivor=survivor,
        duplicate=duplicate,
        identifiers=tuple(Identifier.objects.filter(member=duplicate).order_by("kind", "value")),
        holdings=tuple(_holdings(one, other, moved, known)),
        ladders=tuple(_ladder(climb, names) for climb in climbs),
        household=_household(survivor, duplicate),
        obstacles=tuple(obstacles),
    )


def _holdings(survivor: Account, duplicate: Account, moved: list[Moved], known: Terms) -> list[Holding]:
    by_key = {one.key: one for one in moved}
    found = []
    for kind in known.wallet_types.values():
        wallet = duplicate.wallet_of(kind.id)
        if wallet is not None:
            found.append(_holding(kind, survivor.wallet_of(kind.id), wallet, by_key.get(kind.key)))
    return found


def _holding(kind: WalletTerms, own: WalletState | None, wallet: WalletState, moved: Moved | None) -> Holding:
    available = own.available if own else 0
    last = None if moved is None else (moved.debts[-1] if moved.debts else moved.into)
    return Holding(
        name=kind.name,
        survivor=available,
        duplicate=wallet.available,
        duplicate_pending=wallet.pending,
        debt=wallet.debt,
        after=last.wallet.available if last else available,
        batches=_batches(wallet),
    )


def _batches(wallet: WalletState) -> tuple[Batch, ...]:
    sums: Counter[tuple[bool, datetime | None]] = Counter()
    for lot in wallet.lots:
        sums[False, wallet.expiry_of(lot)] += lot.available
        sums[True, wallet.expiry_of(lot)] += lot.pending
    batches = [
        Batch(points=points, expires_at=expires_at, is_pending=is_pending)
        for (is_pending, expires_at), points in sums.items()
        if points
    ]
    return tuple(
        sorted(
            batches,
            key=lambda one: (one.expires_at is None, one.expires_at.timestamp() if one.expires_at else 0),
        )
    )


def _ladder(climb: Climb, names: dict[str, str]) -> Ladder:
    return Ladder(
        name=names.get(climb.ladder.key, climb.ladder.key),
        survivor=climb.ladder.rung(climb.before.tier_id),
        survivor_progress=climb.before.progress,
        duplicate=climb.ladder.rung(climb.added.tier_id),
        duplicate_progress=climb.added.progress,
        after=climb.ladder.rung(climb.after.tier_id),
        after_progress=climb.after.progress,
    )


def _household(survivor: Member, duplicate: Member) -> str:
    """What becomes of the duplicate's place in a household, in a sentence; empty without one."""
    places = {
        place.member_id: place.household_id
        for place in HouseholdMember.objects.filter(member__in=[survivor, duplicate])
    }
    if duplicate.pk not in places:
        return ""
    if survivor.pk not in places:
        return _("{member} takes the duplicate’s place in its household.").format(member=survivor)
    return _("The duplicate leaves its household; {member} stays in theirs.").format(member=survivor)


def look_alikes(member: Member) -> QuerySet[Member]:
    """Members with the same last name and birth date, a few of them; by the index on last names."""
    if not member.last_name or member.birth_date is None:
        return Member.objects.none()
    alike = Member.objects.of(member.program_id).filter(
        last_name__iexact=member.last_name, birth_date=member.birth_date
    )
    others = alike.exclude(pk=member.pk).exclude(status__in=[MemberStatus.MERGED, MemberStatus.ERASED])
    return others.prefetch_related("identifiers").order_by("-pk")[:SHOWN]


_RECORDS: Final = """
WITH RECURSIVE record(id) AS (
    SELECT %s::uuid
    UNION ALL
    SELECT merged.id FROM record JOIN members_member AS merged ON merged.merged_into_id = record.id
) SELECT id FROM record"""


def one_person(member: Member) -> RawSQL:
    """The ids of the member's record, and of those that were merged into it or into these, for a look-up."""
    return RawSQL(_RECORDS, [member.pk])
