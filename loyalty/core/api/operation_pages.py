"""All operations as pages, by what they are about: told by the OpenAPI text, which tests hold to the code."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from re import sub
from typing import Any, Final

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import slugify

from loyalty.core.api import docs, docs_frame, guides, problem
from loyalty.core.api.docs_frame import Place

# What stands for the parts of addresses in examples.
_SAMPLES: Final = {"reference": "card:1001"}
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a body, or a parameter."""

    name: str
    type: str
    is_required: bool
    about: str


@dataclass(frozen=True, slots=True)
class Answer:
    status: str
    about: str
    example: str
    """As JSON; empty where nothing is answered but the status."""
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """An operation, as it is told on its page."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    topic: str
    parameters: tuple[Field, ...]
    fields: tuple[Field, ...]
    call: str
    """To be run as it stands, with `$URL` and `$KEY`."""
    answers: tuple[Answer, ...]
    problems: dict[str, dict[str, Any]]
    """By code, with an example of each."""
    is_deprecated: bool

    @property
    def address(self) -> str:
        return f"{reverse('operation-topic', args=[slugify(self.topic)])}#{self.id}"

    @property
    def prose(self) -> SafeString:
        return guides.prose(self.description)


def topics() -> dict[str, list[Told]]:
    """All operations, by the part of an address that names what they are about."""
    return _topics(settings.ROOT_URLCONF)


@cache
def _topics(_urlconf: str) -> dict[str, list[Told]]:
    spoken = docs.spoken()
    schemas = spoken["components"]["schemas"]
    told: dict[str, list[Told]] = defaultdict(list)
    for path, methods in spoken["paths"].items():
        for method, said in methods.items():
            told[slugify(said["tags"][0])].append(_told(path, method, said, schemas))
    return dict(told)


def _told(path: str, method: str, said: dict[str, Any], schemas: dict[str, Any]) -> Told:
    taken = said.get("requestBody", {}).get("content", {}).get(_JSON, {})
    return Told(
        id=said["operationId"],
        method=method.upper(),
        path=path,
        summary=said["summary"],
        description=said.get("description", ""),
        topic=said["tags"][0],
        parameters=tuple(_parameters(said.get("parameters", []))),
        fields=tuple(_fields(taken.get("schema", {}), schemas)),
        call=_call(path, method, said, _example(taken)),
        answers=tuple(_answers(said, schemas)),
        problems=_problems(said),
        is_deprecated=said.get("deprecated", False),
    )


def _parameters(known: Iterable[dict[str, Any]]) -> Iterator[Field]:
    for one in known:
        kind = f"{one['in']}, {_type(one.get('schema', {}))}"
        yield Field(one["name"], kind, one.get("required", False), one.get("description", ""))


def _fields(schema: dict[str, Any], schemas: dict[str, Any], *, before: str = "") -> Iterator[Field]:
    """The fields of a body and of what is in it, one level deep: `lines[].sku`."""
    seen = set()
    forms = [_resolved(one, schemas) for one in schema.get("anyOf", schema.get("oneOf", [schema]))]
    # Of several forms that a body may have, all fields; what one of them lacks is not required.
    for content in forms:
        for name, kind in content.get("properties", {}).items():
            if name in seen:
                continue
            seen.add(name)
            about = kind.get("description", "") or _resolved(kind, schemas).get("description", "")
            is_required = all(name in form.get("required", ()) for form in forms)
            yield Field(before + name, _type(kind), is_required, about)
            if not before:
                items = kind.get("items")
                yield from _fields(items or kind, schemas, before=f"{name}{'[]' if items else ''}.")


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """What is meant by a schema that may name another one, or one of several of which null is one."""
    chosen = [one for one in schema.get("anyOf", schema.get("oneOf", ())) if one.get("type") != "null"]
    meant = chosen[0] if len(chosen) == 1 else schema
    found: dict[str, Any] = schemas.get(meant.get("$ref", "").rpartition("/")[2], meant)
    return found


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return sub(r"(?<=[a-z])(?=[A-Z])", " ", schema["$ref"].rpartition("/")[2]).lower()
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    if several := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(_type(one) for one in several)
    if "enum" in schema:
        return " | ".join(str(one) for one in schema["enum"])
    named: Any = schema.get("type", "any")
    kind = " or ".join(named) if isinstance(named, list) else named
    return {"date-time": "moment", "date": "day", "uuid": "id"}.get(schema.get("format", ""), str(kind))


def _example(content: dict[str, Any]) -> str:
    """The first example of a body, as JSON."""
    values = [one["value"] for one in content.get("examples", {}).values() if "value" in one]
    return orjson.dumps(values[0], option=orjson.OPT_INDENT_2).decode() if values else ""


def _call(path: str, method: str, said: dict[str, Any], body: str) -> str:
    address = sub(r"\{(\w+)\}", lambda part: _SAMPLES.get(part[1], f"${part[1].upper()}"), path)
    verb = "" if method == "get" or (method == "post" and body) else f" -X {method.upper()}"
    lines = [f'curl -sS{verb} "$URL{address}"', '-H "Authorization: Bearer $KEY"']
    headers = {one["name"] for one in said.get("parameters", []) if one["in"] == "header"}
    if "Idempotency-Key" in headers:
        lines.append('-H "Idempotency-Key: $(uuidgen)"')
    if "If-Match" in headers:
        lines.append('-H "If-Match: $ETAG"')
    if body:
        quoted = body.replace("'", "'\\''")
        lines += ['-H "Content-Type: application/json"', f"-d '{quoted}'"]
    return " \\\n  ".join(lines)


def _answers(said: dict[str, Any], schemas: dict[str, Any]) -> Iterator[Answer]:
    for status, answer in said["responses"].items():
        if status < "400":
            shown: dict[str, Any] = next(iter(answer.get("content", {}).values()), {})
            fields = tuple(_fields(shown.get("schema", {}), schemas))
            yield Answer(status, answer.get("description", ""), _example(shown), fields)


def _problems(said: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = [
        example["value"]
        for answer in said["responses"].values()
        for example in answer.get("content", {}).get(problem.MEDIA_TYPE, {}).get("examples", {}).values()
    ]
    return {example["code"]: example for example in sorted(found, key=lambda one: str(one["code"]))}


@docs_frame.only_read
def index(request: HttpRequest) -> HttpResponse:
    context = {"topics": topics(), "places": [Place(key, told[0].topic) for key, told in topics().items()]}
    return render(request, "api/operations.html", context)


@docs_frame.only_read
def topic(request: HttpRequest, name: str) -> HttpResponse:
    told = topics().get(name)
    if told is None:
        return docs_frame.missing(request)
    context = {"told": told, "title": told[0].topic, "places": [Place(one.id, one.summary) for one in told]}
    return render(request, "api/topic.html", context)
