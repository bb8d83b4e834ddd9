"""
Proof that the books say what activities earned: awards against lots, returns against sales, and the
campaigns' frozen versions, evaluated again, against what was booked.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final
from uuid import UUID

from loyalty.core.db import fetch
from loyalty.core.models import Program
from members.ledger.verify import Fault, Part
from members.ledger.verify.rows import of_people
from rewards.models import Activity, CampaignBudget
from rewards.telling import explaining

AGAIN: Final = "what was in force then gives the same again"
LARGE: Final = 200_000
"""Activities from which on whole pages of the table are drawn, and not each row by itself."""
AT_ONCE: Final = 500

ACTIVITIES: Final = Part(
    rows={
        "activity": of_people(
            "rewards_activity",
            "id, member_id, kind, awards, amount, returned_amount, original_id,"
            " CASE WHEN kind <> 'undone' THEN facts->'usage' END AS usage",
        ),
        "counted": of_people("rewards_campaigncount", "campaign_id, member_id, period, times, points"),
        "redemption": of_people("rewards_redemption", "id, member_id, points, status, hold_id"),
    },
    checks={
        "an activity's awards are the points that it gave": """
            SELECT 'activity ' || coalesce(a.id, g.activity_id),
                   'its awards say ' || coalesce(a.points, 0) || ' points of version '
                   || coalesce(a.version_id, g.version_id, '?') || ', its grants ' || coalesce(g.points, 0)
            FROM (SELECT t.id, award->>'version_id' AS version_id, sum((award->>'points')::bigint) AS points
                  FROM activity t, jsonb_array_elements(t.awards) AS award
                  WHERE t.kind NOT IN ('return', 'undo') GROUP BY 1, 2) a
            FULL JOIN (
                SELECT activity_id, campaign_version_id::text AS version_id, sum(points) AS points
                FROM lot WHERE activity_id IS NOT NULL AND source NOT IN ('transfer', 'merge')
                GROUP BY 1, 2) g ON g.activity_id = a.id AND g.version_id = a.version_id
            WHERE a.points IS DISTINCT FROM g.points AND coalesce(a.points, 0) <> coalesce(g.points, 0)
        """,
        "what limits count of an activity is what its campaigns gave": """
            SELECT 'activity ' || a.id,
                   'its limits count ' || (used.given->>1) || ' points of ' || used.campaign
                   || ', its awards say otherwise'
            FROM activity a, jsonb_each(a.usage->'uses') AS used(campaign, given)
            WHERE (used.given->>1)::bigint <> 0 AND NOT EXISTS (
                SELECT 1 FROM jsonb_array_elements(a.awards) AS award
                WHERE award->>'campaign' = used.campaign GROUP BY award->>'wallet_type'
                HAVING sum((award->>'points')::bigint) = (used.given->>1)::bigint)
        """,
        "a campaign's counts of a member are what it gave": """
            SELECT 'campaign ' || coalesce(c.campaign_id, g.campaign_id) || ' of member '
                   || coalesce(c.member_id, g.member_id),
                   'counts ' || coalesce(c.times, 0) || ' times and ' || coalesce(c.points, 0)
                   || ' points for ' || coalesce(c.period, g.period) || ', and gave '
                   || coalesce(g.times, 0) || ' times and ' || coalesce(g.points, 0)
            FROM counted c
            FULL JOIN (
                SELECT campaign.id AS campaign_id, a.member_id, split_part(counter.name, '/', 2) AS period,
                       sum((used.given->>0)::bigint) AS times, sum((used.given->>1)::bigint) AS points
                FROM activity a
                CROSS JOIN jsonb_each(a.usage->'uses') AS used(key, given)
                JOIN jsonb_object_keys(a.usage->'counters') AS counter(name)
                    ON split_part(counter.name, '/', 1) = used.key
                JOIN rewards_campaign campaign
                    ON campaign.program_id = %(program)s AND campaign.key = used.key
                GROUP BY 1, 2, 3) g
                ON (g.campaign_id, g.member_id, g.period) = (c.campaign_id, c.member_id, c.period)
            WHERE (coalesce(c.times, 0), coalesce(c.points, 0))
                  <> (coalesce(g.times, 0), coalesce(g.points, 0))
        """,
        "the returns of a sale make up what came back": """
            SELECT 'activity ' || a.id,
                   'says that ' || a.returned_amount || ' came back, its returns ' || coalesce(r.amount, 0)
            FROM activity a
            LEFT JOIN (
                SELECT original_id, sum(amount) AS amount FROM rewards_activity
                WHERE original_id = ANY((
                    SELECT array_agg(id) FROM activity WHERE kind IN ('sale', 'undone'))::uuid[])
                GROUP BY 1) r ON r.original_id = a.id
            WHERE a.kind IN ('sale', 'undone') AND a.returned_amount <> coalesce(r.amount, 0)
        """,
        # Paid at once, or by the hold that reserved it; given back with what was paid.
        "a redemption was paid, and what was paid is a redemption": """
            SELECT coalesce('redemption ' || r.id, 'entry ' || p.entry_id),
                   CASE WHEN r.id IS NULL THEN 'pays for a redemption that is not there'
                        WHEN p.points IS NULL AND r.points > 0 THEN 'was not paid'
                        ELSE 'costs ' || r.points || ' points and is ' || r.status || ', and '
                             || coalesce(p.points, 0) || ' are paid' END
            FROM redemption r
            FULL JOIN (
                SELECT coalesce(held.id::text, split_part(cause, ':', 2)) AS redemption_id,
                       min(entry_id::text) AS entry_id,
                       sum(CASE destination WHEN 'redeemed' THEN posting.points ELSE -posting.points END)
                           AS points
                FROM posting
                LEFT JOIN redemption held
                    ON starts_with(cause, 'hold:') AND held.hold_id::text = split_part(cause, ':', 2)
                WHERE kind IN ('spend', 'settle', 'restore') AND 'redeemed' IN (source, destination)
                  AND (cause >= 'redemption:' AND cause < 'redemption;' OR held.id IS NOT NULL)
                GROUP BY 1) p ON p.redemption_id = r.id::text
            WHERE coalesce(p.points, 0) IS DISTINCT FROM
                  CASE WHEN r.status IN ('confirmed', 'fulfilled') THEN r.points
                       WHEN r.id IS NOT NULL THEN 0 END
        """,
    },
)

BUDGETS: Final = "what was drawn from a budget is what its campaign gave"

# In one statement, so in one snapshot: sales go on meanwhile.
_BUDGETS: Final = """
    SELECT campaign.key, budget.unit, budget.allotted, slots.allotted, slots.used, coalesce(given.amount, 0)
    FROM rewards_campaignbudget budget
    JOIN rewards_campaign campaign ON campaign.id = budget.campaign_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(allotted), 0) AS allotted, coalesce(sum(used), 0) AS used
        FROM rewards_budgetslot WHERE budget_id = budget.id) AS slots
    LEFT JOIN (
        SELECT used.key, split_part(drawn.name, '/', 2) AS unit,
               sum((used.given->>CASE split_part(drawn.name, '/', 2)
                   WHEN 'times' THEN 0 WHEN 'points' THEN 1 ELSE 2 END)::numeric) AS amount
        FROM rewards_activity activity
        CROSS JOIN jsonb_each(activity.facts->'usage'->'uses') AS used(key, given)
        JOIN jsonb_object_keys(activity.facts->'usage'->'left') AS drawn(name)
            ON split_part(drawn.name, '/', 1) = used.key
        WHERE activity.program_id = $1 AND activity.facts ? 'usage' AND activity.kind <> 'undone'
        GROUP BY 1, 2) AS given ON given.key = campaign.key AND given.unit = budget.unit
    WHERE budget.program_id = $1 ORDER BY campaign.key, budget.unit"""

# What was said of people who were erased since is not known any more.
# An activity of the future (clocks differ) may have been booked by versions that were replaced since.
_DRAW: Final = """
    SELECT id FROM rewards_activity TABLESAMPLE {method} ($2) REPEATABLE ($3)
    WHERE program_id = $1 AND kind NOT IN ('return', 'undo') AND occurred_at <= recorded_at
      AND NOT facts ? 'forgotten'
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


def budgets_add_up(program: Program) -> Iterator[Fault]:
    """Compare each budget with its slots, and these with what activities say was given."""
    if not CampaignBudget.objects.filter(program=program).exists():
        return
    for key, unit, allotted, in_slots, used, given in fetch(_BUDGETS, [program.pk]):
        row = f"budget of {key} in {unit}"
        if allotted != in_slots:
            yield Fault(BUDGETS, row, f"allots {_plain(allotted)}, its slots {_plain(in_slots)}")
        if used != given:
            yield Fault(BUDGETS, row, f"says that {_plain(used)} were drawn, its activities {_plain(given)}")


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


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
