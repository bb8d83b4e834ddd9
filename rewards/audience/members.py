"""The members whom conditions describe, as a statement that counts or lists them."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

import psycopg.errors
from django.db import OperationalError, transaction
from django.utils.translation import gettext_lazy as _
from msgspec import Struct

from loyalty.core.db import fetch, planned_by_values
from loyalty.core.errors import DomainError
from loyalty.core.models import Program
from members.models import Member, Segment
from rewards.audience.compiling import condition, of_audience, part
from rewards.audience.statement import Statement
from rewards.engine.assignment import CONTROL, PARTS
from rewards.engine.audience import EVERYONE, Audience
from rewards.engine.conditions import Node, leaves

MILLISECONDS_AT_MOST: Final = 3_000


class TooManyToCount(DomainError):
    """Counting took longer than a page may wait; nothing is wrong with the conditions."""

    code: ClassVar[str] = "too_many_to_count"
    status: ClassVar[int] = 503
    title = _("More than we can count now")


class Reach(Struct, frozen=True):
    """Members of a campaign's audience, and how many of them its control group holds out."""

    members: int
    held_out: int


def selection(
    program: Program,
    node: Node | None,
    *,
    at: datetime,
    columns: str = "m.id AS member_id",
    audience: Audience = EVERYONE,
) -> tuple[str, list[Any]]:
    """The active members of an audience who meet the conditions then: a statement and its parameters."""
    statement = _statement(program, node, audience, at=at)
    return _selected(statement, node, audience, columns)


def _statement(program: Program, node: Node | None, audience: Audience, *, at: datetime) -> Statement:
    keys = named_segments(node) | audience.segments | audience.not_segments
    return Statement(program, at=at, segments=_ids(program, keys))


def _selected(
    statement: Statement, node: Node | None, audience: Audience, columns: str
) -> tuple[str, list[Any]]:
    meets = f"{condition(node, statement)} AND {of_audience(audience, statement)}"
    return statement.select(columns, meets), statement.parameters


def named_segments(node: Node | None) -> frozenset[str]:
    """The keys of the segments that conditions name."""
    named = (leaf.operand for leaf in leaves(node) if leaf.fact.key == "member.segments")
    return frozenset(key for keys in named for key in keys)


def _ids(program: Program, keys: Collection[str]) -> dict[str, UUID]:
    if not keys:
        return {}
    return dict(Segment.objects.of(program).filter(key__in=keys).values_list("key", "pk"))


def count(program: Program, node: Node | None, *, at: datetime, audience: Audience = EVERYONE) -> int:
    """
    How many active members of an audience meet the conditions.

    :raises TooManyToCount: if that takes longer than a page may wait
    """
    counting = selection(program, node, at=at, columns="count(*)", audience=audience)
    ((found,),) = bounded(*counting)
    return int(found)


def reach(
    program: Program, audience: Audience, node: Node | None = None, *, campaign_key: str, at: datetime
) -> Reach:
    """
    Whom a campaign is for, and who of them is held out from it.

    :raises TooManyToCount: if that takes longer than a page may wait
    """
    statement = _statement(program, node, audience, at=at)
    limit = statement.give(audience.control_percent * PARTS // 100, "bigint")
    is_held_out = f"{part(CONTROL, campaign_key, statement)} < {limit}"
    columns = f"count(*), count(*) FILTER (WHERE {is_held_out})"
    ((found, held_out),) = bounded(*_selected(statement, node, audience, columns))
    return Reach(int(found), int(held_out))


def sample(program: Program, node: Node | None, *, at: datetime, at_most: int) -> tuple[int, list[Member]]:
    """
    How many members meet the conditions, and some of them, those who enrolled last first.

    :raises TooManyToCount: if that takes longer than a page may wait
    """
    text, parameters = selection(program, node, at=at)
    with _bounded():
        ((number,),) = fetch(*selection(program, node, at=at, columns="count(*)"), is_kept=False)
        rows = fetch(f"{text} ORDER BY m.id DESC LIMIT {at_most:d}", parameters, is_kept=False)
    members = Member.objects.of(program).in_bulk([member_id for (member_id,) in rows])
    return int(number), [members[member_id] for (member_id,) in rows]


def bounded(text: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """
    The rows of a statement that has a few seconds.

    :raises TooManyToCount: if those are not enough
    """
    with _bounded():
        return fetch(text, parameters, is_kept=False)


@contextmanager
def _bounded() -> Iterator[None]:
    """
    Statements that have a few seconds each, and are planned for their values.

    :raises TooManyToCount: if those are not enough
    """
    try:
        with transaction.atomic(), planned_by_values():
            fetch(f"SET LOCAL statement_timeout = {MILLISECONDS_AT_MOST:d}")
            yield
            fetch("SET LOCAL statement_timeout = DEFAULT")
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise TooManyToCount from error
        raise
