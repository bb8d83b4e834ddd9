"""The guides of docs/partners as pages, served with the version of the API that they tell of."""

from dataclasses import dataclass
from functools import cache
from html import unescape
from pathlib import Path
from re import sub
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from django.views.decorators.csrf import csrf_exempt
from markdown_it import MarkdownIt
from markdown_it.token import Token

from loyalty.core.api import problem, refusals
from loyalty.core.api.refusals import MethodNotAllowed

FOLDER: Final = Path(settings.BASE_DIR) / "docs" / "partners"
# The order in which a partner reads them.
NAMES: Final = (
    "quick-start",
    "reference",
    "till-integration",
    "shop-checkout",
    "app-guide",
    "graphql",
    "sandbox",
    "conformance",
    "events",
    "changelog",
)


@dataclass(frozen=True, slots=True)
class Guide:
    name: str
    title: str
    about: str
    """Its first paragraph, as plain text."""
    html: SafeString


@cache
def read(name: str) -> Guide:
    """A guide, rendered once in a process. HTML in its text is shown, not run."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse((FOLDER / f"{name}.md").read_text())
    _give_places(tokens)
    _lead_links(tokens)
    texts = (token.content for token in tokens if token.type == "inline")
    title, about = next(texts), next(texts)
    html = markdown.renderer.render(tokens, markdown.options, {})
    return Guide(name, title, _plain(markdown, about), _with_room_for_tables(html))


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


def _plain(markdown: MarkdownIt, text: str) -> str:
    return unescape(sub(r"<[^>]+>", "", markdown.renderInline(text)))


def _with_room_for_tables(html: str) -> SafeString:
    """A wide table scrolls by itself, so that the page does not."""
    html = html.replace("<table>", '<div class="wide" tabindex="0"><table>')
    # Ours alone: it comes from files of this repository, through a renderer that escapes HTML.
    return mark_safe(html.replace("</table>", "</table></div>"))


@csrf_exempt
def index(request: HttpRequest) -> HttpResponse:
    if refused := only_read(request):
        return refused
    return render(request, "api/guides.html", {"guides": [read(name) for name in NAMES]})


@csrf_exempt
def guide(request: HttpRequest, name: str) -> HttpResponse:
    if name not in NAMES:
        return problem.response(refusals.UnknownAddress(), request)
    if refused := only_read(request):
        return refused
    return render(request, "api/guide.html", {"guide": read(name)})


def only_read(request: HttpRequest) -> HttpResponse | None:
    """The refusal of a method that a page does not take."""
    if request.method in ("GET", "HEAD"):
        return None
    answer = problem.response(MethodNotAllowed(), request)
    answer.headers["Allow"] = "GET, HEAD"
    return answer
