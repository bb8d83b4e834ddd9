"""Structs in the OpenAPI text: what decodes and refuses a body describes it, under the struct's own name."""

from typing import Any, Final
from weakref import WeakKeyDictionary

import msgspec
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent

from loyalty.core import codes

Schema = dict[str, Any]

_DEFINED: Final[WeakKeyDictionary[ComponentRegistry, dict[str, Schema]]] = WeakKeyDictionary()
"""What each name stands for in a text that is being written."""


class NameMeansTwoThings(Exception):
    """Two structs of one name are described differently, and only one of them would be in the text."""


class StructExtension(OpenApiSerializerExtension):
    """Schemas of `msgspec` structs, from the same constraints that decode and refuse."""

    target_class = "msgspec.Struct"
    match_subclasses = True

    def get_name(self, auto_schema: AutoSchema, direction: str) -> str:
        return str(self.target.__name__)

    def get_identity(self, auto_schema: AutoSchema, direction: str) -> str:
        # Asked for each body, also where its name is in the text already.
        _define(auto_schema.registry, self.target)
        return self.get_name(auto_schema, direction)

    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> Schema:
        _own, others = _define(auto_schema.registry, self.target)
        own = others.pop(self.target.__name__)
        _register(auto_schema.registry, others)
        if direction == "request":
            # By itself it is told apart from nothing: its tag may be left out.
            tag = self.target.__struct_config__.tag_field
            own["required"] = [name for name in own["required"] if name != tag]
        return own


def add(registry: ComponentRegistry, kind: Any) -> Schema:
    """
    What is said of a union of structs, each of which is a component then.

    :raises NameMeansTwoThings: if one of them is called like another struct in the text
    """
    schema, others = _define(registry, kind)
    _register(registry, others)
    return schema


def _define(registry: ComponentRegistry, kind: Any) -> tuple[Schema, dict[str, Schema]]:
    (schema,), named = msgspec.json.schema_components([kind], ref_template="#/components/schemas/{name}")
    defined = _DEFINED.setdefault(registry, {})
    for name, meant in named.items():
        # Within one body, msgspec tells them apart by their modules, which are nothing to tell partners.
        if "." in name or defined.setdefault(name, meant) != meant:
            raise NameMeansTwoThings(f"Rename one of the structs that are called {name.rpartition('.')[2]}")
    return _portable(schema), {name: _portable(meant) for name, meant in named.items()}


# Python's `$` is also before a last line feed. To JSON Schema (ECMA 262) it is the end alone, and the
# engines of Go and Rust know no lookahead.
_ONLY_FOR_PYTHON: Final = r"$(?!\n)"


def _portable(schema: Any) -> Any:
    """The same with patterns that regular expressions of every language read."""
    if isinstance(schema, list):
        return [_portable(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    told = {name: _portable(inner) for name, inner in schema.items()}
    if isinstance(pattern := told.get("pattern"), str):
        told["pattern"] = pattern.replace(_ONLY_FOR_PYTHON, "$")
        # What nobody sees is no help in a schema either: the reference says it in words.
        if pattern in (codes.VISIBLE, codes.TYPED):
            del told["pattern"]
    return told


def _register(registry: ComponentRegistry, named: dict[str, Schema]) -> None:
    for name, schema in named.items():
        registry.register_on_missing(
            ResolvedComponent(name, ResolvedComponent.SCHEMA, schema=schema, object=name)
        )
