"""The members whom conditions describe, as a statement that counts or lists them."""

from collections.abc import Collection, Iterator, Sequence
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
    ((found,),) = bounded(*selection(program, node, at=at, columns="count(*)"))
    return int(found)


def sample(program: Program, node: Node | None, *, at: datetime, at_most: int) -> list[Member]:
    """
    Some of the members who meet the conditions, those who enrolled last first.

    :raises TooManyToCount: if that takes longer than a page may wait
    """
    text, parameters = selection(program, node, at=at)
    rows = bounded(f"{text} ORDER BY m.id DESC LIMIT {at_most:d}", parameters)
    members = Member.objects.of(program).in_bulk([member_id for (member_id,) in rows])
    return [members[member_id] for (member_id,) in rows]


def bounded(text: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """
    The rows of a statement that has a few seconds.

    :raises TooManyToCount: if those are not enough
    """
    try:
        with _within(SECONDS_AT_MOST), planned_by_values():
            return fetch(text, parameters, is_kept=False)
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise TooManyToCount from error
        raise


@contextmanager
def _within(seconds: int) -> Iterator[None]:
    with transaction.atomic():
        fetch(f"SET LOCAL statement_timeout = {seconds * 1000:d}")
        yield
        fetch("SET LOCAL statement_timeout = DEFAULT")
