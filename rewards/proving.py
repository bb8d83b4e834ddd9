"""
Proof that the books say what activities earned: awards against lots, returns against sales, and the
campaigns' frozen versions, evaluated again, against what was booked.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

from loyalty.core.db import fetch
from loyalty.core.models import Program
from members.ledger.verify import Fault, Part
from members.ledger.verify.rows import of_people
from rewards import explaining
from rewards.models import Activity

AGAIN: Final = "what was in force then gives the same again"
LARGE: Final = 200_000
"""Activities from which on whole pages of the table are drawn, and not each row by itself."""
AT_ONCE: Final = 500

ACTIVITIES: Final = Part(
    rows={
        "activity": of_people(
            "rewards_activity", "id, member_id, kind, awards, amount, returned_amount, original_id"
        ),
        "redemption": of_people("rewards_redemption", "id, member_id, points"),
    },
    checks={
        "an activity's awards are the points that it gave": """
            SELECT 'activity ' || coalesce(a.id, g.activity_id),
                   'its awards say ' || coalesce(a.points, 0) || ' points of version '
                   || coalesce(a.version_id, g.version_id, '?') || ', its grants ' || coalesce(g.points, 0)
            FROM (SELECT t.id, award->>'version_id' AS version_id, sum((award->>'points')::bigint) AS points
                  FROM activity t, jsonb_array_elements(t.awards) AS award
                  WHERE t.kind <> 'return' GROUP BY 1, 2) a
            FULL JOIN (
                SELECT activity_id, campaign_version_id::text AS version_id, sum(points) AS points
                FROM lot WHERE activity_id IS NOT NULL AND source NOT IN ('transfer', 'merge')
                GROUP BY 1, 2) g ON g.activity_id = a.id AND g.version_id = a.version_id
            WHERE a.points IS DISTINCT FROM g.points AND coalesce(a.points, 0) <> coalesce(g.points, 0)
        """,
        "the returns of a sale make up what came back": """
            SELECT 'activity ' || a.id,
                   'says that ' || a.returned_amount || ' came back, its returns ' || coalesce(r.amount, 0)
            FROM activity a
            LEFT JOIN (
                SELECT original_id, sum(amount) AS amount FROM rewards_activity
                WHERE original_id = ANY((SELECT array_agg(id) FROM activity WHERE kind = 'sale')::uuid[])
                GROUP BY 1) r ON r.original_id = a.id
            WHERE a.kind = 'sale' AND a.returned_amount <> coalesce(r.amount, 0)
        """,
        "a redemption was paid, and what was paid is a redemption": """
            SELECT coalesce('redemption ' || r.id, 'entry ' || e.id),
                   CASE WHEN e.id IS NULL THEN 'was not paid'
                        WHEN r.id IS NULL THEN 'pays for a redemption that is not there'
                        ELSE 'costs ' || r.points || ' points, and ' || -e.points || ' were paid' END
            FROM redemption r
            FULL JOIN (
                SELECT id, points, split_part(cause, ':', 2) AS redemption_id FROM entry
                WHERE kind = 'spend' AND cause >= 'redemption:' AND cause < 'redemption;') e
                ON e.redemption_id = r.id::text
            WHERE r.points IS DISTINCT FROM -e.points AND NOT (r.points = 0 AND e.id IS NULL)
        """,
    },
)

# An activity of the future (clocks differ) may have been booked by versions that were replaced since.
_DRAW: Final = """
    SELECT id FROM rewards_activity TABLESAMPLE {method} ($2) REPEATABLE ($3)
    WHERE program_id = $1 AND kind <> 'return' AND occurred_at <= recorded_at
    ORDER BY md5(id::text || $4) LIMIT $5"""


def evaluated_again(program: Program, *, number: int, seed: int) -> Iterator[Fault | None]:
    """
    Draw so many past sales and events and evaluate what was in force then: for each, its fault or None.

    The same seed on the same rows draws the same activities.
    """
    ids = _drawn(program, number, seed)
    for start in range(0, len(ids), AT_ONCE):
        chunk = Activity.objects.filter(program=program, pk__in=ids[start : start + AT_ONCE])
        for activity in chunk.order_by("pk"):
            yield _fault(activity, program)


def _drawn(program: Program, number: int, seed: int) -> Sequence[UUID]:
    of_program = Activity.objects.of(program).count()
    if not of_program or number <= 0:
        return []
    percent = min(100.0, 200.0 * number / of_program)
    method = "SYSTEM" if of_program > LARGE else "BERNOULLI"
    rows = fetch(_DRAW.format(method=method), [program.pk, percent, float(seed), str(seed), number])
    return [activity_id for (activity_id,) in rows]


def _fault(activity: Activity, program: Program) -> Fault | None:
    row = f"activity {activity.pk}"
    try:
        awards = explaining.recomputed(activity, program=program)
    except (LookupError, ValueError, TypeError) as error:
        return Fault(AGAIN, row, f"cannot be evaluated any more: {type(error).__name__}")
    again: Counter[tuple[str, str, str]] = Counter()
    for award in awards:
        again[award.campaign_key, str(award.version_id), award.wallet_type] += award.points
    booked: Counter[tuple[str, str, str]] = Counter()
    for told in activity.awards:
        booked[told["campaign"], told["version_id"], told["wallet_type"]] += told["points"]
    # Counter's own comparison: what is missing counts as nothing.
    if again == booked:
        return None
    differing = sorted(key for key in again.keys() | booked.keys() if again[key] != booked[key])
    detail = "; ".join(
        f"{campaign} gave {booked[campaign, version, kind]} {kind} and gives {again[campaign, version, kind]}"
        for campaign, version, kind in differing
    )
    return Fault(AGAIN, row, detail)
