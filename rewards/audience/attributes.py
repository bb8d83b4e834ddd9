"""
Attributes of members, which may be of any type, as conditions of SQL.

A condition may say of which type an attribute is (`rewards.engine.catalogue.ATTRIBUTE_TYPES`): a value of
another one is then not known. Without that, it is compared by the type of the value.
"""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, Final

import orjson

from rewards.audience.comparing import compared
from rewards.audience.statement import Statement
from rewards.engine.conditions import Leaf


def condition(value: str, leaf: Leaf, s: Statement) -> str:
    """A condition about `value`, an expression of type jsonb."""
    match leaf.fact.type:
        case "attribute":
            return _UNTYPED.get(leaf.operator, _ordered)(value, leaf, s)
        case "set":
            return _of_set(value, leaf, s)
        case known:
            kind, read = _TYPED[known]
            operand = _days(leaf.operand) if known == "date" else leaf.operand
            return compared(f"({read.format(value)})", leaf.operator, operand, kind=kind, s=s)


def _days(operand: Any) -> Any:
    """Days as the text that they are compared as."""
    if isinstance(operand, tuple):
        return tuple(day.isoformat() for day in operand)
    return operand.isoformat() if isinstance(operand, date) else operand


_TEXT: Final = "CASE jsonb_typeof({0}) WHEN 'string' THEN {0} #>> '{{}}' END"
_BOOLEAN: Final = "CASE jsonb_typeof({0}) WHEN 'boolean' THEN ({0})::boolean END"
# As `rewards.engine.facts.number_in` reads numbers.
_NUMBER: Final = (
    "CASE jsonb_typeof({0}) WHEN 'number' THEN ({0})::numeric"
    " WHEN 'string' THEN CASE WHEN ({0} #>> '{{}}') ~ '^-?[0-9]{{1,12}}(\\.[0-9]{{1,6}})?$'"
    " THEN ({0} #>> '{{}}')::numeric END END"
)
# Days that are there, as Python's calendar has them from year 1 on. They sort as text, and no text that
# is none is cast, which would end the statement.
_IS_A_DAY: Final = (
    "^(?!0000)("
    "[0-9]{{4}}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
    "|([0-9]{{2}}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)$"
)
_DATE: Final = (
    "CASE WHEN jsonb_typeof({0}) = 'string' AND ({0} #>> '{{}}') ~ '" + _IS_A_DAY + "'"
    " THEN ({0} #>> '{{}}') COLLATE \"C\" END"
)
_TYPED: Final = {
    "text": ("text", _TEXT),
    "decimal": ("numeric", _NUMBER),
    "date": ("text", _DATE),
    "boolean": ("boolean", _BOOLEAN),
}


def _of_set(value: str, leaf: Leaf, s: Statement) -> str:
    """A text is a set of one; what is neither text nor list is an empty one."""
    operator = "?&" if leaf.operator == "has_all" else "?|"
    operands = s.give(list(leaf.operand), "text[]")
    has = f"jsonb_typeof({value}) IN ('string', 'array') AND {value} {operator} {operands}"
    return f"NOT coalesce({has}, false)" if leaf.operator == "has_none" else has


_IS_SCALAR: Final = "jsonb_typeof({0}) IN ('string', 'number', 'boolean')"


def _ordered(value: str, leaf: Leaf, s: Statement) -> str:
    return compared(f"({_NUMBER.format(value)})", leaf.operator, leaf.operand, kind="numeric", s=s)


def _known(value: str, leaf: Leaf, s: Statement) -> str:
    is_known = f"coalesce({_IS_SCALAR.format(value)} AND {value} <> '\"\"', false)"
    return f"{is_known} = {s.give(leaf.operand, 'boolean')}"


def _one_of(value: str, leaf: Leaf, s: Statement) -> str:
    operands = leaf.operand if isinstance(leaf.operand, frozenset) else [leaf.operand]
    return f"{value} = ANY({s.give([_json(one) for one in operands], 'text[]')}::jsonb[])"


def _none_of(value: str, leaf: Leaf, s: Statement) -> str:
    return f"{_IS_SCALAR.format(value)} AND NOT {_one_of(value, leaf, s)}"


_UNTYPED: Final[dict[str, Callable[[str, Leaf, Statement], str]]] = {
    "eq": _one_of,
    "in": _one_of,
    "ne": _none_of,
    "not_in": _none_of,
    "known": _known,
}


def _json(value: str | bool | Decimal) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else orjson.dumps(value).decode()
