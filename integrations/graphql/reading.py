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
from typing import Annotated, Any, Final
from uuid import UUID

import strawberry
from django.contrib.postgres.expressions import ArraySubquery
from django.core import signing
from django.db.models import F, Func, Model, OuterRef, QuerySet
from django.utils.translation import gettext as _
from strawberry.extensions import FieldExtension

from integrations.graphql import limits
from integrations.graphql.filtering import Given
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
    """A field that is null, with an error, for whoever has none of the scopes that are enough."""

    def __init__(self, *enough: str) -> None:
        self.enough = enough

    def resolve(self, next_: Callable[..., Any], source: Any, info: strawberry.Info, **given: Any) -> Any:
        if info.context.caller.scopes.isdisjoint(self.enough):
            told = _("The field needs the scope {scope}.").format(scope=_(" or ").join(self.enough))
            raise refusals.MissingScope(told, scope=self.enough[0])
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

    nodes: list[T]
    page_info: PageInfo
    cursors: strawberry.Private[Callable[[], list[str]]]

    @strawberry.field
    def edges(self) -> list[Edge[T]]:
        return [Edge(cursor=one, node=node) for one, node in zip(self.cursors(), self.nodes, strict=True)]


@dataclass(frozen=True, slots=True)
class Page:
    """
    Which part of a list is asked for; `name` and the filters tell it from every other list.

    `by` are the fields that order it, together unique. The list goes from the highest to the lowest.
    """

    name: str
    first: int
    after: str | None
    by: tuple[str, ...] = ("id",)
    filters: Given = ()

    @property
    def order(self) -> tuple[str, ...]:
        return tuple(f"-{field}" for field in self.by)

    def older(self, rows: QuerySet[Any], program: Program) -> QuerySet[Any]:
        """
        Those after the cursor, if there is one.

        :raises InvalidFilter: if too many are asked for
        :raises InvalidCursor: if the cursor is none of this list
        """
        if not 1 <= self.first <= limits.MAXIMUM_FIRST:
            raise InvalidFilter(_("`first` is a number from 1 to 200."), parameter="first")
        if self.after is None:
            return rows
        try:
            *of, edge = signing.loads(self.after, salt=_SALT)
        except signing.BadSignature:
            raise InvalidCursor(_("Use the cursors of an answer as they are.")) from None
        if of != self._list(program):
            raise InvalidCursor(_("This cursor belongs to another list, or to other filters."))
        fields = [rows.model._meta.get_field(name) for name in self.by]
        values = [field.to_python(value) for field, value in zip(fields, edge, strict=True)]
        return rows.filter(beyond(fields, values, is_newer=False))

    def cursor(self, program: Program, row: Model) -> str:
        edge = [str(getattr(row, field)) for field in self.by]
        return signing.dumps([*self._list(program), edge], salt=_SALT, compress=True)

    def _list(self, program: Program) -> list[str]:
        return [self.name, str(program.pk), repr(self.filters)]


Make = Callable[[Any, Peers], Any]
First = Annotated[int, strawberry.argument(description="How many at most: 1 to 200.")]
After = Annotated[str | None, strawberry.argument(description="The cursor of the last one that is known.")]


def page(rows: QuerySet[Any], asked: Page, *, program: Program, make: Make) -> Connection[Any]:
    """A page of the program's list, in one statement."""
    rows = asked.older(rows, program)
    return _connection(list(rows.order_by(*asked.order)[: asked.first + 1]), asked, program, make)


def pages(
    rows: QuerySet[Any],
    asked: Page,
    *,
    program: Program,
    make: Make,
    of: type[Any],
    ids: list[UUID],
    parent: str,
) -> dict[UUID, Connection[Any]]:
    """
    By parent (an `of`; `parent` leads there from a row), a page of what each has: one statement for all.

    Of each parent only the first rows are read, in an index that has them in order: some have thousands.
    """
    first = asked.older(rows, program).filter(**{parent: OuterRef("pk")}).order_by(*asked.order)
    chosen = Func(ArraySubquery(first.values("pk")[: asked.first + 1]), function="unnest")
    shown = of.objects.of(program).filter(pk__in=ids).values_list(chosen)
    found = list(rows.filter(pk__in=shown).annotate(parent_id=F(parent)).order_by(*asked.order))
    peers = Peers([row.pk for row in found])
    by_parent: dict[UUID, list[Any]] = {one: [] for one in ids}
    for row in found:
        by_parent[row.parent_id].append(row)
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


def _connection(
    rows: list[Any], asked: Page, program: Program, make: Make, peers: Peers | None = None
) -> Connection[Any]:
    has_more, rows = len(rows) > asked.first, rows[: asked.first]
    peers = peers or Peers([row.pk for row in rows])
    nodes = [make(row, peers) for row in rows]
    end = asked.cursor(program, rows[-1]) if rows else None

    def cursors() -> list[str]:
        return [asked.cursor(program, row) for row in rows]

    info = PageInfo(has_next_page=has_more, end_cursor=end)
    return Connection(nodes=nodes, page_info=info, cursors=cursors)
