"""
What each type of event says: for the docs, for validators of partners, and as samples.

A field means the same in every event that has it, and is described once. Partners must take fields
that they do not know; so the schemas allow them, and only what is required is promised.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from msgspec import Struct

from loyalty.core.events import TYPES

SAMPLE_MEMBER: Final = UUID("01976c1e-5d7a-7000-8000-3a52e6e1d0b4")
SCHEMA: Final = "https://json-schema.org/draft/2020-12/schema"


class Field(Struct, frozen=True):
    """One field of events' data: what it means, its JSON Schema, and a sample."""

    meaning: str | Promise
    schema: dict[str, Any]
    sample: Any


class EventKind(Struct, frozen=True, kw_only=True):
    """A type of event: when it happens, what it always says, and what it says at times."""

    type: str
    when: str | Promise
    always: tuple[str, ...]
    at_times: tuple[str, ...] = ()
    is_of_member: bool = True

    @property
    def fields(self) -> tuple[str, ...]:
        return (*(("member_id",) if self.is_of_member else ()), *self.always, *self.at_times)


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

_POINTS: Final = ("entry_id", "wallet_type", "points", "balance")
_REDEMPTION: Final = ("redemption_id", "reward")
_VOUCHER: Final = (*_REDEMPTION, "voucher_id", "external_id", "uses", "uses_allowed")
_CONSENT: Final = ("consent_id", "purpose", "text_version", "occurred_at", "actor")
_BACK: Final = ("activity_id", "external_id", "sale_id", "amount", "is_whole")
_CHECKOUT: Final = ("checkout_id", "total")
_RUNGS: Final = ("ladder", "previous", "tier", "progress")
_OF_A_HOLD: Final = ("owed", "hold_id", "sale_external_id")


def _kind(
    type: str, when: str | Promise, *always: str, at_times: tuple[str, ...] = (), is_of_member: bool = True
) -> EventKind:
    return EventKind(type=type, when=when, always=always, at_times=at_times, is_of_member=is_of_member)


_KINDS: Final = (
    _kind("member.registered", _("Somebody became a member."), "enrolled_at", "actor"),
    _kind(
        "member.updated",
        _("Details or identifiers changed; read the member to know them."),
        "fields",
        "actor",
        at_times=("filled", "identifiers_added", "identifiers_removed"),
    ),
    _kind("member.blocked", _("A member may neither earn nor spend for now."), "actor", "reason"),
    _kind("member.unblocked", _("A member may earn and spend again."), "actor"),
    _kind("member.erased", _("A person was forgotten. Delete what you know of them."), "actor", "record_ids"),
    _kind("consent.granted", _("A member agreed to something."), *_CONSENT),
    _kind("consent.withdrawn", _("A member agrees no longer. Stop at once."), *_CONSENT),
    _kind(
        "points.earned",
        _("Points were granted; pending ones are not in the balance."),
        *_POINTS,
        at_times=("owed", "pending", "activity_id", "external_id"),
    ),
    _kind("points.unlocked", _("Pending points became available."), *_POINTS, at_times=("owed",)),
    _kind("points.held", _("Points are reserved for a checkout."), *_POINTS, "hold_id", "expires_at"),
    _kind(
        "points.released",
        _("Reserved points are free again: let go, or the time was over."),
        *_POINTS,
        at_times=(*_OF_A_HOLD, "hold_status"),
    ),
    _kind(
        "points.spent",
        _("Points paid for something."),
        *_POINTS,
        at_times=(*_OF_A_HOLD, *_REDEMPTION),
    ),
    _kind(
        "points.expiring",
        _("Points will expire soon: tell the member."),
        "warning_id",
        "wallet_type",
        "points",
        "balance",
        "expires_at",
        "last_day",
    ),
    _kind(
        "points.expired",
        _("Points expired."),
        *_POINTS,
        at_times=(*_OF_A_HOLD, *_REDEMPTION, "activity_id", "external_id", "merge_id", "undone"),
    ),
    _kind(
        "points.reversed",
        _("Points were taken back: goods returned, or what they waited for did not come."),
        *_POINTS,
        at_times=("owed", "activity_id", "external_id"),
    ),
    _kind(
        "points.restored",
        _("Spent points came back, with their old dates."),
        *_POINTS,
        at_times=("owed", "activity_id", "external_id", "hold_id", *_REDEMPTION),
    ),
    _kind(
        "points.adjusted",
        _("Points were given or taken by hand."),
        *_POINTS,
        at_times=("owed", "adjustment_id", "reason"),
    ),
    _kind(
        "points.transferred",
        _("A member passed points on."),
        *_POINTS,
        at_times=("owed", "transfer_id", "fee", "recipient_id", "undone"),
    ),
    _kind(
        "points.received",
        _("A member got points from another."),
        *_POINTS,
        at_times=("owed", "transfer_id", "sender_id", "undone"),
    ),
    _kind(
        "points.merged",
        _("Points moved with a merge of members, or back when it was undone."),
        *_POINTS,
        at_times=("owed", "merge_id", "undone", *_REDEMPTION, "activity_id", "external_id"),
    ),
    _kind(
        "member.merged",
        _("Two records of one person became one; identifiers lead to the survivor now."),
        "merge_id",
        "survivor_id",
        "duplicate_id",
        "actor",
    ),
    _kind(
        "member.unmerged",
        _("A merge was undone: they are two members again."),
        "merge_id",
        "survivor_id",
        "duplicate_id",
        "actor",
    ),
    _kind("tier.upgraded", _("A member reached a higher tier."), *_RUNGS, at_times=("merge_id",)),
    _kind("tier.downgraded", _("A member has a lower tier."), *_RUNGS, at_times=("merge_id",)),
    _kind(
        "sale.returned",
        _("Goods of a sale came back, whether or not it cost points."),
        "activity_id",
        "external_id",
        "sale_id",
        "amount",
        "is_whole",
    ),
    _kind("sale.cancelled", _("A sale was called off: as if it had never been."), *_BACK),
    _kind("sale.corrected", _("A sale was replaced by a corrected one."), *_BACK),
    _kind(
        "checkout.confirmed",
        _("A checkout was paid, and its sale recorded."),
        *_CHECKOUT,
        "external_id",
        "transaction_id",
    ),
    _kind("checkout.abandoned", _("A checkout was called off; what it reserved is free."), *_CHECKOUT),
    _kind("checkout.expired", _("A checkout's time was over; what it reserved is free."), *_CHECKOUT),
    _kind("segment.entered", _("A member came into a segment."), "segment"),
    _kind("segment.left", _("A member left a segment."), "segment"),
    _kind(
        "reward.redeemed",
        _("A member has a reward: bought, or given by a campaign (for no points)."),
        *_REDEMPTION,
        "points",
        at_times=("campaign",),
    ),
    _kind("redemption.held", _("A reward is reserved for a checkout."), *_REDEMPTION, "points", "expires_at"),
    _kind("redemption.fulfilled", _("A reward was handed over."), *_REDEMPTION),
    _kind(
        "redemption.cancelled", _("A redemption was called off; its points are back."), *_REDEMPTION, "points"
    ),
    _kind("redemption.expired", _("A reservation of a reward ran out."), *_REDEMPTION, "points"),
    _kind("redemption.returned", _("A reward came back; its points are back."), *_REDEMPTION, "points"),
    _kind(
        "voucher.issued",
        _("There is a voucher; its code is told to whoever redeemed."),
        *_REDEMPTION,
        "expires_at",
    ),
    _kind("voucher.used", _("A voucher was used."), *_VOUCHER, at_times=("amount",)),
    _kind("voucher.rolled_back", _("A use of a voucher was taken back."), *_VOUCHER, at_times=("amount",)),
    _kind("voucher.voided", _("A voucher cannot be used any more."), *_REDEMPTION, "voucher_id"),
    _kind(
        "reward.codes_low",
        _("Few codes are left of a reward's uploaded list, or none."),
        "reward",
        "left",
        is_of_member=False,
    ),
    _kind("member.birthday", _("It is a member's birthday."), "year"),
    _kind("member.anniversary", _("A membership is so many years old."), "year", "years"),
    _kind(
        "referral.qualified",
        _("A friend's first purchase is past its return period."),
        "friend_id",
        "referral_id",
    ),
    _kind("badge.earned", _("A member got a badge."), "badge", "campaign"),
    _kind(
        "challenge.progressed", _("A member came closer to a goal."), "challenge", "progress", "goal", "added"
    ),
    _kind("challenge.completed", _("A member reached a goal."), "challenge", "completions"),
    _kind("draw.won", _("A member won a prize; one event for each winner."), "draw", "place"),
    _kind("campaign.signal", _("A campaign sends a signal of its own."), "name", "campaign", "activity_id"),
    _kind(
        "campaign.started",
        _("Members can earn by a campaign from now on."),
        "campaign",
        "version",
        "status",
        is_of_member=False,
    ),
    _kind(
        "campaign.ended",
        _("Members earn by a campaign no longer."),
        "campaign",
        "version",
        "status",
        is_of_member=False,
    ),
    _kind(
        "budget.warning",
        _("80 % of a campaign's budget is used."),
        "campaign",
        "unit",
        "allotted",
        "used",
        is_of_member=False,
    ),
    _kind(
        "budget.exhausted",
        _("All of a campaign's budget is used."),
        "campaign",
        "unit",
        "allotted",
        "used",
        is_of_member=False,
    ),
)
KINDS: Final = {kind.type: kind for kind in _KINDS}
"""By type, in the order of the docs."""


def kinds() -> Iterator[EventKind]:
    """All types of events, in the order in which `events.TYPES` names them."""
    return (KINDS[name] for name in TYPES)


def schema(kind: EventKind) -> dict[str, Any]:
    """The JSON Schema of a message: what webhooks send and the feed lists."""
    return {
        "$schema": SCHEMA,
        "title": kind.type,
        "description": str(kind.when),
        "type": "object",
        "properties": {
            "type": {"const": kind.type},
            "timestamp": {"type": "string", "format": "date-time"},
            "sequence": {"type": "integer", "minimum": 1},
            "is_truncated": {"type": "boolean"},
            "data": {
                "type": "object",
                "properties": {name: _described(name) for name in (*kind.fields, "is_sample")},
                "required": [name for name in kind.fields if name not in kind.at_times],
            },
        },
        "required": ["type", "timestamp", "sequence", "data"],
    }


def _described(name: str) -> dict[str, Any]:
    field = FIELDS[name]
    return {**field.schema, "description": str(field.meaning)}


def sample_data(kind: EventKind) -> dict[str, Any]:
    """Made-up data with every field that such an event can have."""
    return {name: FIELDS[name].sample for name in kind.fields}


def sample(kind: EventKind, *, at: datetime) -> dict[str, Any]:
    """A made-up message."""
    return {"type": kind.type, "timestamp": at, "sequence": 4_211, "data": sample_data(kind)}
