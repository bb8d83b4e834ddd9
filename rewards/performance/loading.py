"""
The sums of `rewards.performance.figures`, from activities, members and lots: a few statements, however many.

Each works on two tables that live for one transaction: what the campaign gave, and the members of its
audience with their groups. What is read grows with the campaign's time, not with the program's.
"""

from collections.abc import Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection, transaction

from loyalty.core.models import Program
from members.finance import estimates
from members.finance.estimates import Estimates
from rewards.engine.assignment import CONTROL, PARTS, VARIANT
from rewards.models import Campaign, CampaignAudience
from rewards.performance import experiments
from rewards.performance.experiments import Experiment, Split
from rewards.performance.figures import (
    Compared,
    Fate,
    Figures,
    GroupSums,
    Product,
    Redeemed,
    Store,
)
from rewards.performance.groups import ZERO

AT_MOST: Final = 10
"""Stores, products and rewards, those with the most first."""
_TIMEOUT: Final = "10min"

_GIVEN: Final = """
CREATE TEMPORARY TABLE performance_given ON COMMIT DROP AS
SELECT activity.id AS activity_id, member_id, kind, store, occurred_at, amount - returned_amount AS sales,
       given->>'wallet_type' AS wallet_type, coalesce((given->>'points')::bigint, 0) AS points,
       (given->>'lot')::uuid AS lot_id, given->'line_points' AS line_points
FROM rewards_activity activity CROSS JOIN LATERAL (
    SELECT * FROM jsonb_array_elements(activity.awards) UNION ALL
    SELECT * FROM jsonb_array_elements(
        CASE jsonb_typeof(outcome->'gifts') WHEN 'array' THEN outcome->'gifts' END)
) AS all_given(given)
WHERE activity.program_id = %(program)s AND activity.kind IN ('sale', 'event')
AND activity.occurred_at >= %(first)s AND activity.occurred_at < %(until)s
AND (awards <> '[]' OR outcome ? 'gifts') AND given->>'campaign' = %(campaign)s"""

# A member who was merged into another before is no member of the audience; one who is merged later
# stays what chance made of it, or else the campaign could change who is counted.
_MEMBERS: Final = """
CREATE TEMPORARY TABLE performance_members ON COMMIT DROP AS
SELECT member.id AS member_id, {group} AS "group" FROM members_member member {audience}
WHERE member.program_id = %(program)s AND member.enrolled_at < %(start)s AND NOT EXISTS (
    SELECT 1 FROM members_merge merged WHERE merged.duplicate_id = member.id
    AND merged.merged_at < %(start)s AND (merged.undone_at IS NULL OR merged.undone_at >= %(start)s))"""
_KEPT_AUDIENCE: Final = """
JOIN rewards_campaignaudiencemember kept
     ON kept.member_id = member.id AND kept.audience_id = %(audience)s"""

_FIRST_SALE: Final = """
SELECT (SELECT occurred_at FROM rewards_activity WHERE program_id = %(program)s AND kind = 'sale'
        ORDER BY occurred_at LIMIT 1)"""

_SUMS: Final = """
WITH bought AS (
    SELECT member_id,
           coalesce(sum(amount - returned_amount) FILTER (WHERE occurred_at >= %(start)s), 0) AS sales,
           coalesce(sum(amount - returned_amount) FILTER (WHERE occurred_at < %(start)s), 0) AS before
    FROM rewards_activity WHERE program_id = %(program)s AND kind = 'sale'
    AND occurred_at >= %(before)s AND occurred_at < %(until)s GROUP BY 1
), got AS (
    SELECT DISTINCT member_id FROM performance_given WHERE occurred_at >= %(start)s
)
SELECT member."group", got.member_id IS NOT NULL, count(*), count(*) FILTER (WHERE sales > 0),
       coalesce(sum(sales), 0), coalesce(sum(sales * sales), 0),
       coalesce(sum(before), 0), coalesce(sum(before * before), 0), coalesce(sum(sales * before), 0)
FROM performance_members member LEFT JOIN bought USING (member_id) LEFT JOIN got USING (member_id)
GROUP BY 1, 2 ORDER BY 1, 2"""

_POINTS: Final = """
SELECT member."group", wallet_type, (occurred_at AT TIME ZONE %(zone)s)::date, sum(points)::bigint
FROM performance_given JOIN performance_members member USING (member_id)
WHERE occurred_at >= %(start)s AND points <> 0 GROUP BY 1, 2, 3"""

_WHOLE: Final = """
SELECT count(DISTINCT activity_id), count(DISTINCT given.member_id), count(DISTINCT member.member_id)
FROM performance_given given LEFT JOIN performance_members member USING (member_id)"""

_WHOLE_SALES: Final = """
SELECT coalesce(sum(sales), 0) FROM (SELECT DISTINCT activity_id, sales FROM performance_given) AS once"""

_WHOLE_POINTS: Final = """
SELECT wallet_type, (occurred_at AT TIME ZONE %(zone)s)::date, sum(points)::bigint
FROM performance_given WHERE points <> 0 GROUP BY 1, 2"""

# A lot holds what became of its points; only what was passed on looks used there.
_FATES: Final = """
SELECT wallet_type, sum(lot.points)::bigint, sum(lot.redeemed)::bigint,
       coalesce(sum(passed.points), 0)::bigint, sum(lot.expired)::bigint, sum(lot.reversed)::bigint,
       sum(lot.pending + lot.available + lot.held)::bigint
FROM performance_given JOIN members_lot lot ON lot.id = lot_id
LEFT JOIN LATERAL (
    SELECT sum(posting.points * CASE posting.destination WHEN 'redeemed' THEN 1 ELSE -1 END) AS points
    FROM members_posting posting JOIN members_entry entry ON entry.id = posting.entry_id
    WHERE posting.lot_id = lot.id AND lot.redeemed > 0
    AND (entry.kind IN ('transfer_out', 'merge')
         OR entry.cause LIKE 'transfer:%%' OR entry.cause LIKE 'merge:%%')
    AND 'redeemed' IN (posting.source, posting.destination)
) AS passed ON true
GROUP BY 1 ORDER BY 1"""

_REDEEMED: Final = """
SELECT coalesce(reward.name, ''), count(DISTINCT paid.what), sum(paid.points)::bigint FROM (
    SELECT coalesce(held.id::text, split_part(entry.cause, ':', 2)) AS what,
           CASE WHEN held.id IS NULL THEN split_part(entry.cause, ':', 1) ELSE 'redemption' END AS kind,
           sum(posting.points * CASE posting.destination WHEN 'redeemed' THEN 1 ELSE -1 END) AS points
    FROM performance_given JOIN members_posting posting ON posting.lot_id = performance_given.lot_id
    JOIN members_entry entry ON entry.id = posting.entry_id
    LEFT JOIN rewards_redemption held
         ON held.hold_id = CASE split_part(entry.cause, ':', 1)
                           WHEN 'hold' THEN split_part(entry.cause, ':', 2)::uuid END
    WHERE 'redeemed' IN (posting.source, posting.destination)
    AND entry.kind IN ('spend', 'settle', 'restore')
    AND (entry.cause LIKE 'redemption:%%' OR entry.cause LIKE 'hold:%%')
    GROUP BY 1, 2
) AS paid
LEFT JOIN rewards_redemption redemption
     ON redemption.id = CASE paid.kind WHEN 'redemption' THEN paid.what::uuid END
LEFT JOIN rewards_reward reward ON reward.id = redemption.reward_id
WHERE paid.points > 0 GROUP BY reward.id, reward.name ORDER BY 3 DESC, 1 LIMIT %(most)s"""

_STORES: Final = """
SELECT store, count(*), count(DISTINCT member_id), sum(points)::bigint, sum(sales) FROM (
    SELECT activity_id, store, member_id, sum(points) AS points, max(sales) AS sales
    FROM performance_given WHERE kind = 'sale' GROUP BY 1, 2, 3
) AS sale GROUP BY 1 ORDER BY 4 DESC, 5 DESC, 1 LIMIT %(most)s"""

# Where an award says how much was for which line, that is the line's; otherwise it is nobody's.
_PRODUCTS: Final = """
WITH sold AS (
    SELECT activity_id, jsonb_object_agg(line, points) FILTER (WHERE line IS NOT NULL) AS line_points FROM (
        SELECT activity_id, line.key AS line, sum(line.value::bigint) AS points
        FROM performance_given LEFT JOIN LATERAL jsonb_each_text(
            CASE jsonb_typeof(line_points) WHEN 'object' THEN line_points END) AS line ON true
        WHERE kind = 'sale' GROUP BY 1, 2
    ) AS by_line GROUP BY 1
)
SELECT line->>'sku', max(coalesce(line->>'name', '')), sum(coalesce(line->>'quantity', '1')::numeric),
       sum((line->'amount'->>'amount')::numeric),
       coalesce(sum((sold.line_points->>(line->>'id'))::bigint), 0)::bigint
FROM sold JOIN rewards_activity activity ON activity.id = sold.activity_id
CROSS JOIN LATERAL jsonb_array_elements(activity.lines) AS line
WHERE sold.line_points IS NULL OR sold.line_points ? (line->>'id')
GROUP BY 1 ORDER BY 4 DESC, 1 LIMIT %(most)s"""


def figures(campaign: Campaign, *, at: datetime) -> Figures | None:
    """All that can be said of a campaign at a moment; None before it has begun."""
    found = experiments.experiments(map(experiments.Version.of, campaign.versions.all()), at=at)
    if not found:
        return None
    with _reading():
        return _Reading(campaign, found, at=at).figures()


@contextmanager
def _reading() -> Any:
    """One view of all tables, if nobody has begun a transaction before."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            _rows("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        _rows(f"SET LOCAL statement_timeout = '{_TIMEOUT}'")
        try:
            yield
        finally:
            if not is_outermost and not connection.needs_rollback:
                _rows("SET LOCAL statement_timeout = 0")


def _rows(sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


class _Reading:
    """One campaign's sums; the tables are made first, and gone with the transaction."""

    def __init__(self, campaign: Campaign, found: Sequence[Experiment], *, at: datetime) -> None:
        self.campaign, self.program, self.at = campaign, campaign.program, at
        self.newest, self.earlier = found[-1], len(found) - 1
        self.first, self.until = found[0].starts_at, self.newest.until(at)
        self.worth = _Worth(self.program)
        self.audience = CampaignAudience.objects.filter(
            campaign=campaign, starts_at=self.newest.starts_at
        ).first()
        self.given = {
            "program": self.program.pk,
            "campaign": campaign.key,
            "first": self.first,
            "start": self.newest.starts_at,
            "until": self.until,
            "before": self.newest.before(at),
            "zone": self.program.time_zone,
            "audience": self.audience.pk if self.audience else None,
            "most": AT_MOST,
        }

    def figures(self) -> Figures:
        self._make_tables()
        ((activities, reached, in_audience),) = _rows(_WHOLE)
        points, cost = self.worth.of(_rows(_WHOLE_POINTS, self.given))
        stores = tuple(
            Store(store=s, activities=n, members=m, points=p, sales=a)
            for s, n, m, p, a in _rows(_STORES, self.given)
        )
        ((sales,),) = _rows(_WHOLE_SALES)
        compared = self._compared()
        return Figures(
            starts_at=self.first,
            until=self.until,
            audience=sum(one.members for one in compared.sums),
            reached=reached,
            reached_in_audience=in_audience,
            activities=activities,
            points=points,
            cost=cost,
            sales=sales,
            compared=compared,
            fates=tuple(_fate(row) for row in _rows(_FATES)),
            redeemed=tuple(Redeemed(reward=r, times=n, points=p) for r, n, p in _rows(_REDEEMED, self.given)),
            stores=stores,
            products=tuple(
                Product(sku=k, name=n, quantity=q, sales=a, points=p)
                for k, n, q, a, p in _rows(_PRODUCTS, self.given)
            ),
        )

    def _make_tables(self) -> None:
        _rows("DROP TABLE IF EXISTS performance_given, performance_members")
        _rows(_GIVEN, self.given)
        split = self.newest.split
        audience = _KEPT_AUDIENCE if self.audience else ""
        _rows(
            _MEMBERS.format(group=group_of(split, key="%(campaign)s", member="member.id"), audience=audience),
            {**self.given, **group_names(split)},
        )
        _rows("ANALYZE performance_given, performance_members")

    def _compared(self) -> Compared:
        newest = self.newest
        ((first_sale_at,),) = _rows(_FIRST_SALE, self.given)
        names: dict[str, str] = {}
        for version in newest.versions:
            names |= experiments.variant_names(version.definition)
        return Compared(
            starts_at=newest.starts_at,
            until=self.until,
            before=newest.before(self.at),
            is_over=newest.ends_at is not None and newest.ends_at <= self.at,
            is_experiment=newest.split.is_experiment,
            is_everyone=newest.split.is_everyone,
            taken_at=self.audience.taken_at if self.audience else None,
            versions=tuple(version.number for version in newest.versions),
            earlier=self.earlier,
            sales_begin_at=first_sale_at,
            names=names,
            sums=tuple(self._sums()),
        )

    def _sums(self) -> list[GroupSums]:
        rows = {(group, got): sums for group, got, *sums in _rows(_SUMS, self.given)}
        given: dict[str, list[tuple[str, date, int]]] = {}
        for group, wallet_type, day, points in _rows(_POINTS, self.given):
            given.setdefault(group, []).append((wallet_type, day, points))
        found = []
        for key, share in self.newest.split.shares.items():
            for got in (True, False):
                sums = rows.get((key, got), [0, 0, *[ZERO] * 5])
                points, cost = self.worth.of(given.get(key, ()) if got else ())
                found.append(
                    GroupSums(
                        key=key,
                        share=Decimal(str(round(share, 8))),
                        got_something=got,
                        members=sums[0],
                        buyers=sums[1],
                        sales=sums[2],
                        sales_squares=sums[3],
                        before=sums[4],
                        before_squares=sums[5],
                        products=sums[6],
                        points=points,
                        cost=cost,
                    )  # fmt: skip
                )
        return found


def group_of(split: Split, *, key: str, member: str) -> str:
    """
    The member's group as an expression of SQL, equal to `Split.group_of`.

    :param key: the campaign's key, and
    :param member: the member's id, as expressions; the names of the groups are parameters
    """
    cases = []
    if split.control:
        cases.append(f"WHEN {_part(CONTROL, key, member)} < {split.control} THEN %(group_control)s")
    cases += [
        f"WHEN {_part(VARIANT, key, member)} < {end} THEN %(group_{position})s"
        for position, (_key, end) in enumerate(split.variants)
    ]
    return f"CASE {' '.join(cases)} ELSE %(group_treated)s END" if cases else "%(group_treated)s"


def group_names(split: Split) -> dict[str, str]:
    """What `group_of` asks for."""
    variants = {
        f"group_{position}": experiments.VARIANT + key for position, (key, _) in enumerate(split.variants)
    }
    return {"group_control": experiments.CONTROL, "group_treated": experiments.TREATED, **variants}


def _part(purpose: str, key: str, member: str) -> str:
    text = f"'{purpose}:' || {key} || ':' || {member}"
    digest = f"encode(sha256(convert_to({text}, 'UTF8')), 'hex')"
    return f"('x' || left({digest}, 8))::bit(32)::bigint %% {PARTS}"


def _fate(row: tuple[Any, ...]) -> Fate:
    wallet_type, granted, redeemed, passed_on, expired, taken_back, left = row
    return Fate(
        wallet_type=wallet_type, granted=granted, used=redeemed - passed_on, passed_on=passed_on,
        expired=expired, reversed=taken_back, left=left,
    )  # fmt: skip


class _Worth:
    """Points at their cost, as finance has it for the day; those that cannot be spent cost nothing."""

    def __init__(self, program: Program) -> None:
        self.found: Estimates = estimates.of(program)
        self.kinds = {kind.key: kind.id for kind in self.found.kinds}

    def of(self, rows: Sequence[tuple[str, date, int]]) -> tuple[int, Decimal]:
        """Spendable points and their cost, from points by wallet type and day."""
        points, cost = 0, ZERO
        for wallet_type, day, given in rows:
            if kind := self.kinds.get(wallet_type):
                points += given
                cost += given * self.found.cost(kind, on=day)
        return points, cost
