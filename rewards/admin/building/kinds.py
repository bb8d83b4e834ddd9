"""The occasions and the effects that a campaign can have, as a marketer chooses among them."""

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.utils.translation import gettext_lazy as _

from members.models import IdentifierKind

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class Occasion(NamedTuple):
    """A kind of trigger; `narrows` says by which field it may be narrowed, with which kind of values."""

    kind: str
    label: "_StrPromise"
    hint: "_StrPromise"
    icon: str
    group: "_StrPromise"
    narrows: tuple[str, "_StrPromise", str, str] | None = None


_BUYING: Final = _("Purchases")
_MEMBER: Final = _("The member")
_PROGRESS: Final = _("Progress")
_SYSTEMS: Final = _("Reported by other systems")

OCCASIONS: Final = (
    Occasion("sale", _("A purchase"), _("Each receipt of a till or the shop."), "receipt_long", _BUYING),
    Occasion("return", _("A return"), _("Goods came back."), "assignment_return", _BUYING),
    Occasion(
        "inactivity",
        _("No purchase for long"),
        _("A member has bought nothing for so many days."),
        "hourglass_bottom",
        _BUYING,
        ("days", _("after"), "days", ""),
    ),
    Occasion("member_registered", _("Joining"), _("Somebody became a member."), "person_add", _MEMBER),
    Occasion("birthday", _("Birthday"), _("On the day of the member's birthday."), "cake", _MEMBER),
    Occasion("anniversary", _("Anniversary"), _("Each year on the day of joining."), "celebration", _MEMBER),
    Occasion("profile_completed", _("Profile completed"), _("All details are filled in."), "badge", _MEMBER),
    Occasion(
        "identifier_added",
        _("New card, e-mail or phone"),
        _("The member can be known by something more."),
        "add_card",
        _MEMBER,
        ("identifiers", _("only"), "many", "identifiers"),
    ),
    Occasion(
        "tier_reached",
        _("Tier reached"),
        _("The member has moved up."),
        "military_tech",
        _PROGRESS,
        ("tiers", _("only"), "many", "tiers"),
    ),
    Occasion(
        "segment_entered",
        _("Segment entered"),
        _("The member has come to belong to a segment."),
        "group_add",
        _PROGRESS,
        ("segments", _("only"), "many", "segments"),
    ),
    Occasion(
        "challenge_completed",
        _("Challenge completed"),
        _("The member has reached a goal."),
        "flag",
        _PROGRESS,
        ("challenges", _("only"), "many", "challenges"),
    ),
    Occasion(
        "referral_qualified",
        _("Referred friend bought"),
        _("A friend's first purchase counts."),
        "handshake",
        _PROGRESS,
    ),
    Occasion(
        "code_entered",
        _("Code entered"),
        _("In the app or at the till; upper and lower case are the same."),
        "password",
        _SYSTEMS,
        ("codes", _("one of"), "texts", ""),
    ),
    Occasion(
        "check_in",
        _("Check-in at a store"),
        _("The member is there, bought or not."),
        "location_on",
        _SYSTEMS,
        ("stores", _("only"), "many", "stores"),
    ),
    Occasion(
        "event",
        _("A custom event"),
        _("Such as app.login, of a type that you agree upon."),
        "sensors",
        _SYSTEMS,
        ("event_type", _("of type"), "event_type", "event_types"),
    ),
)


class Effect(NamedTuple):
    """A kind of effect; those that need an amount are for purchases only."""

    kind: str
    label: "_StrPromise"
    hint: "_StrPromise"
    icon: str
    group: "_StrPromise"
    needs_amount: bool = False


_POINTS: Final = _("Points")
_GIFTS: Final = _("Something else")

EFFECTS: Final = (
    Effect(
        "points_per_unit",
        _("Points per amount"),
        _("1 point for each euro, of everything or of some items."),
        "shopping_bag",
        _POINTS,
        True,
    ),
    Effect(
        "points_per_item", _("Points per item"), _("10 points for each coffee."), "local_cafe", _POINTS, True
    ),
    Effect("fixed_points", _("Fixed points"), _("100 points, whatever the amount."), "add_circle", _POINTS),
    Effect("multiplier", _("Multiply points"), _("Base points count twice."), "close", _POINTS),
    Effect("bonus", _("Bonus percentage"), _("10 % of the base points on top."), "percent", _POINTS),
    Effect("message", _("A message"), _("Printed on the receipt, shown in the app."), "chat", _GIFTS),
    Effect("reward", _("A reward"), _("From the catalogue, free of points."), "featured_seasonal", _GIFTS),
    Effect("badge", _("A badge"), _("A mark in the member's profile."), "workspace_premium", _GIFTS),
    Effect("challenge_progress", _("Challenge progress"), _("Steps towards a goal."), "trending_up", _GIFTS),
    Effect(
        "prize_draw_entry", _("Chances in a draw"), _("Entries for a prize."), "confirmation_number", _GIFTS
    ),
    Effect("webhook", _("A signal"), _("Tells other systems, which act on it."), "webhook", _GIFTS),
)


def triggers() -> list[dict[str, Any]]:
    return [_trigger(occasion) for occasion in OCCASIONS]


def _trigger(occasion: Occasion) -> dict[str, Any]:
    told: dict[str, Any] = {
        "kind": occasion.kind,
        "label": str(occasion.label),
        "hint": str(occasion.hint),
        "icon": occasion.icon,
        "group": str(occasion.group),
        "scope": "sale" if occasion.kind == "sale" else "event",
    }
    if occasion.narrows:
        field, label, kind, name = occasion.narrows
        narrows: dict[str, Any] = {"field": field, "label": str(label), "type": kind}
        if name == "identifiers":
            narrows["choices"] = [{"value": one.value, "label": str(one.label)} for one in IdentifierKind]
        elif name:
            narrows["list"] = name
        told["narrows"] = narrows
    return told


def effects() -> list[dict[str, Any]]:
    return [
        {**effect._asdict(), "label": str(effect.label), "hint": str(effect.hint), "group": str(effect.group)}
        for effect in EFFECTS
    ]
