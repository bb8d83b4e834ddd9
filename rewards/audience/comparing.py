"""Operators of conditions as operators of SQL."""

from typing import Any, Final

from rewards.audience.statement import Statement

_COMPARED: Final = {"eq": "=", "ne": "<>", "gte": ">=", "gt": ">", "lte": "<=", "lt": "<"}
_LISTED: Final = {"in": "= ANY", "not_in": "<> ALL"}


def compared(value: str, operator: str, operand: Any, *, kind: str, s: Statement) -> str:
    """A value of that type of PostgreSQL, beside an operand."""
    if operator == "known":
        is_known = f"({value} IS NOT NULL AND {value} <> '')" if kind == "text" else f"{value} IS NOT NULL"
        return f"({is_known}) = {s.give(operand, 'boolean')}"
    if operator in ("in", "not_in"):
        return f"{value} {_LISTED[operator]}({s.give(list(operand), f'{kind}[]')})"
    if operator == "between":
        low, high = (s.give(end, kind) for end in operand)
        return f"{value} BETWEEN {low} AND {high}"
    return f"{value} {_COMPARED[operator]} {s.give(operand, kind)}"
