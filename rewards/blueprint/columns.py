"""A column of a thing: its name in the file, how it is read there, and what it is called."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from rewards.blueprint.faults import Faults
from rewards.blueprint.reading import Node, Scalar, plain

_INTEGER: Final = re.compile(r"-?[0-9]{1,18}\Z", re.ASCII)
_DECIMAL: Final = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?\Z", re.ASCII)

type Values = dict[str, Any]
"""A thing by the names of its columns, with all of them; what it refers to is a key."""


class Unreadable(Exception):
    """The text is not of the column's type; the message says what would be."""


class Column:
    """One field of a model, as it stands in the file. What is not there has the field's usual value."""

    def __init__(self, model: type[models.Model], name: str, attribute: str = "") -> None:
        self.name = name
        self.attribute = attribute or name
        self.field: models.Field[Any, Any] = model._meta.get_field(self.attribute)  # type: ignore[assignment]
        self.is_reference = isinstance(self.field, models.ForeignKey)

    @property
    def label(self) -> str:
        return capfirst(str(self.field.verbose_name))

    @property
    def usual(self) -> Any:
        """The value of what does not say it; `None` also where it has to be said."""
        if self.is_reference or not (self.field.has_default() or self.field.blank):
            return None
        return self.told(self.field.to_python(self.field.get_default()))

    @property
    def is_needed(self) -> bool:
        return not (self.field.has_default() or self.field.blank or self.field.null)

    def of(self, row: models.Model) -> Any:
        """The row's value as it stands in the file."""
        if self.is_reference:
            target = getattr(row, self.attribute)
            return None if target is None else target.key
        return self.told(getattr(row, self.attribute))

    def stored(self, value: Any) -> Any:
        """What a row holds for a value of the file."""
        return value

    def told(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        if isinstance(value, bool | Decimal | date | dict | list | None):
            return value
        return int(value) if isinstance(value, int) else str(value)

    def read(self, node: Node, faults: Faults) -> Any:
        """The value in the file; what is wrong with it is noted, and it counts as not said."""
        value = None
        try:
            value = self._parsed(node)
            self._clean(value)
        except Unreadable as error:
            faults.add(node.line, node.path, error)
        except ValidationError as error:
            faults.add(node.line, node.path, self._refusal(value, error))
        else:
            return value
        return self.usual

    def _clean(self, value: Any) -> None:
        if not self.is_reference:
            self.field.clean(value, None)

    def _refusal(self, value: Any, error: ValidationError) -> str:
        if self.field.choices and not self.is_reference:
            known = ", ".join(str(key) for key, _label in self.field.flatchoices)
            return _("“%(value)s” is none of: %(known)s.") % {"value": value, "known": known}
        return " ".join(error.messages)

    def _parsed(self, node: Node) -> Any:
        if isinstance(self.field, models.JSONField):
            return without_nothing(plain(node))
        if not isinstance(node.value, Scalar):
            raise Unreadable(_("Here stands one value, not a list of them."))
        if node.value.is_nothing:
            if self.field.null:
                return None
            raise Unreadable(_("Say what it is, or leave the line out."))
        return self._from_text(node.value.text)

    def _from_text(self, text: str) -> Any:
        match self.field:
            case models.BooleanField():
                return _one_of({"true": True, "false": False}, text)
            case models.DateTimeField():
                return _instant(text)
            case models.DateField():
                return _day(text)
            case models.DecimalField():
                return Decimal(_matching(_DECIMAL, text, _("Write a number, such as 0.01.")))
            case models.IntegerField():
                return int(_matching(_INTEGER, text, _("Write a whole number.")))
        return text


def _one_of(known: Mapping[str, Any], text: str) -> Any:
    if text not in known:
        raise Unreadable(
            _("“%(found)s” is none of: %(known)s.") % {"found": text[:60], "known": ", ".join(known)}
        )
    return known[text]


def _matching(pattern: re.Pattern[str], text: str, otherwise: str) -> str:
    if not pattern.match(text):
        raise Unreadable(otherwise)
    return text


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Unreadable(_("Write a day, such as 2026-12-31.")) from None


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.utcoffset() is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Unreadable(_("Write a moment with its time zone, such as 2026-12-31T18:00:00+01:00."))


def without_nothing(value: Any) -> Any:
    """JSON without the keys that say nothing: a schedule with no end is one that names no end."""
    if isinstance(value, Mapping):
        return {key: without_nothing(child) for key, child in value.items() if child is not None}
    return [without_nothing(child) for child in value] if isinstance(value, list) else value
