"""
Nobody overwrites what they have not seen: entity tags (RFC 9110, 8.8.3) and preconditions (13.1).

A tag is a digest of what the caller was shown. So it is another one after any change, wherever it was
made, and the same again only if everything is as it was.
"""

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

import msgspec
from django.http import HttpResponse
from django.utils.http import parse_etags
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.request import Request

from loyalty.core.api import rendering
from loyalty.core.errors import DomainError


class PreconditionRequired(DomainError):
    """A change needs the `ETag` that you have read, as `If-Match`, so that it overwrites nobody else's."""

    code = "precondition_required"
    status = 428
    title = gettext_lazy("If-Match is needed")


class PreconditionFailed(DomainError):
    """Somebody has changed it since you read it: read it again, and decide anew."""

    code = "precondition_failed"
    status = 412
    title = gettext_lazy("It was changed meanwhile")


def of(body: Any) -> str:
    """The strong entity tag of a representation."""
    plain = msgspec.json.decode(rendering.dumps(body))
    digest = sha256(msgspec.json.encode(plain, order="deterministic")).digest()
    return f'"{urlsafe_b64encode(digest[:18]).decode()}"'


def answer(request: Request, body: Any, *, shown: Any = None, status: int = 200) -> HttpResponse:
    """
    The body with its tag; 304 without a body for a reader who has it already (`If-None-Match`).

    `shown` is what is told of it, for a caller who may not read all of it.
    """
    tag = of(body)
    if request.method in ("GET", "HEAD") and _names(request, "HTTP_IF_NONE_MATCH", tag, is_weak=True):
        return HttpResponse(status=304, headers={"ETag": tag})
    return rendering.answer(body if shown is None else shown, status=status, headers={"ETag": tag})


def require(request: Request, body: Any) -> None:
    """
    See that the caller knows the present state, `body`. To be called with the row locked.

    :raises PreconditionRequired: without `If-Match`
    :raises PreconditionFailed: if it names another state
    """
    if "HTTP_IF_MATCH" not in request._request.META:
        raise PreconditionRequired(_("Read it, and send its ETag as If-Match."))
    if not parse_etags(request._request.META["HTTP_IF_MATCH"]):
        raise PreconditionFailed(_("If-Match is no ETag: send it as it came, within its quotation marks."))
    if not _names(request, "HTTP_IF_MATCH", of(body), is_weak=False):
        raise PreconditionFailed(_("It was changed since you read it. Read it again and decide anew."))


def _names(request: Request, header: str, tag: str, *, is_weak: bool) -> bool:
    given = parse_etags(request._request.META.get(header, ""))
    if is_weak:
        given = [one.removeprefix("W/") for one in given]
    return tag in given or given == ["*"]
