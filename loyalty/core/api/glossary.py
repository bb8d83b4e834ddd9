"""
What a word means, in every body of the partner API that has it.

A field is described where it stands (`Meta(description=…)`) if its meaning there is its own. All others have
the meaning of their name: `occurred_at` is one thing, whoever tells it. Each app has a glossary of its words;
an entry such as `Gift.entries` is for the field of one struct, and goes before the one for all.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

type Schema = dict[str, Any]
type Glossary = Mapping[str, str]

WORDS: Final[Glossary] = {
    "code": "What programs go by; it never changes, and has a page in the docs.",
    "data": "The page, in the order that the operation tells.",
    "description": "For people, in the program's own words; may be empty.",
    "detail": "What is wrong, in a sentence that a person can act on.",
    "body": "What a call for this item alone would have answered; absent if it was refused.",
    "errors": "What is wrong with the body, field by field; empty if the refusal is about nothing in it.",
    "id": "Ours, a UUID (version 7); it never changes.",
    "instance": "The path that was called.",
    "items": "What is to be done, in this order; each succeeds or fails for itself.",
    "key": "The name that programs go by, unique in its kind within the program.",
    "name": "For people, as the program's staff named it.",
    "next": "Address of the next page; null on the last one.",
    "occurred_at": "When it happened, by whoever reported it; ISO 8601 with an offset.",
    "pointer": "Where in the body, as `#/lines/0/quantity`.",
    "previous": "Address of the page before; null on the first one.",
    "problem": "Why the item was refused; absent if it was done.",
    "recorded_at": "When it was recorded here, by our clock.",
    "results": "One for each item, in the order of the items.",
    "title": "What kind of problem it is, in a few words; the same for each `code`.",
    "Problem.status": "The HTTP status of the answer, or of the item within a batch.",
    "Problem.type": "Absolute address of the page in the docs that explains this `code`.",
}


def describe(schema: Schema, words: Glossary) -> None:
    """Say of each field that has no description of its own what its name means."""
    for struct, name, field in fields(schema):
        if "description" not in field and (meaning := words.get(f"{struct}.{name}") or words.get(name)):
            field["description"] = meaning


def fields(schema: Schema) -> Iterator[tuple[str, str, Schema]]:
    """Each field of each struct, with the names of both."""
    for struct, meant in schema["components"]["schemas"].items():
        for name, field in meant.get("properties", {}).items():
            yield struct, name, field
