"""What a recipe is: its words, its questions, and the definition that the answers make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from msgspec import Struct

type Words = str | Promise
type Answers = Mapping[str, Any]
"""By the question's key: numbers, `Decimal`, texts, lists of texts, `time`, `date`; None if open."""
type Definition = dict[str, Any]

POINTS: Final = "points"
NUMBER: Final = "number"
MONEY: Final = "money"
FACTOR: Final = "factor"
WEEKDAYS: Final = "weekdays"
TIME: Final = "time"
DAY: Final = "day"
TEXT: Final = "text"
WORDS: Final = "words"
"""Texts that somebody types in, such as codes."""
CHOICES: Final = "choices"
"""One or more of what the program has: `offers` names the list."""
CHOICE: Final = "choice"

# Of currencies in which one unit buys next to nothing.
_UNITS: Final = {"JPY": 100, "KRW": 1000, "HUF": 100, "IDR": 10_000, "VND": 10_000, "CLP": 1000, "ISK": 100}


class Setting(Struct, frozen=True, kw_only=True):
    """What of a program the usual answers come from. Choices are keys and names."""

    currency: str
    zone: ZoneInfo
    today: date
    wallet_types: tuple[tuple[str, str], ...]
    point_value: Decimal = Decimal(0)
    offers: Mapping[str, tuple[tuple[str, str], ...]] = {}

    @property
    def unit(self) -> Decimal:
        """An amount that any purchase has."""
        return Decimal(_UNITS.get(self.currency, 1))

    def worth(self, amount: int) -> int:
        """A round number of points that cost about so many units of money; without a value, hundreds."""
        if not self.point_value:
            return amount * 100
        exact = amount * self.unit / self.point_value
        step = Decimal(10) ** max(exact.adjusted() - 1, 0)
        return max(int((exact / step).quantize(Decimal(1), ROUND_HALF_UP) * step), 1)

    def offered(self, name: str) -> tuple[tuple[str, str], ...]:
        return tuple(self.offers.get(name, ()))


class Question(Struct, frozen=True, kw_only=True):
    """One thing that a recipe wants to know. `usual` is the answer to begin with, or makes it."""

    key: str
    label: Words
    kind: str
    usual: Any = None
    help: Words = ""
    unit: Words = ""
    low: int = 1
    high: int = 1_000_000
    offers: str = ""
    is_optional: bool = False

    def usual_in(self, setting: Setting) -> Any:
        return self.usual(setting) if callable(self.usual) else self.usual


class Recipe(Struct, frozen=True, kw_only=True):
    """
    A campaign in waiting. `good_for` says when it helps, `note` what it does not do.

    `needs` is the list of things without which it cannot be used, such as challenges.
    """

    key: str
    name: Words
    icon: str
    purpose: str
    good_for: Words
    questions: tuple[Question, ...]
    build: Callable[[Answers, Setting], Definition]
    note: Words = ""
    needs: str = ""

    def usual(self, setting: Setting) -> dict[str, Any]:
        return {question.key: question.usual_in(setting) for question in self.questions}

    def definition(self, answers: Answers, setting: Setting, *, wallet_type: str) -> Definition:
        """The definition for these answers, whose points are of that kind."""
        made = self.build(answers, setting)
        gives = [
            {"kind": effect["kind"], "wallet_type": wallet_type, **effect}
            if effect["kind"] not in _GIFTS
            else effect
            for effect in made["effects"]
        ]
        return {key: value for key, value in (made | {"effects": gives}).items() if value}


_GIFTS: Final = ("message", "webhook", "reward", "badge", "challenge_progress", "prize_draw_entry")


# The words of definitions, short enough for a catalogue


def fixed(points: int, **more: Any) -> Definition:
    return {"kind": "fixed_points", "points": points, **more}


def times(factor: Decimal) -> Definition:
    return {"kind": "multiplier", "factor": plain(factor)}


def plain(number: Decimal) -> str:
    """Without zeros that say nothing: 2.50 is "2.5"."""
    return f"{number.normalize() + 0:f}"


def money(amount: Decimal) -> str:
    return f"{amount:.2f}"


def where(fact: str, operator: str, value: Any, **more: Any) -> Definition:
    return {"fact": fact, "operator": operator, "value": value, **more}


def every(*conditions: Definition) -> Definition:
    return {"all": list(conditions)}


def at_most(number: int, period: str) -> Definition:
    return {"times": number, "per": period}


def days(answers: Answers, setting: Setting) -> Definition:
    """The schedule of `first_day` and `last_day`, whole days of the program; either may be open."""
    first, last = answers.get("first_day"), answers.get("last_day")
    found = {"starts_at": first, "ends_at": None if last is None else last + timedelta(days=1)}
    return {
        name: datetime.combine(day, time.min, setting.zone).isoformat()
        for name, day in found.items()
        if day is not None
    }
