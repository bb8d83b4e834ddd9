"""When each type of event happens, and which fields it has: always, or at times."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from msgspec import Struct


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
