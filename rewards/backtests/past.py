"""
What rules that were not in force then ask of a member, who was not asked for it: worked out from the past.

Purchases are those that the member had made by then; what came back of them, whenever it did, is
taken off. What was stored with an activity is taken as it is.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from loyalty.core.db import fetch
from rewards.backtests.stream import Happened
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


def filled(chunk: Sequence[Happened], rulebooks: Collection[Rulebook]) -> list[Happened]:
    """The activities with all that the rulebooks ask for; one statement if anything was not stored."""
    missing = {one.id: asked for one in chunk if (asked := _missing(one, rulebooks))}
    found = dict(_found([one for one in chunk if one.id in missing], missing)) if missing else {}
    return [_with(one, found.get(one.id, {})) for one in chunk]


def _missing(one: Happened, rulebooks: Collection[Rulebook]) -> frozenset[str]:
    activity = one.facts.activity
    asked = frozenset().union(*(book.asks(activity.kind, activity.event_type).history for book in rulebooks))
    return asked - one.facts.member.history.keys()


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


def _with(one: Happened, found: Mapping[str, Any]) -> Happened:
    """Whoever was stored without an id has the one of the activity, which says who is in which group."""
    member = one.facts.member
    if member.id and not found:
        return one
    known = replace(member, id=str(one.member_id), history={**member.history, **found})
    facts = Facts(activity=one.facts.activity, member=known, moment=one.facts.moment)
    return replace(one, facts=facts)
