"""
Filters of lists, said once: they filter, they are described in the docs, and nothing else is taken.

A parameter that the list does not know, comes twice, is blank or cannot be read is refused by name: a
typing error must not show everything.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import django_filters
import msgspec
from django import forms
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from loyalty.core.api import auth, pagination
from loyalty.core.api.pagination import InvalidFilter
from loyalty.core.clock import Moment
from loyalty.core.models import Program


def moment(text: str) -> datetime:
    """
    A moment as addresses have it, such as 2026-06-01T00:00:00Z, by UTC.

    Where UTC is beyond the years that there are, it is their first or last moment.

    :raises ValueError: if it is none, or has no offset
    """
    try:
        # A plus that was not escaped arrives as a blank.
        read: datetime = msgspec.convert(text.replace(" ", "+"), Moment)
    except msgspec.ValidationError:
        raise ValueError(_("This is a moment with its offset, as 2026-06-01T00:00:00Z.")) from None
    try:
        # PostgreSQL reads no offsets beyond 16 hours.
        return read.astimezone(UTC)
    except OverflowError:
        return (datetime.min if read.year == 1 else datetime.max).replace(tzinfo=UTC)


class MomentField(forms.Field):
    def to_python(self, value: Any) -> datetime | None:
        if not value:
            return None
        try:
            return moment(value)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


class MomentFilter(django_filters.Filter):  # type: ignore[misc]  # untyped
    """A moment with its offset: `MomentFilter("recorded_at", "gte")` for `…_from`, `lt` for `…_before`."""

    field_class = MomentField
    schema: Final = {"type": "string", "format": "date-time"}


class ChoiceFilter(django_filters.ChoiceFilter):  # type: ignore[misc]  # untyped
    """One of `choices`; a refusal names them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        names = ", ".join(str(value) for value, _label in _pairs(kwargs["choices"]))
        messages = {"invalid_choice": _("This is one of {names}.").format(names=names)}
        super().__init__(*args, error_messages=messages, **kwargs)

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": [value for value, _label in _pairs(self.extra["choices"])]}


class BooleanFilter(ChoiceFilter):
    """`true` or `false`, and nothing that merely looks like it."""

    schema: Final = {"type": "boolean"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, choices=[("true", ""), ("false", "")], **kwargs)

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        return super().filter(qs, value and value == "true")  # type: ignore[no-any-return]  # untyped


class TextFilter(django_filters.CharFilter):  # type: ignore[misc]  # untyped
    """A text as it is stored, of at most 254 characters."""

    schema: ClassVar[dict[str, Any]] = {"type": "string", "minLength": 1, "maxLength": 254}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, max_length=self.schema["maxLength"], strip=False, **kwargs)


class IdFilter(django_filters.UUIDFilter):  # type: ignore[misc]  # untyped
    """One of our ids."""

    schema: Final = {"type": "string", "format": "uuid"}


class PartnerFilterSet(django_filters.FilterSet):  # type: ignore[misc]  # untyped
    """
    The filters of one list: each of the kinds above, with a `label` that says in the docs what it does.

    `self.program` is the caller's program, for filters that have to look something up in it.
    """

    def __init__(self, *, program: Program, data: Mapping[str, str], queryset: QuerySet[Any]) -> None:
        self.program = program
        super().__init__(data=data, queryset=queryset)


def apply[M: Model](
    request: Request, kind: type[PartnerFilterSet], rows: QuerySet[M]
) -> tuple[QuerySet[M], dict[str, str]]:
    """
    The rows that the address asks for, and its filters, for `pagination.paginate()`.

    :raises InvalidFilter: for a parameter that the list does not know or that cannot be read
    """
    given = pagination.given(request, *kind.base_filters)
    asked = kind(program=auth.caller(request).program, data=given, queryset=rows)
    for name, problems in asked.errors.items():
        raise InvalidFilter(f"{name}: {problems[0]}", parameter=name)
    return asked.qs, given


def parameters(kind: type[PartnerFilterSet]) -> tuple[OpenApiParameter, ...]:
    """What the docs say about the filters."""
    return tuple(_described(name, filter_) for name, filter_ in kind.base_filters.items())


def _described(name: str, filter_: Any) -> OpenApiParameter:
    schema = getattr(filter_, "schema", {"type": "string"})
    return OpenApiParameter(name, schema, description=str(filter_.label))


def _pairs(choices: Any) -> Iterator[tuple[Any, Any]]:
    yield from getattr(choices, "choices", choices)
