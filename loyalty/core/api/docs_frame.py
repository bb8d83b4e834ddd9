"""What the pages of the docs have around them: their contents, and the answer to a wrong address."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt

from loyalty.core.api import problem, refusals
from loyalty.core.api.refusals import MethodNotAllowed

View = Callable[..., HttpResponse]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the contents."""

    title: str | Promise
    address: str


@dataclass(frozen=True, slots=True)
class Chapter:
    title: str | Promise
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A heading on the page at hand."""

    id: str
    title: str
    is_below: bool = False
    """Whether it belongs to the heading before it."""


# The order in which a partner reads them.
GUIDES: Final = {
    _("Begin"): {"quick-start": _("Quick start"), "reference": _("Rules of every call")},
    _("Connect"): {
        "till-integration": _("A till"),
        "shop-checkout": _("A shop’s checkout"),
        "app-guide": _("An app"),
        "crm": _("A CRM"),
        "graphql": _("By GraphQL"),
    },
    _("Try"): {"sandbox": _("Sandboxes"), "conformance": _("Is it safe?")},
}
NAMES: Final = (*(name for chapter in GUIDES.values() for name in chapter), "events", "changelog")


def contents() -> list[Chapter]:
    """What there is to read, by chapter."""
    chapters = [
        Chapter(title, tuple(Entry(said, reverse("guide", args=[name])) for name, said in guides.items()))
        for title, guides in GUIDES.items()
    ]
    return [*chapters, Chapter(_("Look up"), tuple(_looked_up()))]


def _looked_up() -> Iterable[Entry]:
    yield Entry(_("Operations"), reverse("operations"))
    yield Entry(_("Events"), reverse("events-docs"))
    yield Entry(_("Problems"), reverse("problems"))
    yield Entry(_("Try them out"), reverse("docs"))
    yield Entry(_("Changelog"), reverse("guide", args=["changelog"]))


def only_read(view: View) -> View:
    """For views of the docs: other methods are refused before anything is put together."""

    @csrf_exempt
    @wraps(view)
    def answered(request: HttpRequest, **parts: str) -> HttpResponse:
        if request.method in ("GET", "HEAD"):
            return view(request, **parts)
        answer = problem.response(MethodNotAllowed(), request)
        answer.headers["Allow"] = "GET, HEAD"
        return answer

    return answered


def missing(request: HttpRequest) -> HttpResponse:
    """The answer where there is no page: a page to people, a problem document to programs."""
    if "text/html" in request.headers.get("Accept", "") and request.method in ("GET", "HEAD"):
        return render(request, "api/missing.html", status=404)
    return problem.response(refusals.UnknownAddress(), request)


@csrf_exempt
def missing_page(request: HttpRequest, address: str = "") -> HttpResponse:
    """Whatever is under /v1/docs and no page; a slash too many at the end does no harm to who reads."""
    without = request.path_info.rstrip("/")
    if without != request.path_info and request.method in ("GET", "HEAD"):
        return redirect(without)
    return missing(request)
