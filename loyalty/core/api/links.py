"""
Links of the OpenAPI text (OpenAPI 3.1, Link Object): which operations take the id that an answer has.

They are found, not written: an operation on one object of a collection, as `/v1/vouchers/{voucher_id}/void`,
takes what the collection's own answers have as their `id` or `key`, wherever else these bodies are answered.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

type Schema = dict[str, Any]

_METHODS: Final = ("get", "post", "put", "patch", "delete")
_OF_ONE: Final = re.compile(r"(?P<collection>[^{}]+)/\{(?P<parameter>\w+)\}(?P<part>[^{}]*)")


class _Body(NamedTuple):
    kind: str
    """Its struct, or that of what it lists."""
    pointer: str
    """Where an object begins in it."""
    fields: frozenset[str]


class _Taker(NamedTuple):
    collection: str
    parameter: str
    operation: str

    def pointer(self, body: _Body) -> str | None:
        """Where a body has what the operation takes."""
        name = "key" if self.parameter.endswith("key") else "id"
        return f"$response.body#{body.pointer}/{name}" if name in body.fields else None


def add(result: Schema, generator: object, request: object, public: object) -> Schema:
    """Say the links of each answer: a postprocessing hook of drf-spectacular."""
    takers = list(_takers(result))
    kinds = _kinds(result)
    for _path, answer, body in _answers(result):
        mine = [taker for taker in takers if body.kind in kinds[taker.collection]]
        links = {
            taker.operation: {"operationId": taker.operation, "parameters": {taker.parameter: pointer}}
            for taker in mine
            if (pointer := taker.pointer(body))
        }
        if links:
            answer["links"] = links
    return result


def _operations(schema: Schema) -> Iterator[tuple[str, Schema]]:
    for path, methods in schema["paths"].items():
        yield from ((path, methods[method]) for method in _METHODS if method in methods)


def _takers(schema: Schema) -> Iterator[_Taker]:
    for path, operation in _operations(schema):
        if match := _OF_ONE.fullmatch(path):
            yield _Taker(match["collection"], match["parameter"], operation["operationId"])


def _kinds(schema: Schema) -> dict[str, set[str]]:
    """By collection, the structs that tell of one of its objects."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for path, _answer, body in _answers(schema):
        kinds[path].add(body.kind)
        if (match := _OF_ONE.fullmatch(path)) and not match["part"]:
            kinds[match["collection"]].add(body.kind)
    return kinds


def _answers(schema: Schema) -> Iterator[tuple[str, Schema, _Body]]:
    for path, operation in _operations(schema):
        for status, answer in operation["responses"].items():
            for content in answer.get("content", {}).values() if status.startswith("2") else ():
                if body := _body(content.get("schema", {}), schema):
                    yield path, answer, body


def _body(part: Schema, schema: Schema) -> _Body | None:
    kind, fields = _struct(part, schema)
    if listed := fields.get("data"):
        kind, fields = _struct(listed.get("items", {}), schema)
        return _Body(kind, "/data/0", frozenset(fields)) if kind else None
    return _Body(kind, "", frozenset(fields)) if kind else None


def _struct(part: Schema, schema: Schema) -> tuple[str, Schema]:
    kind = part.get("$ref", "").rpartition("/")[2]
    return kind, schema["components"]["schemas"][kind].get("properties", {}) if kind else {}
