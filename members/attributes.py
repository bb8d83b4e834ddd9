"""Whether what is told about a member fits what the program has declared of its attributes."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core.errors import InvalidInput
from loyalty.core.models import Program
from members.models import AttributeKind, AttributeOwner, AttributeType

AT_MOST: Final = 50

# As conditions read numbers and days: see `rewards.engine.facts`.
_NUMBER: Final = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def declared(program: Program) -> dict[str, str]:
    """The kind of each attribute that the program has declared of its members, by name."""
    kinds = AttributeType.objects.of(program).filter(owner=AttributeOwner.MEMBER)
    return dict(kinds.values_list("name", "type"))


def misfit(attributes: Mapping[str, Any], kinds: Mapping[str, str]) -> InvalidInput | None:
    """
    What is wrong with the attributes, if anything; `kinds` are those that are declared.

    What is not declared may have any value, and nothing at all (None) fits everything.
    """
    if len(attributes) > AT_MOST:
        return InvalidInput(
            _("A member has at most {number} attributes.").format(number=AT_MOST), pointer="#/attributes"
        )
    for name, value in attributes.items():
        kind = kinds.get(name)
        if kind is not None and value is not None and not _FITS[kind](value):
            detail = _("The attribute {name} is declared differently: {expected}")
            told = detail.format(name=name, expected=_EXPECTED[kind])
            return InvalidInput(told, pointer=f"#/attributes/{name}")
    return None


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return _NUMBER.fullmatch(value) is not None
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**12


def _is_day(value: Any) -> bool:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


_FITS: Final[Mapping[str, Callable[[Any], bool]]] = {
    AttributeKind.TEXT: lambda value: isinstance(value, str),
    AttributeKind.NUMBER: _is_number,
    AttributeKind.DATE: _is_day,
    AttributeKind.BOOLEAN: lambda value: isinstance(value, bool),
    AttributeKind.SET: lambda value: isinstance(value, str | list | tuple),
}
_EXPECTED: Final[Mapping[str, Any]] = {
    AttributeKind.TEXT: gettext_lazy("a text."),
    AttributeKind.NUMBER: gettext_lazy("a whole number, or a text such as “12.5” with up to 6 decimals."),
    AttributeKind.DATE: gettext_lazy("a day, as “2026-06-01”."),
    AttributeKind.BOOLEAN: gettext_lazy("true or false."),
    AttributeKind.SET: gettext_lazy("a list of texts."),
}
