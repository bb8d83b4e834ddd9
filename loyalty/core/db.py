"""
Plans become SQL here: many rows of many tables in one statement, rows as arrays.

Note [One statement]
~~~~~~~~~~~~~~~~~~~~
A `Batch` gathers the rows of a plan and writes them as a single `WITH … INSERT … UPDATE …`
statement. It is all or nothing by itself, is one round trip for one sale and for a thousand, and is
prepared once per connection: its text depends on the tables, not on the rows. If it has a guard
(rows that must still have the versions that the decision was made from), nothing at all is written
when the guard fails, and `Moved` asks the journey to load and decide again.

All parts of such a statement see the tables as they were before it. One batch therefore must not
update a row twice, nor update what it inserts.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from functools import lru_cache
from time import monotonic
from typing import Any, Final

import msgspec
import psycopg
from django.db import connection, models, transaction
from psycopg.rows import tuple_row

Row = Sequence[Any]


class Moved(Exception):
    """What a plan was decided from has changed meanwhile; nothing was written."""


def fetch(sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """
    Run one statement with parameters `$1`, `$2` … bound and planned by the server, and prepared.

    Django binds on the client, which plans each time anew; for the few statements of the hot paths
    that is most of their cost. Counted by `assertNumQueries` like any other query.
    """
    connection.ensure_connection()
    began = monotonic()
    with connection.wrap_database_errors, psycopg.RawCursor(connection.connection, row_factory=tuple_row) as cursor:
        cursor.execute(sql, parameters, prepare=True)
        rows = cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []
    if connection.queries_logged:
        connection.queries_log.append({"sql": sql, "time": f"{monotonic() - began:.3f}"})
    return rows


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _json(value: Any) -> str:
    return _quoted(msgspec.json.encode(value).decode())


def _moment(value: datetime | date) -> str:
    return value.isoformat()


def _bytes(value: bytes) -> str:
    return '"\\\\x' + value.hex() + '"'


_FORMATS: Final[dict[str, tuple[str, Callable[[Any], str]]]] = {
    "UUIDField": ("uuid", str),
    "ForeignKey": ("uuid", str),
    "OneToOneField": ("uuid", str),
    "BigIntegerField": ("bigint", str),
    "PositiveBigIntegerField": ("bigint", str),
    "IntegerField": ("integer", str),
    "PositiveIntegerField": ("integer", str),
    "SmallIntegerField": ("smallint", str),
    "DecimalField": ("numeric", str),
    "BooleanField": ("boolean", str),
    "CharField": ("text", _quoted),
    "TextField": ("text", _quoted),
    "JSONField": ("jsonb", _json),
    "BinaryField": ("bytea", _bytes),
    "DateTimeField": ("timestamptz", _moment),
    "DateField": ("date", _moment),
}

_TEXTS: Final[dict[str, Callable[[Any], str]]] = dict(_FORMATS.values())


def array(kind: str, values: Iterable[Any]) -> str:
    """An array literal for a parameter `$1::kind[]`; psycopg's own way costs ten times as much."""
    text = _TEXTS[kind]
    return "{" + ",".join(["NULL" if value is None else text(value) for value in values]) + "}"


class Table:
    """How rows of a model are turned into array literals: for its columns as field names, in order."""

    def __init__(self, model: type[models.Model], fields: tuple[str, ...]) -> None:
        described = [model._meta.get_field(name) for name in fields]
        self.name = model._meta.db_table
        self.columns = [str(getattr(field, "column", "")) for field in described]
        self.types = [_FORMATS[field.get_internal_type()][0] for field in described]

    def arrays(self, rows: Iterable[Row]) -> list[str]:
        """One array literal a column."""
        return [array(kind, column) for kind, column in zip(self.types, zip(*rows, strict=True), strict=True)]


@lru_cache(maxsize=256)
def table(model: type[models.Model], fields: tuple[str, ...]) -> Table:
    return Table(model, fields)


class Batch:
    """The rows that one plan writes. See Note [One statement]."""

    def __init__(self) -> None:
        self._guard: tuple[Table, list[Row]] | None = None
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

    def take(self, model: type[models.Model], fields: tuple[str, ...], rows: Sequence[Row]) -> None:
        """Subtract from columns of existing rows (the first field is the key): stock, budgets."""
        if rows:
            self._parts.append(("take", table(model, fields), list(rows)))

    def write(self) -> None:
        """
        Send the batch as one statement.

        :raises Moved: if the guard failed; nothing was written
        :raises django.db.IntegrityError: if a constraint refused it; nothing was written
        """
        if not self._parts:
            return
        shape = tuple((verb, part) for verb, part, _ in self._parts)
        guarded = self._guard
        sql = _statement(guarded[0] if guarded else None, shape)
        parameters = guarded[0].arrays(guarded[1]) if guarded else []
        for _, part, rows in self._parts:
            parameters.extend(part.arrays(rows))
        # Inside somebody's transaction a refused statement must not take the transaction with it.
        if connection.in_atomic_block:
            with transaction.atomic():
                ((held,),) = fetch(sql, parameters)
        else:
            ((held,),) = fetch(sql, parameters)
        if guarded and held != len(guarded[1]):
            raise Moved


@lru_cache(maxsize=512)
def _statement(guard: Table | None, shape: tuple[tuple[str, Table], ...]) -> str:
    number = 0

    def source(part: Table, alias: str) -> str:
        nonlocal number
        arrays = []
        for kind in part.types:
            number += 1
            arrays.append(f"${number}::{kind}[]")
        return f"unnest({', '.join(arrays)}) AS {alias}({', '.join(part.columns)})"

    steps, condition, answer = [], "true", "0"
    if guard is not None:
        rows = source(guard, "wanted")
        same = " AND ".join(f"present.{column} = wanted.{column}" for column in guard.columns)
        steps.append(
            f"guard AS MATERIALIZED (SELECT count(*) AS held FROM (SELECT 1 FROM {guard.name} AS present"
            f" JOIN {rows} ON {same} ORDER BY present.{guard.columns[0]} FOR UPDATE OF present) AS locked),"
            " goes AS MATERIALIZED (SELECT held = cardinality($1) AS ahead FROM guard)"
        )
        condition, answer = "(SELECT ahead FROM goes)", "(SELECT held FROM guard)"
    for position, (verb, part) in enumerate(shape):
        steps.append(f"step_{position} AS ({_step(verb, part, source(part, 'new'), condition)})")
    return f"WITH {', '.join(steps)} SELECT {answer}"


def _step(verb: str, part: Table, rows: str, condition: str) -> str:
    if verb == "insert":
        columns = ", ".join(part.columns)
        return f"INSERT INTO {part.name} ({columns}) SELECT {columns} FROM {rows} WHERE {condition}"
    key, *others = part.columns
    value = "new.{0}" if verb == "update" else "old.{0} - new.{0}"
    changes = ", ".join(f"{column} = {value.format(column)}" for column in others)
    return f"UPDATE {part.name} AS old SET {changes} FROM {rows} WHERE old.{key} = new.{key} AND {condition}"
