"""
The rows that checks look at: all that belongs to one chunk of a program's members.

A check is a `SELECT row, detail` over these names. Each name is read once per chunk, by an index on
the member or on what hangs from the member, and kept for all checks of the chunk.
"""

from typing import Final

from msgspec import Struct

CHAIN: Final = "each wallet's entries form an unbroken chain"
ROWS: Final = "rows"
LAST: Final = "last member"
HEADS: Final = "heads"
HEADS_BEFORE: Final = "heads before"


class Fault(Struct, frozen=True):
    """One broken row: the check that found it, the row, and what is wrong with it."""

    check: str
    row: str
    detail: str


class Part(Struct, frozen=True):
    """Checks by name, and the rows that they need beside those of the ledger, by name too."""

    rows: dict[str, str]
    checks: dict[str, str]


PEOPLE: Final = "(SELECT array_agg(id) FROM people)::uuid[]"


def of_people(table: str, columns: str = "*", condition: str = "true") -> str:
    """Rows of a table that has the member's id, for the members of the chunk."""
    return f"SELECT {columns} FROM {table} WHERE member_id = ANY({PEOPLE}) AND {condition}"


def utc(moment: str) -> str:
    """The moment as `members.ledger.chain` writes it."""
    shown = f"""to_char({moment} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""
    return f"coalesce({shown}, 'None')"


def _or_none(column: str) -> str:
    return f"coalesce({column}::text, 'None')"


_GRANTED: Final = " || ' ' || ".join(
    [
        utc("lot.earned_at"), "lot.source", utc("lot.unlocks_at"), _or_none("nullif(lot.unlock_event, '')"),
        utc("lot.cancels_at"), utc("lot.expired_at_first"),
        "CASE WHEN lot.lapses THEN 'True' ELSE 'False' END",
        _or_none("lot.campaign_version_id"), _or_none("lot.activity_id"), _or_none("lot.origin_id"),
    ]
)  # fmt: skip

_SAID: Final = " || E'\\n' || ".join(
    [
        *("e.id", "e.wallet_id", "e.number", "e.kind", "e.points"),
        *("e.pending_after", "e.available_after", "e.held_after", "e.debt_after"),
        *("e.cause", "e.actor", "e.reason", utc("e.effective_at"), utc("e.recorded_at")),
    ]
)


def _sums(*buckets: str) -> str:
    return ", ".join(
        f"sum(CASE '{name}' WHEN destination THEN points WHEN source THEN -points ELSE 0 END) AS {name}"
        for name in buckets
    )


_MOVED: Final = _sums("pending", "available", "held")
_BUCKETS: Final = _sums("pending", "available", "held", "redeemed", "expired", "reversed")

LEDGER_ROWS: Final[dict[str, str]] = {
    "people": """
        SELECT id FROM members_member
        WHERE program_id = %(program)s AND id > %(after)s AND id <= %(until)s ORDER BY id LIMIT %(limit)s""",
    "wallet": of_people("members_wallet"),
    "entry": "SELECT * FROM members_entry WHERE wallet_id = ANY((SELECT array_agg(id) FROM wallet)::uuid[])",
    "posting": """
        SELECT p.*, e.wallet_id, e.number, e.kind, e.cause
        FROM members_posting p JOIN entry e ON e.id = p.entry_id
        WHERE p.entry_id = ANY((SELECT array_agg(id) FROM entry)::uuid[])""",
    # What a lot's date was at first, and where its postings have moved it since.
    "moved_date": """
        SELECT lot_id, (array_agg(old_expires_at ORDER BY number))[1] AS first,
               (array_agg(new_expires_at ORDER BY number DESC))[1] AS last,
               bool_and(old_expires_at IS NOT DISTINCT FROM before OR is_first) AS is_chain
        FROM (SELECT lot_id, number, old_expires_at, new_expires_at,
                     lag(new_expires_at) OVER w AS before, row_number() OVER w = 1 AS is_first
              FROM posting WHERE new_expires_at IS NOT NULL
              WINDOW w AS (PARTITION BY lot_id ORDER BY number)) AS moves
        GROUP BY lot_id""",
    "lot": """
        SELECT l.*, CASE WHEN d.lot_id IS NULL THEN l.expires_at ELSE d.first END AS expired_at_first,
               d.last AS expires_at_last, d.is_chain
        FROM members_lot l LEFT JOIN moved_date d ON d.lot_id = l.id
        WHERE l.wallet_id = ANY((SELECT array_agg(id) FROM wallet)::uuid[])""",
    "event": of_people(
        "core_event",
        "number, type, program_id, member_id, occurred_at, recorded_at,"
        " (data->>'entry_id')::uuid AS entry_id, (data->>'balance')::bigint AS balance",
        "data ? 'entry_id'",
    ),
    "standing": of_people("members_membertier"),
    # What a posting says in the hash of its entry.
    "line": f"""
        SELECT p.entry_id, p.source, p.destination, p.points,
               concat(p.lot_id, ' ', p.source, ' ', p.destination, ' ', p.points,
                   CASE WHEN p.source = 'issued' THEN ' ' || ({_GRANTED})
                        WHEN p.new_expires_at IS NOT NULL
                        THEN ' ' || {utc("p.old_expires_at")} || ' ' || {utc("p.new_expires_at")} END)
               COLLATE "C" AS said
        FROM posting p LEFT JOIN lot ON lot.id = p.lot_id""",
    # What the postings of an entry move, and say.
    "moved": f"""
        SELECT entry_id, string_agg(E'\\n' || said, '' ORDER BY said) AS said,
               coalesce(sum(points) FILTER (
                   WHERE source = 'available' AND destination = 'reversed'), 0) AS paid,
               {_MOVED}
        FROM line GROUP BY entry_id""",
    # The entries of a wallet, each with what should follow from it and the one before it.
    "link": f"""
        SELECT e.id, e.wallet_id, e.number, e.kind, e.reason, e.points, e.hash,
               e.pending_after, e.available_after, e.held_after, e.debt_after,
               row_number() OVER w AS position,
               coalesce(lag(e.pending_after) OVER w, 0) AS pending_before,
               coalesce(lag(e.available_after) OVER w, 0) AS available_before,
               coalesce(lag(e.held_after) OVER w, 0) AS held_before,
               coalesce(lag(e.debt_after) OVER w, 0) AS debt_before,
               coalesce(m.pending, 0) AS pending, coalesce(m.available, 0) AS available,
               coalesce(m.held, 0) AS held, coalesce(m.paid, 0) AS paid,
               sha256(coalesce(lag(e.hash) OVER w, '') || convert_to({_SAID} || coalesce(m.said, ''), 'UTF8'))
                   AS right_hash,
               row_number() OVER (PARTITION BY e.wallet_id ORDER BY e.number DESC) = 1 AS is_newest
        FROM entry e LEFT JOIN moved m ON m.entry_id = e.id
        WINDOW w AS (PARTITION BY e.wallet_id ORDER BY e.number)""",
    # A lot as its postings make it up.
    "posted": f"""
        SELECT lot_id, coalesce(sum(points) FILTER (WHERE source = 'issued'), 0) AS points, {_BUCKETS}
        FROM posting GROUP BY lot_id""",
}
