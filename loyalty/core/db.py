"""
Plans become SQL here: many rows of many tables in one statement.

Note [One statement]
~~~~~~~~~~~~~~~~~~~~
A `Batch` gathers the rows of a plan and writes them as a single `WITH … INSERT … UPDATE …`
statement. It is all or nothing by itself, is one round trip for one sale and for a thousand, and is
prepared once per connection: its text depends on the tables, not on the rows. If it has a guard
(rows that must still have the versions that the decision was made from), nothing at all is written
when the guard fails, and `Moved` asks the journey to load and decide again.

The rows of a table are one parameter, as JSON, which costs Python a fifth of what an array for each
column does: `json_to_recordset` gives every value to its column's own input function.

All parts of such a statement see the tables as they were before it. One batch therefore must not
update a row twice, nor update what it inserts.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from time import monotonic
from typing import Any, Final

import msgspec
import psycopg
from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections, models, transaction
from psycopg.rows import tuple_row

Row = Sequence[Any]


TRIES_WITHOUT_A_LOCK: Final = 2
TRIES_UNDER_A_LOCK: Final = 5


class Moved(Exception):
    """What a plan was decided from has changed meanwhile; nothing was written."""


def settled[T](attempt: Callable[[bool], T], *, races: Collection[str]) -> T:
    """
    Load, decide and write, and again if what was read has moved before it was written.

    `attempt` is told whether to hold a lock on what it reads (it is in a transaction then), which
    it is when it has lost twice. A refusal by one of the constraints `races` is a lost race, too:
    somebody else has just inserted what this one was about to insert.

    :raises Moved: if even a lock did not help, because rows that nobody can lock yet keep appearing
    """
    for tried in range(TRIES_WITHOUT_A_LOCK + TRIES_UNDER_A_LOCK):
        try:
            if tried < TRIES_WITHOUT_A_LOCK:
                return attempt(False)
            with transaction.atomic():
                return attempt(True)
        except Moved:
            continue
        except IntegrityError as error:
            if violated(error) not in races:
                raise
    raise Moved


def violated(error: IntegrityError) -> str | None:
    """The name of the constraint that refused a row."""
    name: str | None = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
    return name


def fetch(sql: str, parameters: Sequence[Any] = (), *, is_kept: bool = True) -> list[tuple[Any, ...]]:
    """
    Run one statement with parameters `$1`, `$2` … bound and planned by the server, and prepared.

    Django binds on the client, which plans each time anew; for the few statements of the hot paths
    that is most of their cost. Counted by `assertNumQueries` like any other query. `is_kept` is for
    statements whose text comes again.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    connection.ensure_connection()
    began = monotonic()
    cursor = _cursor(connection)
    with connection.wrap_database_errors:
        cursor.execute(sql, parameters, prepare=is_kept)
        rows = cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []
    if len(rows) > ROWS_HELD_AT_MOST:
        del vars(connection)["_raw_cursor"]
    if connection.queries_logged:
        connection.queries_log.append({"sql": sql, "time": f"{monotonic() - began:.3f}"})
    return rows


ROWS_HELD_AT_MOST: Final = 1000
"""A cursor holds its last result until it has another."""


def _cursor(connection: Any) -> psycopg.RawCursor[tuple[Any, ...]]:
    """
    The cursor that is kept with a connection, which belongs to one thread.

    A new one would look up again, for each column of each result, how its type is read: a third of what
    Python takes to run a statement.
    """
    kept: psycopg.RawCursor[tuple[Any, ...]] | None = getattr(connection, "_raw_cursor", None)
    if kept is None or kept.connection is not connection.connection:
        kept = connection._raw_cursor = psycopg.RawCursor(connection.connection, row_factory=tuple_row)
    return kept


@contextmanager
def planned_by_values() -> Iterator[None]:
    """
    Inside a transaction: plan these statements for the values that they are given.

    For statements over thousands of rows, whose plan would be poor if it fitted any number of them.
    What the server does by itself, such as checking foreign keys, is better off with kept plans.
    """
    assert connections[DEFAULT_DB_ALIAS].in_atomic_block, "outside a transaction it would not end"
    fetch("SET LOCAL plan_cache_mode = force_custom_plan")
    yield
    fetch("SET LOCAL plan_cache_mode = force_generic_plan")


def refresh_statistics() -> None:
    """
    Let the database look at its tables again, after many rows were written.

    Prepared statements keep their plans until statistics change: one that was planned for an empty
    table would read the full one from end to end. The server does it by itself within some minutes.
    """
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("ANALYZE")


# What a column is told to be; its own length and precision are checked when it is stored.
_TYPES: Final = {
    "UUIDField": "uuid",
    "BigAutoField": "bigint",
    "BigIntegerField": "bigint",
    "PositiveBigIntegerField": "bigint",
    "IntegerField": "integer",
    "PositiveIntegerField": "integer",
    "SmallIntegerField": "smallint",
    "PositiveSmallIntegerField": "smallint",
    "DecimalField": "numeric",
    "BooleanField": "boolean",
    "CharField": "text",
    "TextField": "text",
    "JSONField": "jsonb",
    "BinaryField": "bytea",
    "DateTimeField": "timestamptz",
    "DateField": "date",
}


def _type_of(field: Any) -> str:
    """A key of another table has the type of what it points at."""
    while field.is_relation:
        field = field.target_field
    return _TYPES[field.get_internal_type()]


FEW: Final = 20
"""Rows of one table up to which a statement is planned for few."""


class Table:
    """The columns of a model that a batch fills: given as field names, in the order of its rows."""

    def __init__(self, model: type[models.Model], fields: tuple[str, ...]) -> None:
        described = [model._meta.get_field(name) for name in fields]
        self.name = model._meta.db_table
        self.columns = [str(getattr(field, "column", "")) for field in described]
        self.types = [_type_of(field) for field in described]
        self._binary = [index for index, kind in enumerate(self.types) if kind == "bytea"]

    def source(self, parameter: int, alias: str) -> str:
        """The rows of a parameter as a table in SQL."""
        columns = ", ".join(f"{name} {kind}" for name, kind in zip(self.columns, self.types, strict=True))
        return f"json_to_recordset(${parameter}::json) AS {alias}({columns})"

    def joined(self, parameter: int, alias: str, *, are_few: bool) -> str:
        """
        The same to be joined with what is there.

        Without a word on how many they are, the server plans for a hundred rows, and to find those it reads
        a table of thousands from end to end, for a single sale.
        """
        if not are_few:
            return self.source(parameter, alias)
        return f"(SELECT * FROM {self.source(parameter, 'given')} LIMIT {FEW}) AS {alias}"

    def parameter(self, rows: Sequence[Row]) -> str:
        if self._binary:
            rows = [self._with_hex(row) for row in rows]
        return msgspec.json.encode([dict(zip(self.columns, row, strict=True)) for row in rows]).decode()

    def _with_hex(self, row: Row) -> list[Any]:
        values = list(row)
        for index in self._binary:
            values[index] = "\\x" + values[index].hex()
        return values


@lru_cache(maxsize=256)
def table(model: type[models.Model], fields: tuple[str, ...]) -> Table:
    return Table(model, fields)


class Batch:
    """The rows that one plan writes. See Note [One statement]."""

    def __init__(self) -> None:
        self._guard: tuple[Table, list[Row]] | None = None
        self._draw: tuple[Table, str, list[Row]] | None = None
        self._parts: list[tuple[str, Table, list[Row]]] = []

    def guard(self, model: type[models.Model], fields: tuple[str, ...], rows: Sequence[Row]) -> None:
        """
        Write only if each of these rows is there with these values (the first field is the key).

        Locks the rows in the order of their keys: see Note [The lock] in `members.ledger.store`.
        """
        assert self._guard is None, "a plan has one guard"
        if rows:
            self._guard = table(model, fields), list(rows)

    def insert(self, model: type[models.Model], fields: tuple[str, ...], rows: Sequence[Row]) -> None:
        """New rows; columns that are not named take the database's defaults."""
        if rows:
            self._parts.append(("insert", table(model, fields), list(rows)))

    def update(self, model: type[models.Model], fields: tuple[str, ...], rows: Sequence[Row]) -> None:
        """New values for existing rows; the first field is the key."""
        if rows:
            self._parts.append(("update", table(model, fields), list(rows)))

    def add(self, model: type[models.Model], fields: tuple[str, ...], rows: Sequence[Row]) -> None:
        """Add to columns of existing rows (the first field is the key), whatever they are by then."""
        if rows:
            self._parts.append(("add", table(model, fields), list(rows)))

    def take(self, model: type[models.Model], fields: tuple[str, ...], rows: Sequence[Row]) -> None:
        """Subtract from columns of existing rows (the first field is the key): stock, budgets."""
        if rows:
            self._parts.append(("take", table(model, fields), list(rows)))

    def draw(
        self, model: type[models.Model], fields: tuple[str, str], rows: Sequence[Row], *, up_to: str
    ) -> None:
        """
        Add to one column of existing rows (the first field is the key), no further than their column `up_to`.

        If any row has too little left, nothing at all is written. Locks the rows in the order of their
        keys, after those of the guard and before anything is written.
        """
        assert self._draw is None, "a plan draws from one table"
        if rows:
            self._draw = table(model, fields), up_to, list(rows)

    def write(self) -> None:
        """
        Send the batch as one statement.

        :raises Moved: if the guard failed, or too little was left to draw; nothing was written
        :raises django.db.IntegrityError: if a constraint refused it; nothing was written
        """
        if not self._parts and self._draw is None:
            return
        shape = tuple((verb, part) for verb, part, _ in self._parts)
        guarded, drawn = self._guard, self._draw
        sql = _statement(
            guarded[0] if guarded else None, drawn[:2] if drawn else None, shape, are_few=self._joins_few()
        )
        parameters = [guarded[0].parameter(guarded[1])] if guarded else []
        parameters += [drawn[0].parameter(drawn[2])] if drawn else []
        parameters += [part.parameter(rows) for _, part, rows in self._parts]
        # Inside somebody's transaction a refused statement must not take the transaction with it.
        if connections[DEFAULT_DB_ALIAS].in_atomic_block:
            with transaction.atomic():
                ((goes_ahead,),) = fetch(sql, parameters)
        else:
            ((goes_ahead,),) = fetch(sql, parameters)
        if not goes_ahead:
            raise Moved

    def _joins_few(self) -> bool:
        joined = [rows for verb, _, rows in self._parts if verb != "insert"]
        joined += [held[-1] for held in (self._guard, self._draw) if held]
        return all(len(rows) <= FEW for rows in joined)


@lru_cache(maxsize=512)
def _statement(
    guard: Table | None,
    draw: tuple[Table, str] | None,
    shape: tuple[tuple[str, Table], ...],
    *,
    are_few: bool,
) -> str:
    steps, checks, first = [], [], 1
    if guard is not None:
        same = " AND ".join(f"present.{column} = wanted.{column}" for column in guard.columns)
        wanted = guard.joined(first, "wanted", are_few=are_few)
        steps.append(_locking("guard", guard, first, wanted, same))
        checks.append("(SELECT has_all FROM guard)")
        first += 1
    if draw is not None:
        part, up_to = draw
        key, column = part.columns
        enough = f"present.{key} = wanted.{key} AND present.{column} + wanted.{column} <= present.{up_to}"
        # Locks come one after the other: whoever has moved already must not hold what others draw from.
        wanted = part.joined(first, "wanted", are_few=are_few)
        steps.append(_locking("enough", part, first, wanted, enough, condition=" AND ".join(checks)))
        checks.append("(SELECT has_all FROM enough)")
        shape = (("add", part), *shape)
    steps.append(f"goes AS MATERIALIZED (SELECT {' AND '.join(checks) or 'true'} AS ahead)")
    for position, (verb, part) in enumerate(shape, start=first):
        is_new = verb == "insert"
        source = part.source(position, "new") if is_new else part.joined(position, "new", are_few=are_few)
        steps.append(f"step_{position} AS ({_step(verb, part, source, '(SELECT ahead FROM goes)')})")
    return f"WITH {', '.join(steps)} SELECT ahead FROM goes"


def _locking(name: str, part: Table, parameter: int, wanted: str, same: str, *, condition: str = "") -> str:
    """A step that locks the rows that are as they should be, and says whether those are all."""
    rows = (
        f"SELECT 1 FROM {part.name} AS present JOIN {wanted} ON {same}"
        f"{f' WHERE {condition}' if condition else ''}"
        f" ORDER BY present.{part.columns[0]} FOR UPDATE OF present"
    )
    return (
        f"{name} AS MATERIALIZED (SELECT count(*) = json_array_length(${parameter}::json) AS has_all"
        f" FROM ({rows}) AS locked)"
    )


def _step(verb: str, part: Table, rows: str, condition: str) -> str:
    if verb == "insert":
        columns = ", ".join(part.columns)
        return f"INSERT INTO {part.name} ({columns}) SELECT {columns} FROM {rows} WHERE {condition}"
    key, *others = part.columns
    value = {"update": "new.{0}", "add": "old.{0} + new.{0}", "take": "old.{0} - new.{0}"}[verb]
    changes = ", ".join(f"{column} = {value.format(column)}" for column in others)
    return f"UPDATE {part.name} AS old SET {changes} FROM {rows} WHERE old.{key} = new.{key} AND {condition}"
