"""What a campaign gives: points by amount, by item or as such, a multiple of base points, or gifts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Context, Decimal
from typing import Any, ClassVar

import msgspec
from msgspec.structs import replace

from rewards.engine import conditions, gifts
from rewards.engine.catalogue import SCOPES
from rewards.engine.facts import Facts, LineFacts
from rewards.engine.gifts import GiftEffect
from rewards.engine.operands import KEY, read_between, read_decimal, read_keys, read_money
from rewards.engine.operators import Predicate
from rewards.engine.problems import Place, shown
from rewards.engine.reasons import Reason, money, number
from rewards.engine.timing import Expiry, Pending, read_expiry, read_pending

POINTS_AT_MOST = 2**53 - 1
"""In one award: what JSON carries exactly everywhere, and a thousand of them fit into a bigint."""
EFFECTS_AT_MOST = 20
FACTOR_AT_MOST = Decimal(1_000)
RATE_AT_MOST = Decimal(10) ** 9
ITEMS_AT_MOST = 1_000_000

ROUNDING = {"down": "ROUND_FLOOR", "half_up": "ROUND_HALF_UP", "up": "ROUND_CEILING"}
_EXACT = Context(prec=80)


class TooManyPoints(ArithmeticError):
    """One award would be more than `POINTS_AT_MOST`; the activity cannot be rewarded like that."""


class Grant(msgspec.Struct, frozen=True):
    """What one effect gives; `line_points` says how much of it is for which line, where it knows."""

    points: int
    reason: Reason
    line_points: Mapping[str, int] | None = None


class Given(msgspec.Struct, frozen=True):
    """Points given so far for the activity, which others multiply: base points, and each campaign's."""

    base: Mapping[str, int] = {}
    by_campaign: Mapping[tuple[str, str], int] = {}

    def of(self, wallet_type: str, campaigns: frozenset[str]) -> int:
        """Base points of the wallet type or, if campaigns are named, what those gave."""
        if not campaigns:
            return self.base.get(wallet_type, 0)
        return sum(self.by_campaign.get((key, wallet_type), 0) for key in campaigns)


NOTHING = Given()


class PointsPerUnit(msgspec.Struct, frozen=True):
    """
    `points` for each `per` of the sale's amount or, with `lines`, of the lines that match.

    `measure` says which amount: what was `paid`, what it was `before_discounts`, or `without_tax`.
    """

    wallet_type: str
    points: Decimal
    per: Decimal
    lines: conditions.Node | None = None
    picks: Predicate | None = None
    expiry: Expiry | None = None
    pending: Pending | None = None
    measure: str = "paid"
    is_base: bool = True

    multiplies: ClassVar[bool] = False

    def grant(self, facts: Facts, *, rounding: str, given: Given) -> Grant:
        currency = facts.activity.currency
        measured = MEASURES[self.measure]
        line_points = None
        picked: list[LineFacts] = []
        if self.picks is None:
            amount = max(measured(facts.activity), Decimal(0))
        else:
            picked = [known.line for known in facts.lines if self.picks(known)]
            amount = max(sum(map(measured, picked), Decimal(0)), Decimal(0))
        exact = _EXACT.divide(_EXACT.multiply(self.points, amount), self.per)
        points = whole(exact, rounding=rounding)
        if self.picks is not None:
            line_points = spread(points, picked, measured)
        code = "per_unit" if self.picks is None else "per_unit_of_lines"
        said = Reason(
            code,
            {
                "points": str(self.points),
                "per": money(self.per, currency),
                "amount": money(amount, currency),
            },
        )
        return Grant(points, said, line_points)


class PointsPerItem(msgspec.Struct, frozen=True):
    """`points` for each full `per_items` pieces bought, of all lines or of those that match."""

    wallet_type: str
    points: int
    per_items: int = 1
    lines: conditions.Node | None = None
    picks: Predicate | None = None
    expiry: Expiry | None = None
    pending: Pending | None = None
    is_base: bool = False

    multiplies: ClassVar[bool] = False

    def grant(self, facts: Facts, *, rounding: str, given: Given) -> Grant:
        picked = [known.line for known in facts.lines if self.picks is None or self.picks(known)]
        quantity = max(sum((line.quantity for line in picked), Decimal(0)), Decimal(0))
        points = checked(int(quantity // self.per_items) * self.points)
        said = Reason(
            "per_item",
            {"points": self.points, "per_items": number(Decimal(self.per_items)), "items": number(quantity)},
        )
        return Grant(points, said, spread(points, picked, lambda line: line.quantity))


class FixedPoints(msgspec.Struct, frozen=True):
    """So many points for the activity as such."""

    wallet_type: str
    points: int
    expiry: Expiry | None = None
    pending: Pending | None = None

    is_base: ClassVar[bool] = False
    multiplies: ClassVar[bool] = False

    def grant(self, facts: Facts, *, rounding: str, given: Given) -> Grant:
        return Grant(self.points, Reason("fixed", {"points": self.points}))


class Multiplier(msgspec.Struct, frozen=True):
    """
    What is on top when base points count `factor` times: (factor − 1) × the base points of the wallet type.

    With `of`, it multiplies what those campaigns gave instead. Multipliers add: ×2 and ×3 together
    make the base points count four times, not six. `is_bonus`: it was said as so many percent on top.
    """

    wallet_type: str
    factor: Decimal
    expiry: Expiry | None = None
    pending: Pending | None = None
    of: frozenset[str] = frozenset()
    is_bonus: bool = False

    is_base: ClassVar[bool] = False
    multiplies: ClassVar[bool] = True

    @property
    def percent(self) -> Decimal:
        return (self.factor - 1) * 100

    def grant(self, facts: Facts, *, rounding: str, given: Given) -> Grant:
        points = given.of(self.wallet_type, self.of)
        exact = _EXACT.multiply(_EXACT.subtract(self.factor, Decimal(1)), Decimal(points))
        if self.is_bonus:
            reason = Reason("on_top_of", {"points": points, "percent": number(self.percent)})
        else:
            reason = Reason("multiplied", {"points": points, "factor": number(self.factor)})
        return Grant(whole(exact, rounding=rounding), reason)


type Points = PointsPerUnit | PointsPerItem | FixedPoints | Multiplier
type Effect = Points | GiftEffect
"""What a campaign gives: points, or a gift that is no points."""

MEASURES: dict[str, Callable[[Any], Decimal]] = {
    "paid": lambda sold: sold.amount,
    "before_discounts": lambda sold: sold.amount + sold.discount,
    "without_tax": lambda sold: sold.amount - sold.tax,
}
"""Which amount of a sale or of a line counts."""


def whole(exact: Decimal, *, rounding: str) -> int:
    """
    Points as they are granted: rounded once, by the program's rule.

    :raises TooManyPoints: if they are more than one award may be
    """
    return checked(int(exact.to_integral_value(rounding=ROUNDING[rounding])))


def checked(points: int) -> int:
    """:raises TooManyPoints: if they are more than one award may be"""
    if points > POINTS_AT_MOST:
        raise TooManyPoints(f"{points:,} points are more than one award may be")
    return points


def spread(
    points: int, lines: Sequence[LineFacts], weight: Callable[[LineFacts], Decimal] = MEASURES["paid"]
) -> dict[str, int]:
    """
    The points by line id, in proportion to the lines' weight (what was paid), to the last point.

    By largest remainder: each line gets its whole share, the lines that lost most by that one
    more. Lines that weigh nothing or less get none.
    """
    weights = [(line, weighed) for line in lines if (weighed := weight(line)) > 0]
    total = sum((weighed for _, weighed in weights), Decimal(0))
    shares: dict[str, int] = {}
    remainders: list[tuple[Decimal, str]] = []
    for line, weighed in weights:
        exact = _EXACT.divide(_EXACT.multiply(Decimal(points), weighed), total)
        share = int(exact)
        shares[line.id] = shares.get(line.id, 0) + share
        remainders.append((share - exact, line.id))
    for _, line_id in sorted(remainders)[: points - sum(shares.values())]:
        shares[line_id] += 1
    return shares


def respread(line_points: Mapping[str, int], points: int) -> dict[str, int]:
    """Other points in the same proportions, to the last one; with nothing to go by, no line has any."""
    weights = {line_id: Decimal(weight) for line_id, weight in line_points.items() if weight > 0}
    lines = [LineFacts(id=line_id) for line_id in weights]
    return spread(points, lines, lambda line: weights[line.id]) if lines else {}


def parse(raw: object, *, trigger: str, place: Place) -> tuple[Effect, ...]:
    """The effects; what is wrong with them is noted at the place."""
    items = place.items(raw, at_most=EFFECTS_AT_MOST, what="effect") or []
    read = [_effect(item, trigger, place / index) for index, item in enumerate(items)]
    return tuple(effect for effect in read if effect is not None)


def _effect(raw: object, trigger: str, place: Place) -> Effect | None:
    if not isinstance(raw, Mapping):
        return place.refuse("not_an_object", found=shown(raw))
    kind = raw.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        return (place / "kind").refuse("unknown_effect", found=shown(kind), kinds=", ".join(KINDS))
    if kind in gifts.KINDS:
        return gifts.parse(raw, place)
    keys, read = _POINTS[kind]
    place.mapping(raw, keys=("kind", "wallet_type", *keys, "expiry", "pending"))
    wallet_type = raw.get("wallet_type")
    if not isinstance(wallet_type, str) or not KEY.match(wallet_type):
        (place / "wallet_type").refuse("not_a_key", found=shown(wallet_type))
    expiry = None if raw.get("expiry") is None else read_expiry(raw["expiry"], place / "expiry")
    pending = None if raw.get("pending") is None else read_pending(raw["pending"], place / "pending")
    effect = read(raw, trigger, place)
    if effect is None or (expiry is None and pending is None):
        return effect
    return replace(effect, expiry=expiry, pending=pending)


def _points_per_unit(raw: Mapping[str, Any], trigger: str, place: Place) -> PointsPerUnit | None:
    if trigger != "sale":
        (place / "kind").refuse("an_event_has_no_amount")
    points = _positive(read_decimal(raw.get("points"), place / "points"), RATE_AT_MOST, place / "points")
    per = _positive(read_money(raw.get("per"), place / "per"), RATE_AT_MOST, place / "per")
    lines = _lines(raw, place)
    measure = raw.get("measure", "paid")
    if measure not in MEASURES:
        (place / "measure").refuse("not_a_choice", found=shown(measure), choices=", ".join(MEASURES))
    is_base = _is_base(raw, "base", place)
    if points is None or per is None:
        return None
    picks = None if lines is None else conditions.compile(lines)
    without_zeros = Decimal(number(points))
    return PointsPerUnit(
        raw.get("wallet_type", ""),
        without_zeros,
        per,
        lines,
        picks,
        measure=str(measure),
        is_base=is_base,
    )


def _is_base(raw: Mapping[str, Any], default: str, place: Place) -> bool:
    counts_as = raw.get("counts_as", default)
    if counts_as not in ("base", "bonus"):
        (place / "counts_as").refuse("not_a_choice", found=shown(counts_as), choices="base, bonus")
    return bool(counts_as == "base")


def _lines(raw: Mapping[str, Any], place: Place) -> conditions.Node | None:
    of = raw.get("of", "sale")
    if of == "sale":
        if "lines" in raw:
            (place / "lines").refuse("lines_not_asked_for")
        return None
    if of != "matching_lines":
        return (place / "of").refuse("not_a_choice", found=shown(of), choices="sale, matching_lines")
    return _picked(raw, place)


def _picked(raw: Mapping[str, Any], place: Place) -> conditions.Node | None:
    problems = len(place.problems)
    lines = conditions.parse(raw.get("lines"), scope=SCOPES["line"], place=place / "lines")
    if lines is None and len(place.problems) == problems:
        (place / "lines").refuse("lines_missing")
    return lines


def _points_per_item(raw: Mapping[str, Any], trigger: str, place: Place) -> PointsPerItem | None:
    if trigger != "sale":
        (place / "kind").refuse("an_event_has_no_items")
    points = read_between(raw.get("points"), 1, POINTS_AT_MOST, place / "points")
    per_items = read_between(raw.get("per_items", 1), 1, ITEMS_AT_MOST, place / "per_items")
    lines = _picked(raw, place) if raw.get("lines") is not None else None
    is_base = _is_base(raw, "bonus", place)
    if points is None or per_items is None:
        return None
    picks = None if lines is None else conditions.compile(lines)
    return PointsPerItem(raw.get("wallet_type", ""), points, per_items, lines, picks, is_base=is_base)


def _fixed_points(raw: Mapping[str, Any], trigger: str, place: Place) -> FixedPoints | None:
    points = read_between(raw.get("points"), 1, POINTS_AT_MOST, place / "points")
    return None if points is None else FixedPoints(raw.get("wallet_type", ""), points)


def _multiplier(raw: Mapping[str, Any], trigger: str, place: Place) -> Multiplier | None:
    at = place / "factor"
    factor = read_decimal(raw.get("factor"), at)
    of = read_keys(raw.get("of"), place / "of", what="campaign")
    if factor is None or of is None:
        return None
    if not 1 < factor <= FACTOR_AT_MOST:
        return at.refuse("factor_out_of_range", high=number(FACTOR_AT_MOST))
    return Multiplier(raw.get("wallet_type", ""), factor, of=of)


def _bonus(raw: Mapping[str, Any], trigger: str, place: Place) -> Multiplier | None:
    at = place / "percent"
    percent = _positive(read_decimal(raw.get("percent"), at), (FACTOR_AT_MOST - 1) * 100, at)
    of = read_keys(raw.get("of"), place / "of", what="campaign")
    if percent is None or of is None:
        return None
    return Multiplier(raw.get("wallet_type", ""), 1 + percent / 100, of=of, is_bonus=True)


def _positive(value: Decimal | None, at_most: Decimal, place: Place) -> Decimal | None:
    if value is None or 0 < value <= at_most:
        return value
    return place.refuse("not_positive", high=number(at_most))


type _Reader = Callable[[Mapping[str, Any], str, Place], Points | None]
_POINTS: dict[str, tuple[tuple[str, ...], _Reader]] = {
    "points_per_unit": (("points", "per", "of", "lines", "measure", "counts_as"), _points_per_unit),
    "points_per_item": (("points", "per_items", "lines", "counts_as"), _points_per_item),
    "fixed_points": (("points",), _fixed_points),
    "multiplier": (("factor", "of"), _multiplier),
    "bonus": (("percent", "of"), _bonus),
}
KINDS = (*_POINTS, *gifts.KINDS)
