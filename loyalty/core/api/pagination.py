"""
Long lists in pages, newest first, by an opaque cursor.

A cursor holds the id (or number, or moment and id) that a page ends at, so that rows that arrive meanwhile
neither shift nor double anything. It is signed together with the list that it belongs to: one that was
altered, or taken to another list, is refused.

A list that can be asked for by a moment is ordered by it: so however far back that is, its page is one
stretch of an index.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.core import signing
from django.db.models import F, Func, Model, QuerySet, TextField, Value
from django.db.models.lookups import GreaterThan, LessThan
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from loyalty.core.api import auth, refusals
from loyalty.core.errors import Extra

LIMIT: Final = 50
MAXIMUM_LIMIT: Final = 200

PARAMETERS: Final = (
    OpenApiParameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MAXIMUM_LIMIT, "default": LIMIT},
        description="How many at most: 1 to 200, 50 if not given.",
    ),
    OpenApiParameter(
        "cursor", {"type": "string", "minLength": 1}, description="From a `next` or `previous` link."
    ),
)

_SALT: Final = "loyalty.core.api.pagination.places"


class InvalidCursor(refusals.BadRequest):
    """The `cursor` was altered or belongs to another list. Follow the `next` and `previous` links."""

    code = "invalid_cursor"
    title = gettext_lazy("The cursor is invalid")


class InvalidFilter(refusals.BadRequest):
    """The address has a parameter that the list does not know, or a value that it cannot be filtered by."""

    code = "invalid_filter"
    title = gettext_lazy("The filter is invalid")
    extras = {
        "parameter": Extra("status", gettext_lazy("The parameter of the address that is at fault")),
    }


@dataclass(frozen=True, slots=True)
class Page[M: Model]:
    """Some rows of a list, newest first, and the addresses of those before and after."""

    rows: list[M]
    next: str | None
    previous: str | None


@dataclass(frozen=True, slots=True)
class _Window:
    """Which part of a list is asked for: what is older (or newer) than an edge, if there is one."""

    limit: int
    edge: list[Any] | None
    is_backward: bool


class _Place(Func):
    """Where a row stands in an order of several fields: compared as one, an index finds it at once."""

    function = "ROW"
    output_field = TextField()


def paginate[M: Model](
    request: Request, rows: QuerySet[M], *, filters: Mapping[str, str], by: Sequence[str] = ("id",)
) -> Page[M]:
    """
    The page of a list that the request asks for by `limit` and `cursor`, in one query.

    `rows` are filtered already by `filters`, as `given()` read them. `by` are the fields that order
    them, the first before the next: together unique among these rows, never changed, and higher in those
    that are newer.

    :raises InvalidCursor: if the cursor is none of this list
    :raises InvalidFilter: if the limit is none
    """
    fields: list[Any] = [rows.model._meta.get_field(name) for name in by]
    window = _window(request, filters, fields)
    if window.edge is not None:
        rows = rows.filter(beyond(fields, window.edge, is_newer=window.is_backward))
    found = list(
        rows.order_by(*(name if window.is_backward else f"-{name}" for name in by))[: window.limit + 1]
    )
    has_more, found = len(found) > window.limit, found[: window.limit]
    if window.is_backward:
        found.reverse()
    has_older = has_more or window.is_backward
    has_newer = has_more if window.is_backward else window.edge is not None
    edges = [[str(getattr(row, name)) for name in by] for row in found]
    return Page(
        found,
        next=_link(request, window, filters, edges[-1], is_backward=False) if found and has_older else None,
        previous=_link(request, window, filters, edges[0], is_backward=True) if found and has_newer else None,
    )


def beyond(fields: Sequence[Any], edge: Sequence[Any], *, is_newer: bool) -> LessThan | GreaterThan:
    """The rows that are newer (or older) than the one whose values of these fields are given."""
    place = _Place(*(F(field.name) for field in fields))
    end = _Place(*(Value(value, field) for value, field in zip(edge, fields, strict=True)))
    return GreaterThan(place, end) if is_newer else LessThan(place, end)


def given(request: Request, *known: str) -> dict[str, str]:
    """
    The filters in the address.

    :raises InvalidFilter: if there is one that the list does not know
    """
    parameters = request._request.GET
    for name in parameters:
        if name not in (takes := {*known, "limit", "cursor"}):
            detail = _("This list knows no parameter {name}, only {known}.")
            detail = detail.format(name=name, known=", ".join(sorted(takes)))
            raise InvalidFilter(detail, parameter=name)
        if len(parameters.getlist(name)) > 1 or not parameters[name]:
            detail = _("{name} comes once, and with a value.").format(name=name)
            raise InvalidFilter(detail, parameter=name)
    return {name: parameters[name] for name in known if name in parameters}


def limit(request: Request) -> int:
    """
    How many rows the address asks for.

    :raises InvalidFilter: if that is no number, or too many
    """
    asked = request._request.GET.get("limit", str(LIMIT))
    if not (asked.isascii() and asked.isdigit() and len(asked) < 4 and 1 <= int(asked) <= MAXIMUM_LIMIT):
        raise InvalidFilter(_("A limit is a number from 1 to 200."), parameter="limit")
    return int(asked)


def _window(request: Request, filters: Mapping[str, str], fields: Sequence[Any]) -> _Window:
    size = limit(request)
    if (cursor := request._request.GET.get("cursor")) is None:
        return _Window(size, edge=None, is_backward=False)
    try:
        is_backward, edge, of = signing.loads(cursor, salt=_SALT)
    except signing.BadSignature:
        raise InvalidCursor(_("Follow the next and previous links as they are.")) from None
    if of != _list(request, filters):
        raise InvalidCursor(_("This cursor belongs to another list, or to other filters."))
    values = [field.to_python(value) for field, value in zip(fields, edge, strict=True)]
    return _Window(size, edge=values, is_backward=is_backward)


def _list(request: Request, filters: Mapping[str, str]) -> list[Any]:
    return [request._request.path, str(auth.caller(request).program.pk), sorted(map(list, filters.items()))]


def _link(
    request: Request, window: _Window, filters: Mapping[str, str], edge: list[str], *, is_backward: bool
) -> str:
    cursor = signing.dumps([is_backward, edge, _list(request, filters)], salt=_SALT, compress=True)
    query = urlencode({**filters, "limit": window.limit, "cursor": cursor})
    return f"{settings.BASE_URL}{request._request.path}?{query}"
