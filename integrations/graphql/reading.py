"""
How objects are read: within the caller's scopes, together with their likes, and in pages.

Note [Peers]
~~~~~~~~~~~~
Objects that were read together are peers: the first that is asked for what hangs on it reads that for all
of them. So a hundred members with their wallets take as many statements as one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import strawberry
from django.core import signing
from django.db.models import F, Model, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext as _
from strawberry.extensions import FieldExtension

from integrations.graphql import limits
from loyalty.core.api import auth, refusals
from loyalty.core.api.pagination import InvalidCursor, InvalidFilter, beyond
from loyalty.core.models import Program

_SALT: Final = "integrations.graphql.places"


@dataclass(frozen=True, slots=True)
class Reading:
    """One call: who reads, and the program's present."""

    caller: auth.Caller
    at: datetime

    @property
    def program(self) -> Program:
        return self.caller.program


Info = strawberry.Info[Reading, None]


class Needs(FieldExtension):
    """A field that is null, with an error, for whoever lacks the scope."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    def resolve(self, next_: Callable[..., Any], source: Any, info: strawberry.Info, **given: Any) -> Any:
        if self.scope not in info.context.caller.scopes:
            told = _("The field needs the scope {scope}.").format(scope=self.scope)
            raise refusals.MissingScope(told, scope=self.scope)
        return next_(source, info, **given)


class Peers:
    """The ids of objects that were read together. See Note [Peers]."""

    def __init__(self, ids: Sequence[UUID]) -> None:
        self.ids = list(ids)
        self._found: dict[Any, Any] = {}

    def load[T](self, what: Any, read: Callable[[list[UUID]], Mapping[UUID, T]]) -> Mapping[UUID, T]:
        """By id, what was read for all of them: the first time by `read`. `what` tells it from the rest."""
        if what not in self._found:
            self._found[what] = read(self.ids)
        found: Mapping[UUID, T] = self._found[what]
        return found


@strawberry.type
class PageInfo:
    """Whether there are older ones, and the cursor to ask for them with as `after`."""

    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class Edge[T]:
    """One of a list, with its place there."""

    cursor: str
    node: T


@strawberry.type
class Connection[T]:
    """A page of a list, the newest first."""

    edges: list[Edge[T]]
    nodes: list[T]
    page_info: PageInfo


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for; `name` and the filters tell it from every other list."""

    name: str
    first: int
    after: str | None
    by: tuple[str, ...] = ("id",)
    filters: tuple[Any, ...] = ()

    @property
    def order(self) -> list[str]:
        """The newest first."""
        return [f"-{name}" for name in self.by]

    def edge(self, program: Program) -> list[str] | None:
        """
        The id or number, or moment and id, after which it goes on.

        :raises InvalidFilter: if it is too large
        :raises InvalidCursor: if the cursor is none of this list
        """
        if not 1 <= self.first <= limits.MAXIMUM_FIRST:
            raise InvalidFilter(_("`first` is a number from 1 to 200."), parameter="first")
        if self.after is None:
            return None
        try:
            *of, edge = signing.loads(self.after, salt=_SALT)
        except signing.BadSignature:
            raise InvalidCursor(_("Use the cursors of an answer as they are.")) from None
        if of != self._list(program):
            raise InvalidCursor(_("This cursor belongs to another list, or to other filters."))
        return list(edge)

    def cursor(self, program: Program, row: Model) -> str:
        edge = [str(getattr(row, name)) for name in self.by]
        return signing.dumps([*self._list(program), edge], salt=_SALT, compress=True)

    def _list(self, program: Program) -> list[str]:
        return [self.name, str(program.pk), repr(self.filters)]


Make = Callable[[Any, Peers], Any]


def page(rows: QuerySet[Any], asked: Page, *, program: Program, make: Make) -> Connection[Any]:
    """A page of the program's list, in one statement."""
    rows = _older(rows, asked, program)
    return _connection(list(rows.order_by(*asked.order)[: asked.first + 1]), asked, program, make)


def pages(
    rows: QuerySet[Any], asked: Page, *, program: Program, make: Make, parent: str, ids: list[UUID]
) -> dict[UUID, Connection[Any]]:
    """By parent, a page of what each of them has, in one statement for all."""
    rows = _older(rows.filter(**{f"{parent}__in": ids}), asked, program)
    place = Window(RowNumber(), partition_by=[F(parent)], order_by=asked.order)
    found = list(rows.annotate(place=place).filter(place__lte=asked.first + 1).order_by(*asked.order))
    peers = Peers([row.pk for row in found])
    by_parent: dict[UUID, list[Any]] = {one: [] for one in ids}
    for row in found:
        by_parent[getattr(row, f"{parent}_id")].append(row)
    return {one: _connection(mine, asked, program, make, peers) for one, mine in by_parent.items()}


def lists(rows: QuerySet[Any], *, make: Make, parent: str, ids: list[UUID]) -> dict[UUID, list[Any]]:
    """By parent, the few things that each of them has, in one statement for all."""
    found = list(rows.filter(**{f"{parent}__in": ids}))
    peers = Peers([row.pk for row in found])
    by_parent: dict[UUID, list[Any]] = {one: [] for one in ids}
    for row in found:
        by_parent[getattr(row, f"{parent}_id")].append(make(row, peers))
    return by_parent


def all_of(rows: QuerySet[Any], *, make: Make) -> list[Any]:
    """A short list, whole."""
    found = list(rows)
    peers = Peers([row.pk for row in found])
    return [make(row, peers) for row in found]


def one_of(row: Any, *, make: Make) -> Any:
    """An object alone, if there is one."""
    return None if row is None else make(row, Peers([row.pk]))


def _older(rows: QuerySet[Any], asked: Page, program: Program) -> QuerySet[Any]:
    if (edge := asked.edge(program)) is None:
        return rows
    fields = [rows.model._meta.get_field(name) for name in asked.by]
    values = [field.to_python(value) for field, value in zip(fields, edge, strict=True)]
    return rows.filter(beyond(fields, values, is_newer=False))


def _connection(
    rows: list[Any], asked: Page, program: Program, make: Make, peers: Peers | None = None
) -> Connection[Any]:
    has_more, rows = len(rows) > asked.first, rows[: asked.first]
    peers = peers or Peers([row.pk for row in rows])
    nodes = [make(row, peers) for row in rows]
    cursors = [asked.cursor(program, row) for row in rows]
    edges = [Edge(cursor=cursor, node=node) for cursor, node in zip(cursors, nodes, strict=True)]
    info = PageInfo(has_next_page=has_more, end_cursor=cursors[-1] if cursors else None)
    return Connection(edges=edges, nodes=nodes, page_info=info)
