"""Where the `type` of each problem document leads: a page for each code, and a list of them."""

from inspect import cleandoc
from itertools import chain, groupby
from typing import Any, Final

import orjson
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from loyalty.core.api import docs_frame, operation_pages, problem
from loyalty.core.api.docs_frame import Place
from loyalty.core.api.operation_pages import Told
from loyalty.core.api.schema import described
from loyalty.core.errors import DomainError

_LATER: Final = _(
    "Wait for as long as Retry-After says, or a second, two, four, if it is not there. Then send the same "
    "call again, with the same Idempotency-Key."
)
_ADVICE: Final = {
    400: _("Correct the request. Sent again as it is, it will be refused again."),
    401: _("Get a valid credential, or a new access token, and send the same call again."),
    403: _("Have the program's staff look at what your credential may do; a repeat changes nothing."),
    404: _("Check the address and the reference. What belongs to another program does not exist for you."),
    405: _("Use a method that the Allow header names."),
    406: _("Ask for application/json, or leave out the Accept header."),
    409: _(
        "It cannot be done as things are now, and a repeat changes nothing. Show the detail to a person, or "
        "read the object and decide anew."
    ),
    412: _("Read the object again, decide anew, and send the change with its new ETag."),
    413: _("Send less at once."),
    415: _("Send JSON in UTF-8, with Content-Type: application/json."),
    422: _(
        "Correct what errors points to. Sent again as it is, it will be refused again; a corrected call "
        "takes a new Idempotency-Key."
    ),
    428: _("Read the object first, and send its ETag as If-Match."),
    429: _LATER,
    500: _LATER,
    503: _LATER,
}
_MEANING: Final = {
    400: _("The request is broken"),
    401: _("Nobody knows who calls"),
    403: _("The credential may not do this"),
    404: _("There is no such thing"),
    405: _("The method is wrong"),
    406: _("The form of the answer is wrong"),
    409: _("Not as things are now"),
    412: _("Somebody was faster"),
    413: _("Too much at once"),
    415: _("The form of the body is wrong"),
    422: _("Something in the body is wrong"),
    428: _("An ETag is missing"),
    429: _("Too many calls"),
    500: _("A fault of ours"),
    503: _("Not available for the moment"),
}
_USUAL: Final = _("Read the detail of the answer; a repeat as it is changes nothing.")


@docs_frame.only_read
def index(request: HttpRequest) -> HttpResponse:
    groups = [
        {"status": status, "title": _MEANING[status], "problems": list(map(_brief, kinds))}
        for status, kinds in groupby(sorted(problem.known(), key=_by_status), key=lambda kind: kind.status)
    ]
    places = [Place(f"status-{group['status']}", f"{group['status']} {group['title']}") for group in groups]
    return render(request, "api/problems.html", {"groups": groups, "places": places})


@docs_frame.only_read
def page(request: HttpRequest, code: str) -> HttpResponse:
    """What a code means, what to do about it, an example, and the operations that answer it."""
    kind = next((kind for kind in problem.known() if kind.code == code), None)
    if kind is None:
        return docs_frame.missing(request)
    answered = _answers(code)
    example = (
        answered[0].problems[code] if answered else problem.document(problem.sample(kind), path="/v1/members")
    )
    shown = {
        "kind": kind,
        "paragraphs": _paragraphs(kind),
        "extras": {name: extra.meaning for name, extra in sorted(kind.extras.items())},
        "advice": _LATER if kind.passes else _ADVICE.get(kind.status, _USUAL),
        "example": orjson.dumps(example, option=orjson.OPT_INDENT_2).decode(),
        "operations": answered,
    }
    return render(request, "api/problem.html", shown)


def _by_status(kind: type[DomainError]) -> tuple[int, str]:
    return kind.status, kind.code


def _brief(kind: type[DomainError]) -> dict[str, Any]:
    return {"kind": kind, "pieces": _pieces(described(kind))}


def _paragraphs(kind: type[DomainError]) -> list[list[str]]:
    return [_pieces(" ".join(text.split())) for text in cleandoc(kind.__doc__ or "").split("\n\n")]


def _pieces(text: str) -> list[str]:
    """Every second one stands between backticks: it is code."""
    return text.split("`")


def _answers(code: str) -> list[Told]:
    """The operations that say that they may refuse with it, by the OpenAPI text."""
    every = chain.from_iterable(operation_pages.topics().values())
    return [one for one in every if code in one.problems]
