"""What may stand beside an operator: from JSON to the value that facts are compared with."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date, time
from decimal import Decimal
from typing import Any

from rewards.engine.fact import Fact
from rewards.engine.facts import AMOUNT_LIMIT, DATE, DECIMAL
from rewards.engine.problems import Place, shown

VALUES_AT_MOST = 1_000
TEXT_AT_MOST = 200
INTEGER_LIMIT = 2**63 - 1

KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}\Z", re.ASCII)
_MONEY = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,2})?\Z", re.ASCII)
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2})?\Z", re.ASCII)


def parse_operand(raw: object, *, fact: Fact, operator: str, place: Place) -> Any:
    """What `raw` means beside the operator; None if it is wrong, which is noted at the place."""
    if operator == "known":
        return read_boolean(raw, place)
    if operator == "between":
        return _pair(raw, fact, place)
    if operator in ("in", "not_in", "has_any", "has_all", "has_none"):
        return _many(raw, fact, place)
    if fact.type == "attribute" and operator not in ("eq", "ne"):
        return read_decimal(raw, place)
    return _read(raw, fact, place)


def _read(raw: object, fact: Fact, place: Place) -> Any:
    return _READERS[fact.type](raw, fact, place)


def _pair(raw: object, fact: Fact, place: Place) -> tuple[Any, Any] | None:
    if not isinstance(raw, list | tuple) or len(raw) != 2:
        return place.refuse("not_a_pair", found=shown(raw))
    read = read_decimal if fact.type == "attribute" else lambda raw, place: _read(raw, fact, place)
    low, high = (read(end, place / index) for index, end in enumerate(raw))
    if low is None or high is None:
        return None
    if fact.type == "time" and low == high:
        return place.refuse("no_time_between", time=shown(raw[0]))
    if fact.type != "time" and low > high:
        return place.refuse("pair_turned_round", low=shown(raw[0]), high=shown(raw[1]))
    return low, high


def _many(raw: object, fact: Fact, place: Place) -> frozenset[Any] | None:
    items = place.items(raw, at_most=VALUES_AT_MOST, what="value")
    if items is None:
        return None
    values = [_read(item, fact, place / index) for index, item in enumerate(items)]
    if None in values:
        return None
    if len({type(value) for value in values}) > 1 or isinstance(values[0], bool):
        return place.refuse("mixed_list")
    return frozenset(values)


def read_boolean(raw: object, place: Place) -> bool | None:
    return raw if isinstance(raw, bool) else place.refuse("not_a_boolean", found=shown(raw))


def read_text(raw: object, place: Place) -> str | None:
    if not isinstance(raw, str) or not raw.strip():
        return place.refuse("not_a_text", found=shown(raw))
    if len(raw) > TEXT_AT_MOST:
        return place.refuse("text_too_long", length=len(raw), limit=TEXT_AT_MOST)
    return raw


def read_integer(raw: object, place: Place) -> int | None:
    if isinstance(raw, bool) or not isinstance(raw, int):
        return place.refuse("not_an_integer", found=shown(raw))
    if abs(raw) > INTEGER_LIMIT:
        return place.refuse("integer_too_big", found=shown(raw), limit=INTEGER_LIMIT)
    return raw


def read_between(raw: object, low: int, high: int, place: Place) -> int | None:
    """A whole number from `low` to `high`."""
    number = read_integer(raw, place)
    if number is None or low <= number <= high:
        return number
    return place.refuse("out_of_range", low=f"{low:,}", high=f"{high:,}")


def read_key(raw: object, place: Place) -> str | None:
    """The key of something of the program, such as a tier or a wallet type."""
    if isinstance(raw, str) and KEY.match(raw):
        return raw
    return place.refuse("not_a_key", found=shown(raw))


def read_keys(raw: object, place: Place, *, what: str) -> frozenset[str] | None:
    """A list of keys; an absent one is empty."""
    if raw is None:
        return frozenset()
    return read_all(raw, read_key, place, what=what)


def read_all[Value](
    raw: object, read: Callable[[object, Place], Value | None], place: Place, *, what: str
) -> frozenset[Value] | None:
    """A list whose values are all read alike, at least one."""
    items = place.items(raw, at_most=VALUES_AT_MOST, what=what)
    if items is None:
        return None
    values = [read(item, place / index) for index, item in enumerate(items)]
    return frozenset(value for value in values if value is not None) if None not in values else None


def read_money(raw: object, place: Place) -> Decimal | None:
    """Money is text such as "12.50": numbers of JSON lose cents on their way through other programs."""
    if not isinstance(raw, str) or not _MONEY.match(raw):
        return place.refuse("not_money", found=shown(raw))
    return Decimal(raw)


def read_decimal(raw: object, place: Place) -> Decimal | None:
    """A whole number, or a text such as "1.5" with up to 6 decimals."""
    if isinstance(raw, str) and DECIMAL.match(raw):
        return Decimal(raw)
    if isinstance(raw, int) and not isinstance(raw, bool) and abs(raw) < AMOUNT_LIMIT:
        return Decimal(raw)
    return place.refuse("not_a_decimal", found=shown(raw))


def _read_choice(raw: object, fact: Fact, place: Place) -> str | None:
    if isinstance(raw, str) and raw in fact.choices:
        return raw
    return place.refuse("not_a_choice", found=shown(raw), choices=", ".join(fact.choices))


def read_date(raw: object, place: Place) -> date | None:
    if isinstance(raw, str) and DATE.match(raw):
        with suppress(ValueError):
            return date.fromisoformat(raw)
    return place.refuse("not_a_date", found=shown(raw))


def read_time(raw: object, place: Place) -> time | None:
    if isinstance(raw, str) and _TIME.match(raw):
        with suppress(ValueError):
            return time.fromisoformat(raw)
    return place.refuse("not_a_time", found=shown(raw))


def _read_attribute(raw: object, place: Place) -> str | bool | Decimal | None:
    if isinstance(raw, bool):
        return raw
    return read_text(raw, place) if isinstance(raw, str) else read_decimal(raw, place)


def _any_fact(read: Callable[[object, Place], Any]) -> Callable[[object, Fact, Place], Any]:
    return lambda raw, fact, place: read(raw, place)


_READERS: dict[str, Callable[[object, Fact, Place], Any]] = {
    "money": _any_fact(read_money),
    "decimal": _any_fact(read_decimal),
    "number": _any_fact(read_integer),
    "date": _any_fact(read_date),
    "time": _any_fact(read_time),
    "text": _any_fact(read_text),
    "choice": _read_choice,
    "set": _any_fact(read_text),
    "boolean": _any_fact(read_boolean),
    "attribute": _any_fact(_read_attribute),
}
