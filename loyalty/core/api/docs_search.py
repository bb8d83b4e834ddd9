"""Finding something in the docs: guides, operations, problems and events, by words."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from inspect import cleandoc
from itertools import chain
from re import escape, split
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from loyalty.core import event_catalogue
from loyalty.core.api import docs_frame, guides, operation_pages, problem
from loyalty.core.event_catalogue import FIELDS

SHOWN: Final = 30
WORDS_AT_MOST: Final = 8
_AROUND: Final = 90


@dataclass(frozen=True, slots=True)
class Passage:
    """Something that can be found; `kind` says where it stands."""

    kind: str
    title: str
    address: str
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    passage: Passage
    pieces: list[str]
    """A part of its text; every second piece is what was looked for."""


@cache
def passages() -> tuple[Passage, ...]:
    """All that can be found, put together once in a process."""
    return (*_of_guides(), *_of_operations(), *_of_problems(), *_of_events())


def _of_guides() -> Iterator[Passage]:
    for name in docs_frame.NAMES:
        if name == "events":
            continue
        told, address = guides.read(name), reverse("guide", args=[name])
        yield Passage(_("Guide"), told.title, address, told.about)
        for section in told.sections:
            yield Passage(told.title, section.place.title, f"{address}#{section.place.id}", section.text)


def _of_operations() -> Iterator[Passage]:
    for one in chain.from_iterable(operation_pages.topics().values()):
        text = " ".join([one.summary, one.id, one.description, *(field.name for field in one.fields)])
        yield Passage(_("Operation"), f"{one.method} {one.path}", one.address, text)


def _of_problems() -> Iterator[Passage]:
    for kind in problem.known():
        text = f"{kind.title}. {' '.join(cleandoc(kind.__doc__ or '').split())}"
        yield Passage(_("Problem"), kind.code, reverse("problem", args=[kind.code]), text)


def _of_events() -> Iterator[Passage]:
    address = reverse("events-docs")
    for kind in event_catalogue.kinds():
        said = [f"{name}: {FIELDS[name].meaning}" for name in kind.fields]
        yield Passage(_("Event"), kind.type, f"{address}#{kind.type}", f"{kind.when} {'; '.join(said)}")


def find(asked: str) -> list[Hit]:
    """What has all of the words, whole or in part; what has them in its title comes first."""
    words = asked.lower().split()[:WORDS_AT_MOST]
    if not words:
        return []
    ranked = [
        (_rank(passage, words), number, passage)
        for number, passage in enumerate(passages())
        if all(word in passage.title.lower() or word in passage.text.lower() for word in words)
    ]
    return [
        Hit(passage, _excerpt(passage.text, words)) for _rank_, _number, passage in sorted(ranked)[:SHOWN]
    ]


def _rank(passage: Passage, words: list[str]) -> tuple[bool, int]:
    title = passage.title.lower()
    return title != " ".join(words), -sum(word in title for word in words)


def _excerpt(text: str, words: list[str]) -> list[str]:
    flat = " ".join(text.replace("`", "").split())
    at = min((place for word in words if (place := flat.lower().find(word)) >= 0), default=0)
    begin = max(0, flat.rfind(" ", 0, max(0, at - _AROUND)) + 1)
    part = flat[begin : at + 2 * _AROUND]
    shown = ("… " if begin else "") + part + (" …" if begin + len(part) < len(flat) else "")
    return split(f"(?i)({'|'.join(map(escape, words))})", shown)


@docs_frame.only_read
def page(request: HttpRequest) -> HttpResponse:
    asked = request.GET.get("q", "")[:100].strip()
    return render(request, "api/search.html", {"asked": asked, "hits": find(asked)})
