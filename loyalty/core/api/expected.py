"""What a body may hold at a place, for refusals that say more than that it does not fit."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, reduce
from typing import Any, Final

import msgspec

Schema = dict[str, Any]

LARGEST: Final = 64 * 1024
"""Bytes of a body in which a name is looked for: it is read once more for each name beside it."""
MOST: Final = 50
"""Names of an object that are tried; none that we take has more."""


def choices(kind: Any, steps: Sequence[str]) -> tuple[str, ...]:
    """The values of which one has to be at that place, as JSON; none if it takes others, too."""
    schema, named = _described(kind)
    nodes = [schema]
    for step in steps:
        nodes = [below for node in nodes for below in _below(node, step, named)]
    variants = (variant for node in nodes for variant in _variants(node, named))
    return tuple(dict.fromkeys(str(value) for variant in variants for value in variant.get("enum", ())))


def is_nameless(message: str) -> bool:
    """Whether the decoder refuses something in a free-form object, and does not say under which name."""
    return "[...]" in message or "`key` in" in message


def misfit(raw: bytes, steps: Sequence[str], *, decode: Callable[[bytes], Any]) -> str | None:
    """
    Which name of the object at that place is refused, or its value: `decode` refuses and does not say it.

    None where it is too much to look through.
    """
    if len(raw) > LARGEST:
        return None
    whole = msgspec.json.decode(raw)
    try:
        holder = reduce(_step, steps[:-1], whole)
        held = dict(_step(holder, steps[-1]))
    except (LookupError, TypeError, ValueError):
        return None  # a name came twice, and this is not what was refused
    for name in held if len(held) <= MOST else ():
        holder[steps[-1]] = {name: held[name]}
        try:
            decode(msgspec.json.encode(whole))
        except msgspec.ValidationError as error:
            if is_nameless(str(error)):
                return str(name)
    return None


def _step(place: Any, step: str) -> Any:
    return place[int(step)] if isinstance(place, list) else place[step]


@lru_cache(maxsize=256)
def _described(kind: Any) -> tuple[Schema, dict[str, Schema]]:
    (schema,), named = msgspec.json.schema_components([kind], ref_template="{name}")
    return schema, named


def _variants(node: Schema, named: dict[str, Schema]) -> Iterator[Schema]:
    """What may stand there: the schema itself, or those that it refers to."""
    if "$ref" in node:
        yield from _variants(named[node["$ref"]], named)
    elif "anyOf" in node:
        for one in node["anyOf"]:
            yield from _variants(one, named)
    else:
        yield node


def _below(node: Schema, step: str, named: dict[str, Schema]) -> Iterator[Schema]:
    for variant in _variants(node, named):
        if step in variant.get("properties", {}):
            yield variant["properties"][step]
        elif step.isdigit() and isinstance(variant.get("items"), dict):
            yield variant["items"]
