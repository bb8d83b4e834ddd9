"""
What a member bought before: facts over a number of days, by the keys that they are loaded and stored under.

"The last 30 days" begin at the local midnight 30 days before the day of the activity. Only what
happened before the activity counts, and never the activity itself.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from rewards.engine.fact import Fact, read_in_detail

DAYS_AT_MOST = 1_095
LAST = "last"
FIRST = "first"


def key(name: str, days: int) -> str:
    """Where `purchases` or `spend` of so many days stands in a member's history."""
    return f"{name}:{days}"


def start_of(days: int, local: datetime) -> datetime:
    """The instant from which on the last `days` days count, seen from a local moment."""
    return datetime.combine(local.date() - timedelta(days=days), time(), tzinfo=local.tzinfo)


def _days_since(facts: Any) -> int | None:
    last = facts.member.history.get(LAST)
    if last is None:
        return None
    return int((facts.moment.local.date() - date.fromisoformat(last)).days)


HISTORY = (
    Fact(
        key="history.purchases",
        type="number",
        unit="purchases",
        takes="days",
        may_be_unknown=True,
        read=read_in_detail,
    ),
    Fact(
        key="history.spend",
        type="money",
        unit="currency",
        takes="days",
        may_be_unknown=True,
        read=read_in_detail,
    ),
    Fact(
        key="history.days_since_purchase",
        type="number",
        unit="days",
        may_be_unknown=True,
        read=_days_since,
        asks=LAST,
    ),
    Fact(
        key="history.is_first_purchase",
        type="boolean",
        may_be_unknown=True,
        read=lambda f: f.member.history.get(FIRST),
        asks=FIRST,
    ),
)


@lru_cache(maxsize=4096)
def over(name: str, days: int) -> Fact:
    """`purchases` or `spend` of the last so many days, as in `over("spend", 30)`."""
    (template,) = (fact for fact in HISTORY if fact.key == f"history.{name}")
    stored = key(name, days)
    return Fact(
        key=template.key,
        type=template.type,
        unit=template.unit,
        takes="days",
        days=days,
        may_be_unknown=True,
        asks=stored,
        read=_money(stored) if template.type == "money" else _plain(stored),
    )


def _plain(stored: str) -> Callable[[Any], int | None]:
    return lambda facts: facts.member.history.get(stored)


def _money(stored: str) -> Callable[[Any], Decimal | None]:
    def read(facts: Any) -> Decimal | None:
        value = facts.member.history.get(stored)
        return None if value is None else Decimal(value)

    return read
