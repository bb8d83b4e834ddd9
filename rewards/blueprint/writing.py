"""Plain values as YAML that people like to read: in the order given, short things on one line."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import yaml

WIDTH: Final = 110
FLOW_AT_MOST: Final = 100
_TAG: Final = "tag:yaml.org,2002:"


def write(values: Mapping[str, Any]) -> str:
    """The same values are always the same text."""
    text: str = yaml.serialize(
        _node(values, depth=0), Dumper=yaml.SafeDumper, allow_unicode=True, width=WIDTH, line_break="\n"
    )
    return text


def on_one_line(value: Any) -> str:
    """A structure as people say it in passing, such as `{fact: sale.amount, operator: gte}`."""
    node = _node(value, depth=0)
    for part in _all(node):
        part.flow_style = True
    text: str = yaml.serialize(node, Dumper=yaml.SafeDumper, allow_unicode=True, width=float("inf"))
    return text.strip()


def _all(node: Any) -> Iterator[Any]:
    if not isinstance(node, yaml.ScalarNode):
        yield node
        for child in node.value:
            for part in child if isinstance(child, tuple) else (child,):
                yield from _all(part)


def word(value: Any) -> str:
    """A text, number, day or moment, without quotes."""
    return value if isinstance(value, str) else _scalar(value)[1]


def _node(value: Any, *, depth: int) -> yaml.Node:
    if isinstance(value, Mapping):
        pairs = [(_text(key), _node(child, depth=depth + 1)) for key, child in value.items()]
        # The upper levels are lists of things, where a difference is a line of its own.
        is_short = not value or (depth > 3 and _is_short(value))
        return yaml.MappingNode(f"{_TAG}map", pairs, flow_style=is_short)
    if isinstance(value, list | tuple):
        items = [_node(child, depth=depth + 1) for child in value]
        return yaml.SequenceNode(f"{_TAG}seq", items, flow_style=not value or _is_short(value))
    return _text(value) if isinstance(value, str) else yaml.ScalarNode(*_scalar(value))


def _is_short(value: Mapping[str, Any] | Sequence[Any]) -> bool:
    """Whether it holds no more than words and numbers, and not many: then it stands on one line."""
    children = list(value.values()) if isinstance(value, Mapping) else list(value)
    if any(
        isinstance(child, Mapping) or (isinstance(value, Mapping) and _is_nested(child)) for child in children
    ):
        return False
    return len(str(value)) <= FLOW_AT_MOST


def _is_nested(child: Any) -> bool:
    return isinstance(child, list | tuple) and any(isinstance(one, Mapping | list | tuple) for one in child)


def _text(value: str) -> yaml.ScalarNode:
    is_plain = value.replace("\n", "").isprintable()
    # What cannot be seen is escaped: YAML folds or drops some of it in the other styles.
    style = '"' if not is_plain else "|" if "\n" in value else None
    return yaml.ScalarNode(f"{_TAG}str", value, style=style)


def _scalar(value: Any) -> tuple[str, str]:
    if value is None:
        return f"{_TAG}null", "null"
    if isinstance(value, bool):
        return f"{_TAG}bool", "true" if value else "false"
    if isinstance(value, int):
        return f"{_TAG}int", str(value)
    if isinstance(value, Decimal):
        text = shortest(value)
        return f"{_TAG}{'float' if '.' in text else 'int'}", text
    if isinstance(value, float):
        return f"{_TAG}float", _float(value)
    assert isinstance(value, date | datetime), f"there is no YAML for {type(value)}"
    return f"{_TAG}timestamp", value.isoformat()


def _float(value: float) -> str:
    """As YAML 1.1 and 1.2 and JSON read it: always with a point."""
    mantissa, exponent, power = repr(value).partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}{exponent}{power}"


def shortest(value: Decimal) -> str:
    """The number exactly, without zeros that say nothing: 0.010000 is "0.01", 1E+2 is "100"."""
    return f"{value.normalize() + 0:f}"
