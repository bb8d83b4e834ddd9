"""The filters that lists have in REST, for queries: the same names, meanings and refusals."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import strawberry
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from strawberry.utils.str_converters import to_camel_case

from loyalty.core.api.filters import PartnerFilterSet
from loyalty.core.api.pagination import InvalidFilter
from loyalty.core.models import Program

type Given = tuple[tuple[str, str], ...]
"""The filters of one list, by their names in REST, as they would stand in an address."""

Text = str | None
Moment = datetime | None
Of = Annotated[Text, strawberry.argument(description="Of one member: an id, or as `card:1001`.")]
From = Annotated[Moment, strawberry.argument(description="At that moment or later.")]
Before = Annotated[Moment, strawberry.argument(description="Earlier than that moment.")]


def given(values: Mapping[str, Text | Moment]) -> Given:
    """What was asked for of these; an argument that is null or left out is no filter."""
    told = {name: value for name, value in values.items() if value is not None}
    return tuple((name, _text(value)) for name, value in told.items())


def _text(value: str | datetime) -> str:
    return value.isoformat() if isinstance(value, datetime) else value


def filtered(
    rows: QuerySet[Any], kind: type[PartnerFilterSet], asked: Given, *, program: Program
) -> QuerySet[Any]:
    """
    :raises InvalidFilter: for a value that the list cannot be filtered by
    """
    if not asked:
        return rows
    for name, value in asked:
        if not value:
            raise _refused(name, _("It comes with a value, or not at all."))
    form = kind(program=program, data=dict(asked), queryset=rows)
    for name, problems in form.errors.items():
        raise _refused(name, problems[0])
    found: QuerySet[Any] = form.qs
    return found


def _refused(name: str, problem: str) -> InvalidFilter:
    argument = to_camel_case(name)
    return InvalidFilter(f"{argument}: {problem}", parameter=argument)
