"""The page's tables as CSV; sums alone, nothing of any one member."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from django.http import Http404, HttpResponseBase
from django.utils.translation import gettext as _

from loyalty.core import spreadsheets
from loyalty.core.spreadsheets import Cell
from rewards.admin.campaign.performance.sums import Row
from rewards.models import Campaign
from rewards.performance import outcome
from rewards.performance.figures import Figures

_DAYS: Final = ("day", "version", "variant", "activities", "members", "points", "cost", "sales")
_GROUPS: Final = (
    "group", "expected_share", "members", "buyers", "sales", "sales_per_member", "before",
    "before_per_member",
)  # fmt: skip
_EFFECTS: Final = (
    "group", "against", "difference", "low", "high", "relative", "relative_low", "relative_high", "p_value",
    "detectable", "difference_plain", "low_plain", "high_plain",
)  # fmt: skip


def of(wanted: str, campaign: Campaign, days: Sequence[Row], counted: Figures | None) -> HttpResponseBase:
    """:raises Http404: if there is no such table, or nothing in it yet"""
    name = f"{campaign.key}-{wanted}"
    if wanted == "days":
        return spreadsheets.download(name, _DAYS, _days(days))
    tables: dict[str, tuple[Sequence[str], Callable[[Figures], Iterator[tuple[Cell, ...]]]]] = {
        "groups": (_GROUPS, _groups),
        "effects": (_EFFECTS, _effects),
        "stores": (("store", "activities", "members", "points", "sales"), _stores),
        "products": (("sku", "name", "quantity", "points", "sales"), _products),
    }
    if counted is None or wanted not in tables:
        raise Http404(_("There is no such table yet."))
    header, rows = tables[wanted]
    return spreadsheets.download(name, header, rows(counted))


def _days(days: Sequence[Row]) -> Iterator[tuple[Cell, ...]]:
    for row in days:
        one = row.sum
        yield row.day, row.version, row.variant, one.activities, one.members, one.points, one.cost, one.sales


def _groups(counted: Figures) -> Iterator[tuple[Cell, ...]]:
    for group in counted.compared.groups:
        yield (
            group.key, _plain(group.share), group.members, group.buyers, group.sales, _plain(group.mean),
            group.before, _plain(group.mean_before),
        )  # fmt: skip


def _effects(counted: Figures) -> Iterator[tuple[Cell, ...]]:
    found = outcome.outcome(counted.compared)
    for pair in (*([found.main] if found.main else []), *found.variants, *found.pairs):
        one, plain, ends = pair.comparison, pair.plain, pair.comparison.relative_interval
        yield (
            pair.one.key, pair.other.key, *map(_plain, (one.difference, one.interval.low, one.interval.high)),
            _plain(one.relative), *((_plain(ends.low), _plain(ends.high)) if ends else ("", "")),
            *map(_plain, (one.p_value, one.detectable)),
            *map(_plain, (plain.difference, plain.interval.low, plain.interval.high)),
        )  # fmt: skip


def _stores(counted: Figures) -> Iterator[tuple[Cell, ...]]:
    for one in counted.stores:
        yield one.store, one.activities, one.members, one.points, one.sales


def _products(counted: Figures) -> Iterator[tuple[Cell, ...]]:
    for one in counted.products:
        yield one.sku, one.name, one.quantity, one.points, one.sales


def _plain(number: float | None) -> Cell:
    """A number as it is, with more digits than anybody needs; not taken for a formula if below zero."""
    return "" if number is None else Decimal(f"{number:.6f}")
