"""Where the `type` of each problem document leads: a page for each code, and a list of them."""

from inspect import cleandoc
from typing import Any, Final

import orjson
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt

from loyalty.core.api import docs, guides, problem, refusals
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
_ADVICE_FOR: Final = {"request_in_progress": _LATER}
_USUAL: Final = _("Read the detail of the answer; a repeat as it is changes nothing.")


@csrf_exempt
def index(request: HttpRequest) -> HttpResponse:
    if refused := guides.only_read(request):
        return refused
    known = [{"kind": kind, "pieces": _pieces(described(kind))} for kind in problem.known()]
    return render(request, "api/problems.html", {"problems": known})


@csrf_exempt
def page(request: HttpRequest, code: str) -> HttpResponse:
    """What a code means, what to do about it, an example, and the operations that answer it."""
    kind = next((kind for kind in problem.known() if kind.code == code), None)
    if kind is None:
        return problem.response(refusals.UnknownAddress(), request)
    if refused := guides.only_read(request):
        return refused
    answered = _answers(code)
    example = answered[0]["example"] if answered else problem.document(kind(), path="/v1/members")
    shown = {
        "kind": kind,
        "paragraphs": _paragraphs(kind),
        "advice": _ADVICE_FOR.get(code) or _ADVICE.get(kind.status, _USUAL),
        "example": orjson.dumps(example, option=orjson.OPT_INDENT_2).decode(),
        "operations": answered,
    }
    return render(request, "api/problem.html", shown)


def _paragraphs(kind: type[DomainError]) -> list[list[str]]:
    return [_pieces(" ".join(text.split())) for text in cleandoc(kind.__doc__ or "").split("\n\n")]


def _pieces(text: str) -> list[str]:
    """Every second one stands between backticks: it is code."""
    return text.split("`")


def _answers(code: str) -> list[dict[str, Any]]:
    """The operations that say that they may refuse with it, by the OpenAPI text."""
    return [
        {"call": f"{method.upper()} {path}", "summary": said["summary"], "example": examples[code]}
        for path, methods in docs.spoken()["paths"].items()
        for method, said in methods.items()
        if code in (examples := _examples(said))
    ]


def _examples(operation: dict[str, Any]) -> dict[str, Any]:
    """The problem documents that it shows, by code."""
    shown = [
        answer["content"].get(problem.MEDIA_TYPE, {})
        for answer in operation["responses"].values()
        if "content" in answer
    ]
    values = [example["value"] for content in shown for example in content.get("examples", {}).values()]
    return {value["code"]: value for value in values}
