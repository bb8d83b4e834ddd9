"""
The stores, categories, brands, departments and products that purchases named, to choose from.

Activities are read in the order of their ids, a bounded number at a time. What is recorded while it
is read comes the next time: ids are made a little before their rows are committed, so reading ends
a little before the present.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from loyalty.core.db import fetch, planned_by_values
from loyalty.core.ids import first_id_of
from loyalty.core.models import Program
from rewards.models import KnownField, KnownValueCursor

CHUNK: Final = 2_000
RECORDED_WITHIN: Final = timedelta(minutes=1)
_NOTHING: Final = UUID(int=0)

_LEARN: Final = """
WITH chunk AS MATERIALIZED (
    SELECT id, kind, store, lines, (occurred_at AT TIME ZONE $5)::date AS day FROM rewards_activity
    WHERE program_id = $1 AND id > $2 AND id < $3 ORDER BY id LIMIT $4
),
named AS (
    SELECT 'store' AS field, store AS value, '' AS label, id, day FROM chunk WHERE kind = 'sale'
    UNION ALL
    SELECT field, coalesce(line ->> field, ''),
           CASE field WHEN 'sku' THEN coalesce(line ->> 'name', '') ELSE '' END, id, day
    FROM chunk CROSS JOIN jsonb_array_elements(lines) AS line
    CROSS JOIN unnest(ARRAY['category', 'brand', 'department', 'sku']) AS field
    WHERE kind = 'sale'
),
learnt AS (
    INSERT INTO rewards_knownvalue AS known (id, program_id, field, value, label, last_seen)
    SELECT gen_random_uuid(), $1, field, value,
           coalesce((array_agg(label ORDER BY id DESC) FILTER (WHERE label <> ''))[1], ''), max(day)
    FROM named WHERE value <> '' GROUP BY field, value ORDER BY field, value
    ON CONFLICT (program_id, field, value) DO UPDATE SET
        last_seen = greatest(known.last_seen, excluded.last_seen),
        label = CASE excluded.label WHEN '' THEN known.label ELSE excluded.label END
    WHERE known.last_seen < excluded.last_seen OR (known.label = '' AND excluded.label <> '')
),
moved AS (
    UPDATE rewards_knownvaluecursor SET activity_id = newest.id
    FROM (SELECT id FROM chunk ORDER BY id DESC LIMIT 1) AS newest WHERE program_id = $1
)
SELECT count(*) FROM chunk"""


def learn(program: Program, *, until: datetime) -> int:
    """
    Read the activities that are new since the last time, up to those recorded at that real moment.

    Says how many there were; 0 also while somebody else is reading them. Each chunk is a commit of
    its own: what was read stays so when the task is stopped.
    """
    KnownValueCursor.objects.get_or_create(program=program, defaults={"activity_id": _NOTHING})
    total = 0
    while read := _learn_chunk(program, until=until):
        total += read
    return total


def _learn_chunk(program: Program, *, until: datetime) -> int:
    cursors = KnownValueCursor.objects.select_for_update(skip_locked=True)
    with transaction.atomic():
        cursor = cursors.filter(program=program).first()
        if cursor is None:
            return 0
        last = first_id_of(until - RECORDED_WITHIN)
        with planned_by_values():
            ((read,),) = fetch(_LEARN, [program.pk, cursor.activity_id, last, CHUNK, program.time_zone])
    return int(read)


_BEGINNING: Final = """
SELECT value, label FROM rewards_knownvalue
WHERE program_id = $1 AND field = $2 AND (upper({column}) COLLATE "C") >= upper($3)
  AND (upper({column}) COLLATE "C") < upper($3) || U&'\\+10FFFF' AND {column} <> ''
ORDER BY upper({column}) COLLATE "C" LIMIT $4"""
# Looked up among all that have the text inside first: by the order, rare ones would be looked for in vain.
_INSIDE: Final = """
WITH found AS MATERIALIZED (
    SELECT value, label FROM rewards_knownvalue
    WHERE program_id = $1 AND field = $2 AND upper({column}) LIKE upper($3)
      AND {column} <> '' LIMIT 1000
)
SELECT value, label FROM found ORDER BY upper({column}) COLLATE "C" LIMIT $4"""
_SHORTEST_INSIDE: Final = 3


def search(program: Program, field: KnownField, text: str, *, limit: int) -> list[tuple[str, str]]:
    """
    Known values with what to call them, such as ("SKU-1", "Espresso, 250 g").

    Those that begin with the text come first, then those that have it inside; upper and lower case
    are the same. Two letters or less are looked for at the beginning alone.
    """
    wanted = text.strip().replace("\0", "")
    inside = f"%{_escaped(wanted)}%"
    searches = [(_BEGINNING, "value", wanted), (_BEGINNING, "label", wanted)]
    if len(wanted) >= _SHORTEST_INSIDE:
        searches += [(_INSIDE, "value", inside), (_INSIDE, "label", inside)]
    found: dict[str, str] = {}
    with transaction.atomic(), planned_by_values():
        for statement, column, parameter in searches:
            if len(found) < limit:
                sql = statement.format(column=column)
                found |= dict(fetch(sql, [program.pk, field, parameter, limit]))
    return [(value, label or value) for value, label in list(found.items())[:limit]]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
