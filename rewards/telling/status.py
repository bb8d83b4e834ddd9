"""
What a member holds, where they stand, and what they may have now: all of it in one statement.

PostgreSQL puts the answer together while it reads: a till asks at every purchase, and each further
round trip or object in between would cost more than the work itself.
"""

from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from loyalty.core.db import fetch
from loyalty.core.models import Program
from members import references
from rewards.redeeming.offers import bought_column
from rewards.telling.offers import Offering

SHOWN_AT_MOST: Final = 50
"""Badges, challenges and offers are told up to that many of each: more fit no screen."""

# $1 program, $2 the program's present, $3 challenges that can be made progress with, then whom it is
# about. Points whose time is over are no longer counted, whether or not the nightly run has booked them
# as expired: they can't be spent, unless their kind keeps them until a run takes them.
_MEMBER: Final = """
WITH member AS MATERIALIZED (
    SELECT id, status, first_name, merged_into_id, birth_date, enrolled_at, attributes FROM members_member
    WHERE program_id = $1 AND status <> 'erased' AND {found}
), wallet AS MATERIALIZED (
    SELECT type.id AS type_id, type.key AS type, type.name, type.is_spendable,
           coalesce(held.available, 0) - coalesce(overdue.points, 0) - coalesce(lapsed.points, 0)
               AS available,
           coalesce(held.pending, 0) AS pending, coalesce(held.held, 0) AS held,
           CASE WHEN next.points IS NOT NULL
                THEN json_build_object(
                    'expires_at', to_char(next.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                    'points', next.points
                ) END AS next_expiry
    FROM member
    JOIN members_wallettype AS type ON type.program_id = $1
    LEFT JOIN members_wallet AS held ON held.member_id = member.id AND held.type_id = type.id
    LEFT JOIN LATERAL (
        SELECT sum(lot.available)::bigint AS points FROM members_lot AS lot
        WHERE lot.wallet_id = held.id AND lot.available > 0 AND lot.expires_at <= $2
          AND NOT (type.expiry_is_on_hold OR type.expires_only_if_warned)
    ) AS overdue ON true
    LEFT JOIN LATERAL (
        SELECT sum(lot.available)::bigint AS points FROM members_lot AS lot
        WHERE held.lapses_at <= $2 AND NOT (type.expiry_is_on_hold OR type.expires_only_if_warned)
          AND lot.wallet_id = held.id AND lot.available > 0 AND lot.lapses
    ) AS lapsed ON true
    LEFT JOIN LATERAL (
        (SELECT lot.expires_at, sum(lot.available)::bigint AS points FROM members_lot AS lot
         WHERE lot.wallet_id = held.id AND lot.available > 0 AND lot.expires_at > $2
         GROUP BY lot.expires_at ORDER BY lot.expires_at LIMIT 1)
        UNION ALL
        (SELECT held.lapses_at, sum(lot.available)::bigint FROM members_lot AS lot
         WHERE held.lapses_at > $2 AND lot.wallet_id = held.id AND lot.available > 0 AND lot.lapses
         HAVING count(*) > 0)
        ORDER BY 1 LIMIT 1
    ) AS next ON true
), standing AS (
    SELECT ladder.key AS ladder, tier.key AS tier, tier.name, coalesce(present.progress, 0) AS progress,
           next.key AS next_tier,
           next.threshold - least(coalesce(present.progress, 0), next.threshold) AS points_to_next
    FROM member
    JOIN members_tierladder AS ladder ON ladder.program_id = $1
    LEFT JOIN members_membertier AS present
        ON present.member_id = member.id AND present.ladder_id = ladder.id
    JOIN LATERAL (
        SELECT rung.key, rung.name, rung.threshold FROM members_tier AS rung
        WHERE rung.ladder_id = ladder.id AND (present.id IS NULL OR rung.id = present.tier_id)
        ORDER BY rung.threshold LIMIT 1
    ) AS tier ON true
    LEFT JOIN LATERAL (
        SELECT rung.key, rung.threshold FROM members_tier AS rung
        WHERE rung.ladder_id = ladder.id AND rung.threshold > tier.threshold
        ORDER BY rung.threshold LIMIT 1
    ) AS next ON true
), available AS (
    SELECT reward.key, reward.name, wallet.type AS wallet_type, reward.price,
           reward.minimum_basket::text AS minimum_basket
    FROM member
    JOIN rewards_reward AS reward ON reward.program_id = $1 AND member.status = 'active'
    JOIN wallet ON wallet.type_id = reward.wallet_type_id
    WHERE reward.is_active AND reward.price <= wallet.available
      AND (reward.starts_at IS NULL OR reward.starts_at <= $2)
      AND (reward.ends_at IS NULL OR reward.ends_at > $2)
      AND (reward.stock IS NULL OR reward.stock > 0)
      AND (reward.limit_per_member IS NULL OR reward.limit_per_member > {bought})
), challenge AS (
    SELECT goal.key, goal.name, goal.description, coalesce(step.progress, 0) AS progress, goal.goal,
           coalesce(step.completions, 0) AS completions, goal.is_repeatable
    FROM member
    JOIN rewards_challenge AS goal ON goal.program_id = $1 AND member.status = 'active'
    LEFT JOIN LATERAL (
        SELECT progress, completions FROM rewards_challengeprogress
        WHERE member_id = member.id AND challenge_id = goal.id ORDER BY number DESC LIMIT 1
    ) AS step ON true
    WHERE (goal.key = ANY($3::text[]) OR step.progress > 0)
      AND (goal.is_repeatable OR coalesce(step.completions, 0) = 0)
    ORDER BY least(coalesce(step.progress, 0), goal.goal)::float / goal.goal DESC, goal.key LIMIT {most}
), badge AS (
    SELECT badge.key, badge.name,
           to_char(earned.earned_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS earned_at
    FROM member
    JOIN rewards_memberbadge AS earned ON earned.member_id = member.id
    JOIN rewards_badge AS badge ON badge.id = earned.badge_id
    ORDER BY earned.earned_at DESC, earned.id LIMIT {most}
)
"""
_AVAILABLE: Final = "(SELECT coalesce(json_agg(available ORDER BY price, key), '[]') FROM available)"
_STATUS: Final = """
SELECT id, status, json_build_object(
    'id', id, 'status', status, 'merged_into_id', merged_into_id, 'first_name', first_name,
    'wallets', (SELECT coalesce(json_agg(json_build_object(
        'type', type, 'name', name, 'available', available, 'pending', pending, 'held', held,
        'next_expiry', next_expiry) ORDER BY is_spendable DESC, type), '[]') FROM wallet),
    'tiers', (SELECT coalesce(json_agg(standing ORDER BY ladder), '[]') FROM standing),
    'rewards', {available},
    'challenges', {challenges},
    'badges', {badges}
)::text{columns} FROM member
"""
# Left out where a program has none: each part of a plan costs something, also one that runs dry.
_CHALLENGES: Final = "(SELECT coalesce(json_agg(challenge), '[]') FROM challenge)"
_BADGES: Final = "(SELECT coalesce(json_agg(badge), '[]') FROM badge)"
_NONE: Final = "'[]'::json"
_REWARDS: Final = f"SELECT {_AVAILABLE}::text FROM member"
_FOUND: Final = {
    "id": "id = $4",
    "identifier": (
        "id = (SELECT member_id FROM members_identifier WHERE program_id = $1 AND kind = $4 AND value = $5)"
    ),
}


_LIMITS: Final = {
    "most": SHOWN_AT_MOST,
    "bought": bought_column(at="$2", zone="(SELECT time_zone FROM core_program WHERE id = $1)"),
}


class Query(NamedTuple):
    """A statement with what is bound to it."""

    sql: str
    parameters: list[Any]


class Status(NamedTuple):
    """All but the offers as an object in JSON, and the offers as a list in JSON."""

    told: str
    offers: bytes


def read(program: Program, reference: references.Reference, *, at: datetime) -> Status:
    """
    A member at that moment; all of it was read at once, so that the figures fit together.

    :raises NotFound: if the program has no such member
    """
    offering = Offering(program, at=at)
    query = query_of(program, reference, offering)
    rows = fetch(query.sql, query.parameters)
    if not rows:
        raise references.unknown()
    member_id, status, told, *columns = rows[0]
    offers = offering.told(member_id, columns) if offering.campaigns and status == "active" else b"[]"
    return Status(told, offers)


def query_of(program: Program, reference: references.Reference, offering: Offering) -> Query:
    """The one statement behind a status."""
    known = offering.repertoire
    parameters = [program.pk, offering.at, known.challenges, *_whom(reference)]
    columns = list(offering.columns.values())
    sql = _statement(
        reference.by,
        _CHALLENGES if known.has_challenges else _NONE,
        _BADGES if known.has_badges else _NONE,
        tuple((column.sql, len(column.parameters)) for column in columns),
    )
    return Query(sql, [*parameters, *(one for column in columns for one in column.parameters)])


def rewards(program: Program, reference: references.Reference, *, at: datetime) -> str:
    """
    The rewards that a member may have at that moment, as a list in JSON.

    :raises NotFound: if the program has no such member
    """
    rows = fetch(_member(reference.by) + _REWARDS, [program.pk, at, [], *_whom(reference)])
    if not rows:
        raise references.unknown()
    told: str = rows[0][0]
    return told


def _whom(reference: references.Reference) -> list[str]:
    return [reference.value] if reference.by == "id" else [reference.kind, reference.value]


def _member(by: str) -> str:
    return _MEMBER.format(found=_FOUND[by], **_LIMITS)


@lru_cache(maxsize=256)
def _statement(by: str, challenges: str, badges: str, columns: tuple[tuple[str, int], ...]) -> str:
    number = 5 if by == "id" else 6
    told = ""
    for sql, count in columns:
        places = (f"${number + index}" for index in range(count))
        told += f",\n    {sql.format(*places)}"
        number += count
    parts = {"available": _AVAILABLE, "challenges": challenges, "badges": badges}
    return _member(by) + _STATUS.format(**parts, columns=told)
