"""
All that is known about a person, as one document that a machine can read, for whoever asks for it.

It is the copy that Article 15 of the GDPR gives a person a right to, in the form that Article 20 asks
for. Members who were merged into one are one person.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from loyalty.core.db import fetch
from members import privacy, references
from members.models import Member


def of(member: Member, *, at: datetime) -> dict[str, Any]:
    """
    The document: lists of plain JSON by name, each oldest first, and when it was made.

    :raises members.references.MemberIsErased: if nothing is known any more
    :raises members.references.MemberIsMerged: if the record went into another one: ask for that
    """
    references.check_alive(member)
    ids = privacy.records(member)
    parts = read(_PARTS, ids)
    for keeper in privacy.keepers:
        parts |= keeper.tell(ids)
    return {"member_id": str(member.pk), "made_at": at, "parts": parts}


def listed(columns: str, source: str, order: str) -> str:
    """A statement that reads rows as one JSON list; `$1` are the ids of the person's records."""
    return (
        f"SELECT coalesce(json_agg(row_to_json(told)), '[]')::text"
        f" FROM (SELECT {columns} FROM {source} ORDER BY {order}) AS told"
    )


def read(statements: dict[str, str], ids: Sequence[UUID]) -> dict[str, list[Any]]:
    """What `listed()` statements find, by name."""
    return {name: _read(sql, ids) for name, sql in statements.items()}


def _read(sql: str, ids: Sequence[UUID]) -> list[Any]:
    ((found,),) = fetch(sql, [list(ids)])
    rows: list[Any] = orjson.loads(found)
    return rows


_PARTS: Final = {
    "records": listed(
        "id, status, merged_into_id, first_name, last_name, birth_date, attributes, enrolled_at, recorded_at",
        "members_member WHERE id = ANY($1)",
        "id",
    ),
    "identifiers": listed(
        "id, member_id, kind, value", "members_identifier WHERE member_id = ANY($1)", "kind, value"
    ),
    "consents": listed(
        "c.id, c.member_id, purpose, is_granted, version, source, actor, occurred_at, recorded_at,"
        " coalesce(e.details, '{}') AS evidence",
        "members_consent c LEFT JOIN members_consentevidence e ON e.consent_id = c.id"
        " WHERE c.member_id = ANY($1)",
        "occurred_at, c.id",
    ),
    "blocks": listed(
        "id, member_id, reason, note, actor, blocked_at, lifted_at, lifted_by, lift_note",
        "members_block WHERE member_id = ANY($1)",
        "id",
    ),
    "wallets": listed(
        "w.id, member_id, t.key AS wallet_type, pending, available, held, debt AS owed, lifetime_earned,"
        " lifetime_spent",
        "members_wallet w JOIN members_wallettype t ON t.id = w.type_id WHERE member_id = ANY($1)",
        "w.id",
    ),
    "lots": listed(
        "id, wallet_id, points, pending, available, held, redeemed, expired, reversed, source, earned_at,"
        " unlocks_at, expires_at",
        "members_lot WHERE member_id = ANY($1)",
        "id",
    ),
    "entries": listed(
        "id, wallet_id, number, kind, points, cause, reason, actor, available_after, pending_after,"
        " held_after, debt_after AS owed_after, effective_at, recorded_at",
        "members_entry WHERE member_id = ANY($1)",
        "recorded_at, wallet_id, number",
    ),
    "adjustments": listed(
        "a.id, a.member_id, wallet_id, points, r.key AS reason, note, actor, adjusted_at, undone_at",
        "members_adjustment a JOIN members_reasoncode r ON r.id = a.reason_id WHERE a.member_id = ANY($1)",
        "a.id",
    ),
    "requests": listed(
        "id, kind, summary, payload, note, status, requested_at, decided_at, decision_note",
        "core_approval WHERE subject_id = ANY($1)",
        "id",
    ),
    "tiers": listed(
        "member_id, l.key AS ladder, t.key AS tier, progress, since",
        "members_membertier m JOIN members_tierladder l ON l.id = m.ladder_id"
        " JOIN members_tier t ON t.id = m.tier_id WHERE member_id = ANY($1)",
        "l.key",
    ),
    "former_tiers": listed(
        "member_id, l.key AS ladder, t.key AS tier, starts_at, ends_at",
        "members_formertier m JOIN members_tierladder l ON l.id = m.ladder_id"
        " JOIN members_tier t ON t.id = m.tier_id WHERE member_id = ANY($1)",
        "m.id",
    ),
    "segments": listed(
        "member_id, s.key AS segment, s.name, since",
        "members_segmentmember p JOIN members_segment s ON s.id = p.segment_id WHERE member_id = ANY($1)",
        "since, s.key",
    ),
    "households": listed(
        "member_id, household_id, h.name, is_head, shares_points, joined_at",
        "members_householdmember p JOIN members_household h ON h.id = p.household_id"
        " WHERE member_id = ANY($1)",
        "joined_at",
    ),
    "holds": listed(
        "id, wallet_id, points, settled, status, source, placed_at, expires_at, closed_at, paid_external_id",
        "members_hold WHERE member_id = ANY($1)",
        "id",
    ),
    "transfers": listed(
        # Of the other side only the id: that is another person.
        "id, sender_id, recipient_id, points, fee, arrived, sent_at, undone_at",
        "members_transfer WHERE sender_id = ANY($1) OR recipient_id = ANY($1)",
        "id",
    ),
    "merges": listed(
        "id, survivor_id, duplicate_id, merged_at, undone_at",
        "members_merge WHERE survivor_id = ANY($1) OR duplicate_id = ANY($1)",
        "id",
    ),
    "warnings": listed(
        "wallet_id, expires_at, points, warned_at, delivered_at",
        "members_expirywarning x WHERE wallet_id IN"
        " (SELECT id FROM members_wallet WHERE member_id = ANY($1))",
        "warned_at, x.id",
    ),
    "events": listed(
        "number, type, data, occurred_at, recorded_at", "core_event WHERE member_id = ANY($1)", "number"
    ),
}
STATEMENTS: Final = tuple(_PARTS.values())
