"""
What the fields of events' data say.

A field means the same in every event that has it, and is described once.
"""

from typing import Any, Final
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from msgspec import Struct

SAMPLE_MEMBER: Final = UUID("01976c1e-5d7a-7000-8000-3a52e6e1d0b4")


class Field(Struct, frozen=True):
    """One field of events' data: what it means, its JSON Schema, and a sample."""

    meaning: str | Promise
    schema: dict[str, Any]
    sample: Any


def _id(meaning: str | Promise, last: str) -> Field:
    return Field(meaning, {"type": "string", "format": "uuid"}, f"01976c1e-5d7a-7000-8000-{last:0>12}")


def _text(meaning: str | Promise, sample: str) -> Field:
    return Field(meaning, {"type": "string"}, sample)


def _count(meaning: str | Promise, sample: int) -> Field:
    return Field(meaning, {"type": "integer", "minimum": 0}, sample)


def _moment(meaning: str | Promise, sample: str) -> Field:
    return Field(meaning, {"type": "string", "format": "date-time"}, sample)


def _flag(meaning: str | Promise, sample: bool) -> Field:
    return Field(meaning, {"type": "boolean"}, sample)


def _names(meaning: str | Promise, sample: list[str]) -> Field:
    return Field(meaning, {"type": "array", "items": {"type": "string"}}, sample)


_IDENTIFIER: Final = {
    "type": "object",
    "properties": {"id": {"type": "string", "format": "uuid"}, "kind": {"type": "string"}},
    "required": ["id", "kind"],
}
_IDENTIFIER_SAMPLE: Final = [{"id": "01976c1e-5d7a-7000-8000-0000000000d1", "kind": "email"}]

FIELDS: Final[dict[str, Field]] = {
    "member_id": Field(_("Whom it is about"), {"type": "string", "format": "uuid"}, str(SAMPLE_MEMBER)),
    "is_sample": _flag(_("A sample that a sandbox was asked for; nothing happened"), True),
    "activity_id": _id(_("The transaction or reported event that it came of"), "a1"),
    "actor": _text(_("Who did it: a partner, staff, or the system"), "partner:till"),
    "added": _count(_("How many steps were added"), 1),
    "adjustment_id": _id(_("The adjustment"), "a2"),
    "allotted": Field(
        _("The whole budget: times or points, or an amount of money as text"),
        {"type": ["integer", "string"]},
        10_000,
    ),
    "amount": Field(
        _("An amount in the program's currency"), {"type": "string", "pattern": r"^\d+\.\d{2}$"}, "12.50"
    ),
    "badge": _text(_("Key of the badge"), "regular"),
    "balance": _count(_("The available points of that kind afterwards"), 460),
    "campaign": _text(_("Key of the campaign"), "double-weekend"),
    "challenge": _text(_("Key of the challenge"), "ten-coffees"),
    "checkout_id": _id(_("The checkout"), "f1"),
    "consent_id": _id(_("The record of what the member said"), "f2"),
    "completions": _count(_("How often the member has reached the goal"), 1),
    "draw": _text(_("Key of the prize draw"), "summer"),
    "duplicate_id": _id(_("The member whose record was merged into the other"), "b2"),
    "enrolled_at": _moment(_("When the membership began"), "2026-06-01T12:00:00+00:00"),
    "entry_id": _id(_("The line of the member's statement"), "e1"),
    "expires_at": _moment(_("The first moment at which it is gone"), "2026-12-31T23:00:00Z"),
    "external_id": _text(_("The number that the partner gave"), "receipt-2026-000123"),
    "fee": _count(_("Points that the transfer cost"), 0),
    "fields": _names(_("Which details changed; not what they are"), ["last_name"]),
    "filled": _names(_("Of which of them nothing was known before"), []),
    "friend_id": _id(_("The member who was brought"), "b3"),
    "goal": _count(_("How many steps the challenge has"), 10),
    "hold_id": _id(_("The hold"), "c1"),
    "hold_status": Field(
        _("How the hold ended"), {"type": "string", "enum": ["released", "expired", "settled"]}, "released"
    ),
    "identifiers_added": Field(
        _("Identifiers that are new"), {"type": "array", "items": _IDENTIFIER}, _IDENTIFIER_SAMPLE
    ),
    "identifiers_removed": Field(
        _("Identifiers that are gone"), {"type": "array", "items": _IDENTIFIER}, _IDENTIFIER_SAMPLE
    ),
    "is_whole": _flag(_("Whether everything of the sale is back now"), False),
    "ladder": _text(_("Key of the tier ladder"), "status"),
    "last_day": Field(
        _("The last day on which they can be used"), {"type": "string", "format": "date"}, "2026-12-31"
    ),
    "merge_id": _id(_("The merge"), "b1"),
    "name": _text(_("The name that the campaign gives its signal"), "send-postcard"),
    "occurred_at": _moment(_("When the member said so"), "2026-06-01T12:00:00+00:00"),
    "owed": _count(_("Points that the member owes afterwards, if any"), 20),
    "pending": _count(_("Of the points, those that are pending"), 60),
    "place": _count(_("Which prize"), 1),
    "points": Field(
        _("How many points; below zero where an adjustment or a merge took them"),
        {"type": "integer"},
        120,
    ),
    "previous": _text(_("Key of the tier before"), "basic"),
    "progress": _count(_("The steps or points that count towards it now"), 1_020),
    "purpose": _text(_("What the consent is for"), "newsletter"),
    "reason": _text(_("Why; for adjustments the key of the reason"), "goodwill"),
    "recipient_id": _id(_("Who got the points"), "b4"),
    "record_ids": Field(
        _("Ids of all records of the person: theirs, and those merged into it"),
        {"type": "array", "items": {"type": "string", "format": "uuid"}},
        [str(SAMPLE_MEMBER)],
    ),
    "redemption_id": _id(_("The redemption"), "d1"),
    "referral_id": _id(_("The referral"), "b5"),
    "reward": _text(_("Key of the reward"), "coffee"),
    "sale_external_id": _text(_("The partner's number of the sale that it paid for"), "receipt-2026-000124"),
    "sale_id": _id(_("The sale whose goods came back"), "a3"),
    "segment": _text(_("Key of the segment"), "coffee-lovers"),
    "sender_id": _id(_("Who sent the points"), "b6"),
    "status": _text(_("The status of the campaign"), "running"),
    "survivor_id": _id(_("The member who has it all now"), "b7"),
    "tier": _text(_("Key of the tier that the member has now"), "silver"),
    "total": Field(
        _("What is to be paid"),
        {
            "type": "object",
            "properties": {"amount": {"type": "string"}, "currency": {"type": "string"}},
            "required": ["amount", "currency"],
        },
        {"amount": "12.50", "currency": "EUR"},
    ),
    "transaction_id": _id(_("The sale that was recorded"), "a4"),
    "transfer_id": _id(_("The transfer"), "c2"),
    "undone": _flag(_("Whether it undoes an earlier one"), True),
    "unit": Field(
        _("What the budget counts"), {"type": "string", "enum": ["times", "points", "money"]}, "points"
    ),
    "left": Field(_("How many are left"), {"type": "integer"}, 19),
    "used": Field(_("What is used of it, as `allotted`"), {"type": ["integer", "string"]}, 8_000),
    "text_version": _text(_("The text that the member was shown"), "2026-05"),
    "uses": _count(_("How often the voucher was used"), 1),
    "uses_allowed": _count(_("How often it can be used"), 1),
    "version": _count(_("Number of the campaign's version"), 1),
    "voucher_id": _id(_("The voucher; its code is worth money, and is told to nobody here"), "d2"),
    "wallet_type": _text(_("Key of the kind of points"), "points"),
    "warning_id": _id(_("The warning"), "c3"),
    "year": _count(_("Of which year"), 2026),
    "years": _count(_("Since the enrolment"), 3),
}
