"""
What one activity needs to know before it is decided, read in one statement.

It finds the member with wallets and tiers, and the first result if the activity was booked before.
What rules in force ask for besides is in the same statement, and only then: counts and slots of
limited campaigns, purchases, segments, costs of points.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson
from msgspec import Struct

from loyalty.core.db import fetch
from members.ledger import store
from members.ledger.state import Account
from members.references import reference
from rewards.deciding.activities import CustomEvent, Sale
from rewards.deciding.awarding import Context
from rewards.deciding.costs import costs_column
from rewards.deciding.counting import Count, counts_column, read_counts
from rewards.deciding.drawing import Slot, own_slots_column, read_slots
from rewards.deciding.histories import PAST_COLUMN, Past, read_past, windows
from rewards.deciding.recorded import CLOCKS_MAY_DIFFER_BY, EARLIEST, Recorded, read_recorded
from rewards.deciding.rules import Rules


class Need(Struct, frozen=True, kw_only=True):
    """What the rules in force ask about one activity, besides the member's account."""

    campaigns: frozenset[UUID] = frozenset()
    """Campaigns that limit what they give a member, and the periods of those limits."""
    periods: frozenset[str] = frozenset()
    budgets: frozenset[UUID] = frozenset()
    segments: frozenset[str] = frozenset()
    history: frozenset[str] = frozenset()
    windows: dict[int, datetime] = {}
    """How many days rules look back, and when that begins."""
    has_costs: bool = False


class Found(Struct, frozen=True, kw_only=True):
    """What the loading statement says of one activity; returns that wait are those of this sale."""

    account: Account | None
    recorded: Recorded | None = None
    fingerprint: bytes | None = None
    has_waiting_returns: bool = False
    counts: Sequence[Count] = ()
    slots: Sequence[Slot] = ()
    past: Past = Past()
    segments: frozenset[str] = frozenset()
    costs: dict[str, Decimal] = {}


NOTHING_NEEDED: Final = Need()


def need_of(activity: Sale | CustomEvent, rules: Rules, context: Context) -> Need:
    """What the versions in force when it happened ask for; nothing for what is refused for its time."""
    if not EARLIEST <= activity.occurred_at <= context.at + CLOCKS_MAY_DIFFER_BY:
        return NOTHING_NEEDED
    event_type = activity.type if isinstance(activity, CustomEvent) else ""
    asks = rules.in_force(activity.occurred_at).asks(kind_of(activity), event_type)
    if not (asks.segments or asks.history or asks.limited):
        return NOTHING_NEEDED
    local = activity.occurred_at.astimezone(context.terms.zone)
    by_member = [campaign for campaign in asks.limited if campaign.definition.limits.per_member]
    in_all = [
        (campaign.key, limit.unit) for campaign in asks.limited for limit in campaign.definition.limits.in_all
    ]
    return Need(
        campaigns=frozenset(rules.campaign_ids[campaign.key] for campaign in by_member),
        periods=frozenset(p for campaign in by_member for p in campaign.definition.limits.periods(local)),
        budgets=frozenset(rules.budgets[rules.campaign_ids[key], unit] for key, unit in in_all),
        segments=asks.segments,
        history=asks.history,
        windows=windows(asks.history, local),
        has_costs=any(unit == "money" for _, unit in in_all),
    )


def find(activities: Sequence[Sale | CustomEvent], needs: Sequence[Need], context: Context) -> list[Found]:
    """In one statement: each activity's member, its first result if it was booked before, and its need."""
    extras = _extras(activities, needs, context)
    asked = [
        _asked(activity, need, has_past="past" in extras)
        for activity, need in zip(activities, needs, strict=True)
    ]
    rows = fetch(
        _statement(tuple(extras)),
        [
            context.program.pk,
            context.source,
            msgspec.json.encode(asked).decode(),
            *(parameter for parameters in extras.values() for parameter in parameters),
        ],
    )
    return [_found(row, tuple(extras), context.program.pk) for row in rows]


def kind_of(activity: Sale | CustomEvent) -> str:
    return "event" if isinstance(activity, CustomEvent) else "sale"


def _asked(activity: Sale | CustomEvent, need: Need, *, has_past: bool) -> dict[str, Any]:
    kind, value = reference(activity.member)
    asked = {"kind": kind, "value": value, "external_id": activity.external_id, "as": kind_of(activity)}
    if not has_past:
        return asked
    back = [{"days": days, "begins_at": begins_at} for days, begins_at in need.windows.items()]
    return asked | {"occurred_at": activity.occurred_at, "windows": back}


def _extras(
    activities: Sequence[Sale | CustomEvent], needs: Sequence[Need], context: Context
) -> dict[str, list[Any]]:
    """Names of the extra columns, in the order in which they are read, with their parameters."""
    if all(need is NOTHING_NEEDED for need in needs):
        return {}
    extras: dict[str, list[Any]] = {}
    if campaigns := frozenset[UUID]().union(*(need.campaigns for need in needs)):
        periods = frozenset[str]().union(*(need.periods for need in needs))
        extras["counts"] = [sorted(campaigns), sorted(periods)]
    # Many activities draw from whole budgets, which are read once for all of them.
    if len(activities) == 1 and needs[0].budgets:
        extras["slots"] = [sorted(needs[0].budgets)]
    if any(need.history for need in needs):
        extras["past"] = []
    if segments := frozenset[str]().union(*(need.segments for need in needs)):
        extras["segments"] = [sorted(segments)]
    if any(need.has_costs for need in needs):
        extras["costs"] = [context.terms.day_of(context.at)]
    return extras


@lru_cache(maxsize=32)
def _statement(extras: tuple[str, ...]) -> str:
    columns, parameter = [store.ACCOUNT_COLUMNS], 4
    for name in extras:
        count, column = _EXTRAS[name]
        columns.append(column.format(*(f"${parameter + index}" for index in range(count))))
        parameter += count
    asked = [("kind", "text"), ("value", "text"), ("external_id", "text"), ('"as"', "text")]
    if "past" in extras:
        asked += [("occurred_at", "timestamptz"), ("windows", "json")]
    return _FIND.format(
        columns=",\n".join(columns),
        typed=", ".join(f"{name} {kind}" for name, kind in asked),
        named=", ".join({'"as"': "activity_kind"}.get(name, name) for name, _ in asked),
    )


def segments_column(keys: str) -> str:
    """A column for a loading statement: which of these segments of the program `$1` the `member` is in."""
    return (
        "(SELECT json_agg(segment.key) FROM members_segmentmember belongs"
        " JOIN members_segment segment ON segment.id = belongs.segment_id"
        " WHERE belongs.member_id = member.id AND segment.program_id = $1"
        f" AND segment.key = ANY({keys}))::text"
    )


_EXTRAS: Final = {
    "counts": (2, counts_column("{0}::uuid[]", "{1}::text[]")),
    "slots": (1, own_slots_column("{0}::uuid[]")),
    "past": (0, PAST_COLUMN),
    "segments": (1, segments_column("{0}::text[]")),
    "costs": (1, costs_column("{0}::date")),
}

# With EXISTS, PostgreSQL may read all that waits into a hash; with a limit it looks into the index.
_FIND: Final = f"""
SELECT done.id, done.kind, done.external_id, done.member_id, done.occurred_at, done.recorded_at, done.points,
       done.awards::text, done.outcome::text, done.fingerprint,
       asked.activity_kind = 'sale' AND (
           SELECT true FROM rewards_waitingreturn waiting
           WHERE waiting.program_id = $1 AND waiting.source = $2
           AND waiting.sale_external_id = asked.external_id AND waiting.status = 'waiting' LIMIT 1
       ) IS NOT NULL,
       {{columns}}
FROM ROWS FROM (json_to_recordset($3::json) AS ({{typed}}))
     WITH ORDINALITY AS asked({{named}}, position)
{store.ACCOUNT_JOINS}
LEFT JOIN rewards_activity done ON done.program_id = $1 AND done.source = $2
     AND done.external_id = asked.external_id
     AND (done.kind = asked.activity_kind OR (done.kind = 'undone' AND asked.activity_kind = 'sale'))
ORDER BY asked.position"""
_WIDTH: Final = 18
"""Columns of an activity, whether returns wait, and of an account."""


def _found(row: Sequence[Any], extras: tuple[str, ...], program_id: UUID) -> Found:
    activity, waits, account = row[:10], row[10], store.read_account(program_id, row[11:_WIDTH])
    read = {
        name: _READ[name](orjson.loads(value))
        for name, value in zip(extras, row[_WIDTH:], strict=True)
        if value is not None
    }
    if activity[0] is None:
        return Found(account=account, has_waiting_returns=waits, **read)
    recorded = read_recorded(activity[:9])
    return Found(
        account=account, recorded=recorded, fingerprint=activity[9], has_waiting_returns=waits, **read
    )


_READ: Final[dict[str, Any]] = {
    "counts": read_counts,
    "slots": read_slots,
    "past": read_past,
    "segments": frozenset,
    "costs": lambda costs: {key: Decimal(cost) for key, cost in costs.items()},
}
