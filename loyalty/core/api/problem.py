"""
Every error of the API is a problem document (RFC 9457), and this is where it is made.

`handle` answers whatever a view raises; the `…_handler` views answer what never reaches one.
"""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.utils.translation import gettext as _
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response

from loyalty.core import logs
from loyalty.core.api import refusals, rendering
from loyalty.core.errors import DomainError, InvalidInput, NotFound

MEDIA_TYPE: Final = "application/problem+json"

logger = structlog.get_logger(__name__)

_BY_STATUS: Final[dict[int, type[DomainError]]] = {
    400: refusals.BadRequest,
    401: refusals.Unauthenticated,
    403: refusals.Forbidden,
    404: NotFound,
    405: refusals.MethodNotAllowed,
    406: refusals.NotAcceptable,
    413: refusals.BodyTooLarge,
    415: refusals.UnsupportedMediaType,
    422: InvalidInput,
    429: refusals.TooManyRequests,
}


def handle(error: Exception, context: dict[str, Any]) -> Response:
    """Answer what a view raised (the `EXCEPTION_HANDLER` of the settings). Nothing leaks a stack trace."""
    request: HttpRequest = context["request"]._request
    # Also where the view itself answers in another form, as the docs do.
    context["request"].accepted_renderer = rendering.JSONRenderer()
    context["request"].accepted_media_type = MEDIA_TYPE
    refusal = _refusal(error, request)
    headers = _headers(error, refusal)
    body = document(refusal, path=request.path)
    return Response(body, refusal.status, headers=headers, content_type=MEDIA_TYPE)


# Answers are kept for repeats, and somebody's address is not to be kept with them.
_IDENTIFIER: Final = re.compile(r"(?<=/)((?:card|email|phone|external):)[^/]+")


def document(refusal: DomainError, *, path: str) -> dict[str, Any]:
    """The body of a problem document."""
    body = {
        "type": type_uri(refusal.code),
        "title": str(refusal.title),
        "status": refusal.status,
        "detail": str(refusal.detail),
        "instance": _IDENTIFIER.sub(r"\1-", path),
        "code": refusal.code,
        **refusal.extra,
    }
    if refusal.pointer is not None:
        body["errors"] = [{"detail": str(refusal.detail), "pointer": refusal.pointer}]
    return body


def sample(kind: type[DomainError]) -> DomainError:
    """A refusal of that kind as the docs show it, with all that it tells."""
    return kind(**{name: extra.example for name, extra in kind.extras.items()})


def type_uri(code: str) -> str:
    """Where the docs explain a code."""
    return f"{settings.BASE_URL}/v1/docs/problems/{code}"


def known() -> list[type[DomainError]]:
    """Each refusal that a partner may meet, one a code, in the order of status and code."""
    by_code: dict[str, type[DomainError]] = {}
    for kind in _family(DomainError):
        by_code.setdefault(kind.code, kind)
    by_code.pop(DomainError.code, None)
    return sorted(by_code.values(), key=lambda kind: (kind.status, kind.code))


def _family(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    # Parents before children: a child that takes over its parent's code is a detail of it.
    for child in kind.__subclasses__():
        yield child
        yield from _family(child)


def _refusal(error: Exception, request: HttpRequest) -> DomainError:
    match error:
        case DomainError():
            return error
        case exceptions.ValidationError():
            return _invalid(error)
        case exceptions.APIException():
            return _BY_STATUS.get(error.status_code, refusals.InternalError)(str(error.detail))
        case Http404():
            return NotFound()
        case PermissionDenied():
            return refusals.Forbidden()
        case RequestDataTooBig():
            return refusals.BodyTooLarge(_("A body may have up to 5 MB."))
        case SuspiciousOperation() | UnreadablePostError():
            return refusals.BadRequest()
        case OperationalError():
            logger.warning("database unavailable", exc_info=error)
            return refusals.Unavailable(_("Nothing was changed. Send the same call again in a moment."))
    logger.error("unexpected error", route=logs.route(request), exc_info=error)
    got_request_exception.send(sender=None, request=request)
    return refusals.InternalError(_("Nothing was changed. Tell us the X-Request-Id of this answer."))


def _invalid(error: exceptions.ValidationError) -> InvalidInput:
    errors = [
        {"detail": detail, "pointer": pointer} for pointer, detail in _flattened(error.detail, pointer="#")
    ]
    return InvalidInput("; ".join(item["detail"] for item in errors), errors=errors)


def _flattened(detail: Any, *, pointer: str) -> Iterator[tuple[str, str]]:
    """The leaves of a serializer's errors, each with where it is in the body (RFC 6901)."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            step = "" if name == "non_field_errors" else "/" + str(name).replace("~", "~0").replace("/", "~1")
            yield from _flattened(inner, pointer=pointer + step)
    elif isinstance(detail, list):
        for position, inner in enumerate(detail):
            nested = isinstance(inner, dict | list)
            yield from _flattened(inner, pointer=f"{pointer}/{position}" if nested else pointer)
    else:
        yield pointer, str(detail)


def _headers(error: Exception, refusal: DomainError) -> dict[str, str]:
    headers: dict[str, str] = {}
    if isinstance(refusal, refusals.InvalidCredential):
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'  # RFC 6750, section 3.1
    elif refusal.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    elif isinstance(refusal, refusals.MissingScope):
        headers["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{refusal.extra["scope"]}"'
    wait = getattr(error, "wait", None) or refusal.extra.get("retry_after")
    if wait is None and refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
        wait = 1
    if wait is not None:
        headers["Retry-After"] = str(int(wait))
    return headers


def response(refusal: DomainError, request: HttpRequest) -> HttpResponse:
    """The problem document where there is no view of the API around."""
    body = rendering.dumps(document(refusal, path=request.path))
    return HttpResponse(
        body, status=refusal.status, content_type=MEDIA_TYPE, headers=_headers(refusal, refusal)
    )


@csrf_exempt
def unknown_address(request: HttpRequest, **parts: str) -> HttpResponse:
    """Whatever is under /v1 and no operation."""
    if request.path.endswith("/"):
        return response(refusals.UnknownAddress(_("Addresses have no slash at their end.")), request)
    return response(refusals.UnknownAddress(), request)


def bad_request_handler(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return response(_refusal(exception, request), request)
    return defaults.bad_request(request, exception)


def permission_denied_handler(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return response(refusals.Forbidden(), request)
    return defaults.permission_denied(request, exception)


def not_found_handler(request: HttpRequest, exception: Exception) -> HttpResponse:
    return unknown_address(request) if _is_api(request) else defaults.page_not_found(request, exception)


def server_error_handler(request: HttpRequest) -> HttpResponse:
    """Django has logged the error already."""
    return response(refusals.InternalError(), request) if _is_api(request) else defaults.server_error(request)


def _is_api(request: HttpRequest) -> bool:
    return request.path_info == "/v1" or request.path_info.startswith(("/v1/", "/graphql", "/oauth/"))
