"""
Who is in which segment: the one writer of memberships.

Note [Memberships]
~~~~~~~~~~~~~~~~~~
A segment's members are written by one statement, whether it is one member or a million: it finds
who should be in it, compares that with who is, writes the differences and publishes them as events.
So a membership and its event are in one commit, and what stays as it is costs no write.

Writers of one segment take turns by an advisory lock. It is no row's lock on purpose: it needs no
transaction id, so that finding a million members holds up no reader of the event log (see Note
[Event cursor] in `loyalty.core.events`), and it is in nobody's way but other writers'.

No wallets are held meanwhile. The events of a member and a segment are in order all the same, by the
turns, and each is after what caused it: that was committed, and had its number, before it was read.

Who is forgotten is held, but lists do not ask for that: it is one's turn at all lists of the program before
it is looked up on which of them they are. So nobody who is being put on one just then stays there.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Struct

from loyalty.core.db import fetch, planned_by_values
from loyalty.core.errors import DomainError
from loyalty.core.models import Program
from members.models import Segment, SegmentKind, SegmentMember

WRITTEN_AT_ONCE: Final = 10_000

_TAKE_TURN: Final = "SELECT pg_advisory_xact_lock(hashtextextended('members_segment:' || $1::uuid, 0))"
_TAKE_TURN_AT_LISTS: Final = """
SELECT pg_advisory_xact_lock(hashtextextended('members_segment:' || id, 0)) FROM (
    SELECT id FROM members_segment WHERE program_id = $1 AND kind = 'list' ORDER BY id) AS listed"""


class SegmentIsDynamic(DomainError):
    """Its members are found by conditions: change those, or make a list."""

    code: ClassVar[str] = "segment_is_dynamic"
    title = gettext_lazy("The segment is no list")


class SegmentIsArchived(DomainError):
    """The segment was put away and keeps the members that it has."""

    code: ClassVar[str] = "segment_is_archived"
    title = gettext_lazy("The segment is archived")


class Turnover(Struct, frozen=True):
    """How many members a segment got, and lost."""

    entered: int = 0
    left: int = 0


@contextmanager
def turn(segment_id: UUID) -> Iterator[None]:
    """Be the only one who writes a segment's members, in a transaction. See Note [Memberships]."""
    with transaction.atomic():
        fetch(_TAKE_TURN, [segment_id])
        yield


def add(segment: Segment, *, member_ids: Collection[UUID], at: datetime) -> int:
    """
    Put members on a list; how many of them were not on it before.

    Who is no active member of the segment's program is left out.

    :raises SegmentIsDynamic: if the segment is no list
    """
    check_list(segment)
    chunks = _chunks(member_ids)
    return sum(_change(segment, _ENTER, _FOUND, [ids, segment.program_id], at=at).entered for ids in chunks)


def enter(segment: Segment, *, member_ids: Collection[UUID], at: datetime) -> list[UUID]:
    """
    Put members on a list, as `add()` does; who was not on it before. For as many as fit one call.

    :raises SegmentIsDynamic: if the segment is no list
    :raises SegmentIsArchived: if it was put away
    """
    check_list(segment)
    with turn(segment.pk):
        there = _present(segment, member_ids)
        add(segment, member_ids=member_ids, at=at)
        return sorted(_present(segment, member_ids) - there)


def leave(segment: Segment, *, member_ids: Collection[UUID], at: datetime) -> list[UUID]:
    """
    Take members off a list, as `remove()` does; who was on it before. For as many as fit one call.

    :raises SegmentIsDynamic: if the segment is no list
    :raises SegmentIsArchived: if it was put away
    """
    check_list(segment)
    with turn(segment.pk):
        there = _present(segment, member_ids)
        remove(segment, member_ids=member_ids, at=at)
        return sorted(there)


def _present(segment: Segment, member_ids: Collection[UUID]) -> set[UUID]:
    places = segment.places.filter(member__in=member_ids)
    return set(places.values_list("member_id", flat=True))


def remove(segment: Segment, *, member_ids: Collection[UUID], at: datetime) -> int:
    """
    Take members off a list; how many of them were on it.

    :raises SegmentIsDynamic: if the segment is no list
    """
    check_list(segment)
    found = "SELECT unnest($1::uuid[]) AS member_id"
    return sum(_change(segment, _LEAVE, found, [ids], at=at).left for ids in _chunks(member_ids))


def replace(segment: Segment, *, member_ids: Collection[UUID], at: datetime) -> Turnover:
    """
    Make these the members of a list: who is on it and not among them leaves.

    :raises SegmentIsDynamic: if the segment is no list
    """
    check_list(segment)
    return rewrite(segment, found=_FOUND, parameters=[sorted(set(member_ids)), segment.program_id], at=at)


def rewrite(segment: Segment, *, found: str, parameters: Sequence[Any], at: datetime) -> Turnover:
    """
    Make these the members of a segment: who is new enters, who is not among them leaves.

    :param found: a statement that selects `member_id`, each once, of members of the segment's
        program, with `parameters` as $1, $2 …
    """
    with transaction.atomic():
        # How many conditions will find cannot be guessed. Who guesses few, and joins loops, takes minutes.
        fetch("SET LOCAL enable_nestloop = off")
        moved = _change(segment, _ENTER_AND_LEAVE, found, parameters, at=at)
        fetch("SET LOCAL enable_nestloop = DEFAULT")
    return moved


def forget(program: Program, member_ids: Collection[UUID], *, at: datetime) -> None:
    """Take members out of all segments of their program, as they are nobody's business any more."""
    fetch(_TAKE_TURN_AT_LISTS, [program.pk])
    ids = sorted(set(member_ids))
    places = SegmentMember.objects.filter(member__in=ids).values("segment")
    # In order, as two who forget the same segments' members would wait crosswise otherwise.
    for segment in Segment.objects.filter(pk__in=places).order_by("pk"):
        _change(segment, _LEAVE, "SELECT unnest($1::uuid[]) AS member_id", [ids], at=at)


_FOUND: Final = (
    "SELECT id AS member_id FROM members_member"
    " WHERE id = ANY($1::uuid[]) AND program_id = $2 AND status = 'active'"
)


def check_list(segment: Segment) -> None:
    """
    :raises SegmentIsDynamic: if the segment is no list
    :raises SegmentIsArchived: if it was put away
    """
    if segment.archived_at is not None:
        detail = _("“%(name)s” is archived: its members stay as they are.")
        raise SegmentIsArchived(detail % {"name": segment.name})
    if segment.kind != SegmentKind.LIST:
        detail = _("“%(name)s” is kept by its conditions, not by hand.")
        raise SegmentIsDynamic(detail % {"name": segment.name})


def _chunks(member_ids: Collection[UUID]) -> list[list[UUID]]:
    """In order, so that two who write the same members wait for each other and not crosswise."""
    ordered = sorted(set(member_ids))
    return [ordered[first : first + WRITTEN_AT_ONCE] for first in range(0, len(ordered), WRITTEN_AT_ONCE)]


def _change(segment: Segment, steps: str, found: str, parameters: Sequence[Any], *, at: datetime) -> Turnover:
    place = len(parameters)
    names = {"segment": f"${place + 1}::uuid", "at": f"${place + 2}::timestamptz"}
    with turn(segment.pk), planned_by_values():
        ((entered, left),) = fetch(
            _STATEMENT.format(found=found, steps=steps.format(**names), **names),
            [*parameters, segment.pk, at],
            is_kept=False,
        )
    return Turnover(entered, left)


_ENTERED: Final = """
entered AS (
    INSERT INTO members_segmentmember (segment_id, member_id, program_id, since)
    SELECT described.id, found.member_id, described.program_id, {at} FROM found CROSS JOIN described
    WHERE NOT EXISTS (
        SELECT FROM members_segmentmember present
        WHERE present.segment_id = {segment} AND present.member_id = found.member_id
    )
    RETURNING member_id
)"""
_LEFT: Final = """
gone AS (
    DELETE FROM members_segmentmember present WHERE present.segment_id = {segment} AND %s
    RETURNING member_id
)"""
_AMONG: Final = "present.member_id IN (SELECT member_id FROM found)"
_NOT_AMONG: Final = "NOT EXISTS (SELECT FROM found WHERE found.member_id = present.member_id)"
_NOBODY: Final = "{} AS (SELECT NULL::uuid AS member_id WHERE false)"

_ENTER: Final = f"{_ENTERED}, {_NOBODY.format('gone')}"
_LEAVE: Final = f"{_NOBODY.format('entered')}, {_LEFT % _AMONG}"
_ENTER_AND_LEAVE: Final = f"{_ENTERED}, {_LEFT % _NOT_AMONG}"

_STATEMENT: Final = """
WITH found AS MATERIALIZED ({found}),
described AS MATERIALIZED (SELECT id, program_id, key FROM members_segment WHERE id = {segment}),
{steps},
counted AS (
    UPDATE members_segment SET
        member_count = member_count + (SELECT count(*) FROM entered) - (SELECT count(*) FROM gone),
        refreshed_at = {at}
    WHERE id = {segment}
),
told AS (
    INSERT INTO core_event (program_id, member_id, type, data, occurred_at, recorded_at)
    SELECT described.program_id, moved.member_id, moved.type,
           jsonb_build_object('segment', described.key), {at}, {at}
    FROM described CROSS JOIN (
        SELECT member_id, 'segment.entered' AS type FROM entered
        UNION ALL SELECT member_id, 'segment.left' FROM gone
    ) AS moved
)
SELECT (SELECT count(*) FROM entered), (SELECT count(*) FROM gone)"""
