"""
Many of the same in one call: each item is accepted or refused by itself, and the answer says which.

The call has no key of its own. An item is told from others by what it says of itself (`external_id`, an
identifier): whoever did not get the answer sends all of it again, and only what is unfinished is done.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
from django.http import HttpResponse
from msgspec import Meta, Struct
from rest_framework.request import Request

from loyalty.core.api import parsing, problem, rendering
from loyalty.core.errors import DomainError

ITEMS_AT_MOST = 1_000


class Done(Struct, frozen=True):
    """What became of one item: the status and body that a call for it alone would have been answered with."""

    status: int
    body: Any


Work = Callable[[list[Any]], Sequence[Done | DomainError]]


class _Items(Struct, frozen=True, forbid_unknown_fields=True):
    items: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=ITEMS_AT_MOST)]


def answer(request: Request, kind: Any, work: Work) -> HttpResponse:
    """
    Answer 207 with a result for each item, in order.

    `work` gets the items that are of the right shape, as values of `kind`, and says of each, in order,
    what became of it.

    :raises InvalidBody: if the body as a whole is none, or has too many items
    """
    given = parsing.shaped(parsing.body(request), _Items).items
    read = [_read(bytes(raw), kind) for raw in given]
    wanted = [item for item in read if not isinstance(item, DomainError)]
    outcomes = iter(work(wanted) if wanted else ())
    path = request._request.path
    results = [
        _told(index, item if isinstance(item, DomainError) else next(outcomes), path)
        for index, item in enumerate(read)
    ]
    return rendering.answer({"results": results}, status=207)


def _read(raw: bytes, kind: Any) -> Any:
    try:
        return parsing.of_bytes(raw, kind)
    except DomainError as refusal:
        return refusal


def _told(index: int, outcome: Done | DomainError, path: str) -> dict[str, Any]:
    if isinstance(outcome, Done):
        return {"index": index, "status": outcome.status, "body": outcome.body}
    refused = problem.document(outcome, path=path)
    for fault in refused.get("errors", ()):
        # Where it is in the body that was sent.
        fault["pointer"] = fault["pointer"].replace("#", f"#/items/{index}", 1)
    return {"index": index, "status": outcome.status, "problem": refused}


def call_of(name: str, item: Any) -> type[Struct]:
    """The body of such a call, for the docs."""
    items = Annotated[tuple[item, ...], Meta(min_length=1, max_length=ITEMS_AT_MOST)]
    return _struct(name, "Many in one call.", [("items", items)], forbid_unknown_fields=True)


def results_of(name: str, body: Any, refusal: type[Struct]) -> type[Struct]:
    """The answer to such a call, for the docs."""
    fields = [
        ("index", Annotated[int, Meta(description="Which item, from 0")]),
        (
            "status",
            Annotated[int, Meta(description="As a call for it alone would have")],
        ),
        ("body", body | msgspec.UnsetType, msgspec.UNSET),
        ("problem", refusal | msgspec.UnsetType, msgspec.UNSET),
    ]
    one = _struct(f"{name}Item", "What became of one item: its body, or the problem.", fields)
    results: Any = tuple.__class_getitem__((one, ...))
    return _struct(name, "What became of each item, in their order.", [("results", results)])


def _struct(name: str, doc: str, fields: list[Any], **options: Any) -> type[Struct]:
    return msgspec.defstruct(name, fields, namespace={"__doc__": doc}, module=__name__, **options)
