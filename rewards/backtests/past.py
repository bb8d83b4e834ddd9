"""
What rules that were not in force then ask of a member, who was not asked for it: worked out from the past.

Purchases are those that the member had made by then; what came back of them, whenever it did, is
taken off. Segments are those of today: nobody kept who was in which of them. What was stored with
an activity is taken as it is.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from loyalty.core.db import fetch
from loyalty.core.models import Program
from members.models import SegmentMember
from rewards.backtests.stream import Happened
from rewards.deciding import rules
from rewards.engine import history
from rewards.engine.evaluate import Rulebook
from rewards.engine.facts import Facts

# Of the sales of one moment, those that were booked first happened first, as in the stream.
_PAST: Final = """
SELECT asked.id,
       (SELECT a.occurred_at FROM rewards_activity a
        WHERE a.member_id = asked.member_id AND a.kind = 'sale' AND a.occurred_at <= asked.at
        AND (a.occurred_at, a.id) < (asked.at, asked.id) ORDER BY a.occurred_at DESC LIMIT 1),
       (SELECT json_object_agg(since.days, json_build_array(sales.number, sales.net::text))
        FROM json_to_recordset(asked.windows) AS since(days int, at timestamptz),
        LATERAL (SELECT count(*) AS number, coalesce(sum(a.amount - a.returned_amount), 0) AS net
                 FROM rewards_activity a
                 WHERE a.member_id = asked.member_id AND a.kind = 'sale' AND a.occurred_at >= since.at
                 AND a.occurred_at <= asked.at AND (a.occurred_at, a.id) < (asked.at, asked.id)) AS sales)
FROM json_to_recordset($1::json) AS asked(id uuid, member_id uuid, at timestamptz, windows json)"""


def filled(chunk: Sequence[Happened], program: Program, rulebooks: Collection[Rulebook]) -> list[Happened]:
    """The activities with all that the rulebooks ask for; a statement each for purchases and segments."""
    missing = {one.id: asked for one in chunk if (asked := _missing(one, rulebooks))}
    found = dict(_found([one for one in chunk if one.id in missing], missing)) if missing else {}
    segments = _segments(chunk, program, rulebooks)
    return [_with(one, found.get(one.id, {}), segments.get(one.id, frozenset())) for one in chunk]


def _missing(one: Happened, rulebooks: Collection[Rulebook]) -> frozenset[str]:
    activity = one.facts.activity
    asked = frozenset().union(*(book.asks(activity.kind, activity.event_type).history for book in rulebooks))
    return asked - one.facts.member.history.keys()


def _segments(
    chunk: Sequence[Happened], program: Program, rulebooks: Collection[Rulebook]
) -> dict[UUID, frozenset[str]]:
    """By activity: the member's segments that the rules in force then did not ask for."""
    then = rules.of(program)
    missing: dict[UUID, frozenset[str]] = {}
    for one in chunk:
        listened = one.facts.activity.kind, one.facts.activity.event_type
        asked = frozenset().union(*(book.asks(*listened).segments for book in rulebooks))
        if asked and (unknown := asked - then.in_force(one.at).asks(*listened).segments):
            missing[one.id] = unknown
    if not missing:
        return {}
    rows = SegmentMember.objects.filter(
        program=program,
        segment__key__in=frozenset().union(*missing.values()),
        member__in={one.member_id for one in chunk if one.id in missing},
    )
    of_member: defaultdict[UUID, set[str]] = defaultdict(set)
    for member_id, key in rows.values_list("member_id", "segment__key"):
        of_member[member_id].add(key)
    return {one.id: missing[one.id] & of_member[one.member_id] for one in chunk if one.id in missing}


def _found(
    chunk: Sequence[Happened], missing: Mapping[UUID, frozenset[str]]
) -> Iterator[tuple[UUID, dict[str, Any]]]:
    asked = [
        {"id": one.id, "member_id": one.member_id, "at": one.at, "windows": _windows(one, missing[one.id])}
        for one in chunk
    ]
    zones = {one.id: one.facts.moment.local.tzinfo for one in chunk}
    for activity_id, last_at, counted in fetch(_PAST, [msgspec.json.encode(asked).decode()]):
        last = last_at.astimezone(zones[activity_id]).date().isoformat() if last_at else None
        known: dict[str, Any] = {history.LAST: last, history.FIRST: last is None}
        for days, (number, net) in (counted or {}).items():
            known |= {history.key("purchases", days): number, history.key("spend", days): net}
        yield activity_id, {name: known[name] for name in missing[activity_id]}


def _windows(one: Happened, asked: frozenset[str]) -> list[dict[str, Any]]:
    days = {int(name.partition(":")[2]) for name in asked if ":" in name}
    local = one.facts.moment.local
    return [{"days": back, "at": history.start_of(back, local).astimezone(UTC)} for back in sorted(days)]


def _with(one: Happened, found: Mapping[str, Any], segments: frozenset[str]) -> Happened:
    """Whoever was stored without an id has the one of the activity, which says who is in which group."""
    member = one.facts.member
    if member.id and not found and not segments:
        return one
    known = replace(
        member,
        id=str(one.member_id),
        history={**member.history, **found},
        segments=member.segments | segments,
    )
    facts = Facts(activity=one.facts.activity, member=known, moment=one.facts.moment)
    return replace(one, facts=facts)
