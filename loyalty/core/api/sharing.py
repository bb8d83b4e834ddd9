"""
What the OpenAPI text says again and again is said once and referred to (OpenAPI 3.1, Components Object).

Refusals, their examples, headers and parameters are alike at most operations: written out wherever they
stand, they were four fifths of the text, and kept a browser busy for seconds.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from loyalty.core.api import problem

type Schema = dict[str, Any]

_REFERENCE: Final = re.compile(r"#/components/(responses|parameters|examples|headers)/(.+)")
_MOST_CODES: Final = 3
"""In the name of an answer; with more of them it is one operation's own, and nobody could read its name."""


@dataclass(slots=True)
class _Place:
    """Where something is said, and by which name others may refer to it."""

    name: str
    holder: Any
    key: Any

    @property
    def said(self) -> Any:
        return self.holder[self.key]

    def refer(self, section: str) -> None:
        self.holder[self.key] = {"$ref": f"#/components/{section}/{self.name}"}


def share(result: Schema, generator: object, request: object, public: object) -> Schema:
    """Say once what is alike: a postprocessing hook of drf-spectacular, undone by `inlined`."""
    components = result.setdefault("components", {})
    for section, places in _SECTIONS.items():
        if shared := _shared(section, places(result)):
            components[section] = shared
    return result


def inlined(text: Schema) -> Schema:
    """The text with everything said where it stands, for who walks through it; schemas stay shared."""

    def meant(part: Any) -> Any:
        if isinstance(part, list):
            return [meant(inner) for inner in part]
        if not isinstance(part, dict):
            return part
        if match := _REFERENCE.fullmatch(str(part.get("$ref", ""))):
            return meant(text["components"][match[1]][match[2]])
        return {name: meant(inner) for name, inner in part.items()}

    others = {name: said for name, said in text["components"].items() if name not in _SECTIONS}
    return {**text, "paths": meant(text["paths"]), "components": others}


def _shared(section: str, places: Iterable[_Place]) -> Schema:
    """What of a name is said more than once, and nearly always in the same words; these refer to it now."""
    by_name: dict[str, list[_Place]] = defaultdict(list)
    for place in places:
        by_name[place.name].append(place)
    shared = {}
    for name, uses in sorted(by_name.items()):
        ((usual, times),) = Counter(repr(use.said) for use in uses).most_common(1)
        if times > 1 and times / len(uses) > 2 / 3:
            alike = [use for use in uses if repr(use.said) == usual]
            shared[name] = alike[0].said
            for use in alike:
                use.refer(section)
    return shared


def _operations(schema: Schema) -> Iterator[Schema]:
    for methods in schema["paths"].values():
        yield from methods.values()


def _answers(schema: Schema) -> Iterator[Schema]:
    for operation in _operations(schema):
        yield from operation["responses"].values()


def _headers(schema: Schema) -> Iterator[_Place]:
    for answer in _answers(schema):
        headers = answer.get("headers", {})
        yield from (_Place(name, headers, name) for name in headers)


def _parameters(schema: Schema) -> Iterator[_Place]:
    for operation in _operations(schema):
        known = operation.get("parameters", [])
        yield from (_Place(said["name"], known, number) for number, said in enumerate(known))


def _examples(schema: Schema) -> Iterator[_Place]:
    """Those of refusals: one for each code, from the first operation that answers it."""
    first: Schema = {}
    for answer in _answers(schema):
        examples = _problems(answer)
        for name in examples:
            examples[name] = first.setdefault(name, examples[name])
            yield _Place(name, examples, name)


def _refusals(schema: Schema) -> Iterator[_Place]:
    for operation in _operations(schema):
        answers = operation["responses"]
        for status, answer in answers.items():
            if 0 < len(codes := _problems(answer)) <= _MOST_CODES:
                yield _Place("Or".join(codes), answers, status)


def _problems(answer: Schema) -> Schema:
    """Examples of what is refused, by the names of their codes."""
    examples: Schema = answer.get("content", {}).get(problem.MEDIA_TYPE, {}).get("examples", {})
    return examples


# What is within an answer comes before it.
_SECTIONS: Final[dict[str, Callable[[Schema], Iterator[_Place]]]] = {
    "headers": _headers,
    "examples": _examples,
    "parameters": _parameters,
    "responses": _refusals,
}
