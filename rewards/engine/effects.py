"""What a campaign gives: points per amount, fixed points, or a multiple of what the base rules gave."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Context, Decimal
from typing import Any, ClassVar

import msgspec
from msgspec.structs import replace

from rewards.engine import conditions
from rewards.engine.catalogue import SCOPES
from rewards.engine.facts import Facts, LineFacts
from rewards.engine.operands import read_decimal, read_integer, read_money
from rewards.engine.operators import Predicate
from rewards.engine.problems import Place, shown
from rewards.engine.reasons import Reason, money, number
from rewards.engine.timing import Expiry, Pending, read_expiry, read_pending

POINTS_AT_MOST = 2**53 - 1
"""In one award: what JSON carries exactly everywhere, and a thousand of them fit into a bigint."""
EFFECTS_AT_MOST = 20
FACTOR_AT_MOST = Decimal(1_000)
RATE_AT_MOST = Decimal(10) ** 9

ROUNDING = {"down": "ROUND_FLOOR", "half_up": "ROUND_HALF_UP", "up": "ROUND_CEILING"}
_EXACT = Context(prec=80)
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}\Z")


class TooManyPoints(ArithmeticError):
    """One award would be more than `POINTS_AT_MOST`; the activity cannot be rewarded like that."""


class Grant(msgspec.Struct, frozen=True):
    """What one effect gives; `line_points` says how much of it is for which line, where it knows."""

    points: int
    reason: Reason
    line_points: Mapping[str, int] | None = None


class PointsPerUnit(msgspec.Struct, frozen=True):
    """`points` for each `per` of the sale's amount or, with `lines`, of the lines that match."""

    wallet_type: str
    points: Decimal
    per: Decimal
    lines: conditions.Node | None = None
    picks: Predicate | None = None
    expiry: Expiry | None = None
    pending: Pending | None = None

    is_base: ClassVar[bool] = True

    def grant(self, facts: Facts, *, rounding: str, base: Mapping[str, int]) -> Grant:
        amount, currency = facts.activity.amount, facts.activity.currency
        line_points = None
        picked: list[LineFacts] = []
        if self.picks is not None:
            picked = [known.line for known in facts.lines if self.picks(known)]
            amount = max(sum((line.amount for line in picked), Decimal(0)), Decimal(0))
        exact = _EXACT.divide(_EXACT.multiply(self.points, amount), self.per)
        points = whole(exact, rounding=rounding)
        if self.picks is not None:
            line_points = spread(points, picked)
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


class FixedPoints(msgspec.Struct, frozen=True):
    """So many points for the activity as such."""

    wallet_type: str
    points: int
    expiry: Expiry | None = None
    pending: Pending | None = None

    is_base: ClassVar[bool] = False

    def grant(self, facts: Facts, *, rounding: str, base: Mapping[str, int]) -> Grant:
        return Grant(self.points, Reason("fixed", {"points": self.points}))


class Multiplier(msgspec.Struct, frozen=True):
    """
    What is on top when base points count `factor` times: (factor − 1) × the base points of the wallet type.

    Multipliers add: ×2 and ×3 together make the base points count four times, not six.
    """

    wallet_type: str
    factor: Decimal
    expiry: Expiry | None = None
    pending: Pending | None = None

    is_base: ClassVar[bool] = False

    def grant(self, facts: Facts, *, rounding: str, base: Mapping[str, int]) -> Grant:
        points = base.get(self.wallet_type, 0)
        exact = _EXACT.multiply(_EXACT.subtract(self.factor, Decimal(1)), Decimal(points))
        reason = Reason("multiplied", {"points": points, "factor": number(self.factor)})
        return Grant(whole(exact, rounding=rounding), reason)


type Effect = PointsPerUnit | FixedPoints | Multiplier


def whole(exact: Decimal, *, rounding: str) -> int:
    """
    Points as they are granted: rounded once, by the program's rule.

    :raises TooManyPoints: if they are more than one award may be
    """
    points = int(exact.to_integral_value(rounding=ROUNDING[rounding]))
    if points > POINTS_AT_MOST:
        raise TooManyPoints(f"{points:,} points are more than one award may be")
    return points


def spread(points: int, lines: Sequence[LineFacts]) -> dict[str, int]:
    """
    The points by line id, in proportion to the amounts, to the last point.

    By largest remainder: each line gets its whole share, the lines that lost most by that one
    more. Lines that cost nothing or less get none.
    """
    total = sum((line.amount for line in lines if line.amount > 0), Decimal(0))
    shares: dict[str, int] = {}
    remainders: list[tuple[Decimal, str]] = []
    for line in lines:
        if line.amount > 0:
            exact = _EXACT.divide(_EXACT.multiply(Decimal(points), line.amount), total)
            share = int(exact)
            shares[line.id] = shares.get(line.id, 0) + share
            remainders.append((share - exact, line.id))
    for _, line_id in sorted(remainders)[: points - sum(shares.values())]:
        shares[line_id] += 1
    return shares


def parse(raw: object, *, trigger: str, place: Place) -> tuple[Effect, ...]:
    """The effects; what is wrong with them is noted at the place."""
    items = place.items(raw, at_most=EFFECTS_AT_MOST, what="effect") or []
    read = [_effect(item, trigger, place / index) for index, item in enumerate(items)]
    return tuple(effect for effect in read if effect is not None)


def _effect(raw: object, trigger: str, place: Place) -> Effect | None:
    if not isinstance(raw, Mapping):
        return place.refuse("not_an_object", found=shown(raw))
    kind = raw.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        return (place / "kind").refuse("unknown_effect", found=shown(kind), kinds=", ".join(_KINDS))
    keys, read = _KINDS[kind]
    place.mapping(raw, keys=("kind", "wallet_type", *keys, "expiry", "pending"))
    wallet_type = raw.get("wallet_type")
    if not isinstance(wallet_type, str) or not _KEY.match(wallet_type):
        (place / "wallet_type").refuse("not_a_key", found=shown(wallet_type))
    expiry = None if raw.get("expiry") is None else read_expiry(raw["expiry"], place / "expiry")
    pending = None if raw.get("pending") is None else read_pending(raw["pending"], place / "pending")
    effect = read(raw, trigger, place)
    if effect is None or (expiry is None and pending is None):
        return effect
    return replace(effect, expiry=expiry, pending=pending)


def _points_per_unit(raw: Mapping[str, Any], trigger: str, place: Place) -> PointsPerUnit | None:
    if trigger == "event":
        (place / "kind").refuse("an_event_has_no_amount")
    points = _positive(read_decimal(raw.get("points"), place / "points"), RATE_AT_MOST, place / "points")
    per = _positive(read_money(raw.get("per"), place / "per"), RATE_AT_MOST, place / "per")
    lines = _lines(raw, place)
    if points is None or per is None:
        return None
    picks = None if lines is None else conditions.compile(lines)
    without_zeros = Decimal(number(points))
    return PointsPerUnit(raw.get("wallet_type", ""), without_zeros, per, lines, picks)


def _lines(raw: Mapping[str, Any], place: Place) -> conditions.Node | None:
    of = raw.get("of", "sale")
    if of == "sale":
        if "lines" in raw:
            (place / "lines").refuse("lines_not_asked_for")
        return None
    if of != "matching_lines":
        return (place / "of").refuse("not_a_choice", found=shown(of), choices="sale, matching_lines")
    problems = len(place.problems)
    lines = conditions.parse(raw.get("lines"), scope=SCOPES["line"], place=place / "lines")
    if lines is None and len(place.problems) == problems:
        (place / "lines").refuse("lines_missing")
    return lines


def _fixed_points(raw: Mapping[str, Any], trigger: str, place: Place) -> FixedPoints | None:
    at = place / "points"
    points = read_integer(raw.get("points"), at)
    if points is None:
        return None
    if not 0 < points <= POINTS_AT_MOST:
        return at.refuse("out_of_range", low="1", high=f"{POINTS_AT_MOST:,}")
    return FixedPoints(raw.get("wallet_type", ""), points)


def _multiplier(raw: Mapping[str, Any], trigger: str, place: Place) -> Multiplier | None:
    at = place / "factor"
    factor = read_decimal(raw.get("factor"), at)
    if factor is None:
        return None
    if not 1 < factor <= FACTOR_AT_MOST:
        return at.refuse("factor_out_of_range", high=number(FACTOR_AT_MOST))
    return Multiplier(raw.get("wallet_type", ""), factor)


def _positive(value: Decimal | None, at_most: Decimal, place: Place) -> Decimal | None:
    if value is None or 0 < value <= at_most:
        return value
    return place.refuse("not_positive", high=number(at_most))


type _Reader = Callable[[Mapping[str, Any], str, Place], Effect | None]
_KINDS: dict[str, tuple[tuple[str, ...], _Reader]] = {
    "points_per_unit": (("points", "per", "of", "lines"), _points_per_unit),
    "fixed_points": (("points",), _fixed_points),
    "multiplier": (("factor",), _multiplier),
}
