"""The members whom conditions describe, as a statement that counts or lists them."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

import psycopg.errors
from django.db import OperationalError, transaction
from django.utils.translation import gettext_lazy as _

from loyalty.core.db import fetch, planned_by_values
from loyalty.core.errors import DomainError
from loyalty.core.models import Program
from members.models import Member, Segment
from rewards.audience.compiling import condition, of_audience
from rewards.audience.statement import Statement
from rewards.engine.audience import EVERYONE, Audience
from rewards.engine.conditions import Node, leaves

SECONDS_AT_MOST: Final = 3


class TooManyToCount(DomainError):
    """Counting took longer than a page may wait; nothing is wrong with the conditions."""

    code: ClassVar[str] = "too_many_to_count"
    status: ClassVar[int] = 503
    title = _("More than we can count now")


def selection(
    program: Program,
    node: Node | None,
    *,
    at: datetime,
    columns: str = "m.id AS member_id",
    audience: Audience = EVERYONE,
) -> tuple[str, list[Any]]:
    """The active members of an audience who meet the conditions then: a statement and its parameters."""
    keys = named_segments(node) | audience.segments | audience.not_segments
    statement = Statement(program, at=at, segments=_ids(program, keys))
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


def count(program: Program, node: Node | None, *, at: datetime) -> int:
    """
    How many active members meet the conditions.

    :raises TooManyToCount: if that takes longer than a page may wait
    """
    with _bounded():
        ((found,),) = fetch(*selection(program, node, at=at, columns="count(*)"), is_kept=False)
    return int(found)


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


@contextmanager
def _bounded() -> Iterator[None]:
    """
    Statements that have a few seconds each, and are planned for their values.

    :raises TooManyToCount: if those are not enough
    """
    try:
        with transaction.atomic(), planned_by_values():
            fetch(f"SET LOCAL statement_timeout = {SECONDS_AT_MOST * 1000:d}")
            yield
            fetch("SET LOCAL statement_timeout = DEFAULT")
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise TooManyToCount from error
        raise
