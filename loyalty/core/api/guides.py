"""The guides of docs/partners as pages, served with the version of the API that they tell of."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape, unescape
from pathlib import Path
from re import sub
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from markdown_it import MarkdownIt
from markdown_it.token import Token

from loyalty.core.api import docs_frame
from loyalty.core.api.docs_frame import NAMES, Place

FOLDER: Final = Path(settings.BASE_DIR) / "docs" / "partners"
# What stands over a block of code: by its language, or what follows that.
_HEADS: Final = {"answer": "Answer", "bash": "Shell", "json": "JSON", "": "Text"}


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, and the text up to the next one."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class Guide:
    name: str
    title: str
    about: str
    """Its first paragraph, as plain text."""
    html: SafeString
    sections: tuple[Section, ...]

    @property
    def places(self) -> list[Place]:
        return [section.place for section in self.sections]


@cache
def read(name: str) -> Guide:
    """A guide, rendered once in a process. HTML in its text is shown, not run."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("fence", _block)
    tokens = markdown.parse((FOLDER / f"{name}.md").read_text())
    _give_places(tokens)
    _lead_links(tokens)
    texts = (token.content for token in tokens if token.type == "inline")
    title, about = next(texts), next(texts)
    html = markdown.renderer.render(tokens, markdown.options, {})
    sections = tuple(_sections(markdown, tokens))
    return Guide(name, title, _plain(markdown, about), _with_room_for_tables(html), sections)


def prose(text: str) -> SafeString:
    """A description in Markdown as HTML, such as those of operations."""
    # Ours alone, from this repository, through a renderer that escapes HTML.
    html: str = MarkdownIt("commonmark", {"html": False}).render(text)
    return mark_safe(html)


def _block(renderer: Any, tokens: Sequence[Token], index: int, *_options: Any) -> str:
    """A block of code under a line that says what it is; the docs' script adds a button to copy it."""
    language, _space, use = tokens[index].info.partition(" ")
    head = _HEADS.get(use or language, language)
    kind = f' class="language-{escape(language)}"' if language else ""
    shown = escape(tokens[index].content, quote=False)
    return (
        f'<div class="code{" answer" if use == "answer" else ""}"><p>{escape(head)}</p>'
        f'<pre tabindex="0"><code{kind}>{shown}</code></pre></div>\n'
    )


def _give_places(tokens: list[Token]) -> None:
    """Headings can be linked to, by the names that they have on GitHub."""
    for opening, text in zip(tokens, tokens[1:], strict=False):
        if opening.type == "heading_open":
            opening.attrSet("id", slugify(text.content))


def _lead_links(tokens: list[Token]) -> None:
    """In the folder guides are files, here they are pages."""
    for token in tokens:
        for part in token.children or []:
            target = str(part.attrGet("href") or "")
            if "/" not in target and ".md" in target:
                part.attrSet("href", target.replace(".md", "", 1))


def _sections(markdown: MarkdownIt, tokens: list[Token]) -> list[Section]:
    found: list[tuple[Place, list[str]]] = []
    for opening, token in zip(tokens, tokens[1:], strict=False):
        if opening.type == "heading_open" and opening.tag in ("h2", "h3"):
            title = _plain(markdown, token.content)
            found.append((Place(slugify(token.content), title, opening.tag == "h3"), []))
        elif token.type in ("inline", "fence") and found:
            found[-1][1].append(_plain(markdown, token.content) if token.type == "inline" else token.content)
    return [Section(place, "\n".join(texts)) for place, texts in found]


def _plain(markdown: MarkdownIt, text: str) -> str:
    return unescape(sub(r"<[^>]+>", "", markdown.renderInline(text)))


def _with_room_for_tables(html: str) -> SafeString:
    """A wide table scrolls by itself, so that the page does not."""
    html = html.replace("<table>", '<div class="wide" tabindex="0"><table>')
    # Ours alone: it comes from files of this repository, through a renderer that escapes HTML.
    return mark_safe(html.replace("</table>", "</table></div>"))


@docs_frame.only_read
def index(request: HttpRequest) -> HttpResponse:
    return render(request, "api/guides.html", {"guides": [read(name) for name in NAMES]})


@docs_frame.only_read
def guide(request: HttpRequest, name: str) -> HttpResponse:
    if name not in NAMES:
        return docs_frame.missing(request)
    told = read(name)
    return render(request, "api/guide.html", {"guide": told, "places": told.places})
