"""What goes in and out at the API's door: strangers are counted, limits are told, calls are logged."""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from integrations import calls
from loyalty.core.api import problem, throttling
from loyalty.core.api.deprecation import Deprecation
from loyalty.core.api.refusals import TooManyRequests
from loyalty.core.api.schema import Operation

OAUTH: Final = "/oauth/"
PREFIXES: Final = ("/v1", OAUTH, "/graphql")


class TrafficMiddleware:
    """
    Around every call of the API, also those that no view answers.

    Who brings no credential is counted before anything is done for him; whose credential is not valid, or is
    brought to where none is asked for, once that is known; so is who fails to get a token, as he may have
    asked for it in the body. So a flood from an address that a partner shares does not touch the partner's
    calls.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(PREFIXES):
            return self.get_response(request)
        began = time.perf_counter()
        response = self._answer(request)
        for name, value in throttling.headers(request).items():
            response.headers[name] = value
        operation = _operation(request)
        if operation and operation.deprecated:
            _say_that_it_goes(response, operation.deprecated)
        if who := getattr(request, "recognised", None):
            calls.log.note(_noted(request, response, operation, who=who, seconds=time.perf_counter() - began))
        return response

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        if "HTTP_AUTHORIZATION" not in request.META and not request.path_info.startswith(OAUTH):
            return _refused(request) or self.get_response(request)
        response = self.get_response(request)
        return (_is_strangers(request, response) and _refused(request)) or response


def _is_strangers(request: HttpRequest, response: HttpResponseBase) -> bool:
    """
    Whether nobody valid has asked: also where no credential is looked at, or before one is.

    An outage is not counted, as nobody can be known then.
    """
    is_known = getattr(request, "recognised", None) is not None
    return response.status_code == 401 or (not is_known and response.status_code < 500)


def _refused(request: HttpRequest) -> HttpResponse | None:
    try:
        throttling.admit_stranger(request)
    except TooManyRequests as refusal:
        return problem.response(refusal, request)
    return None


def _say_that_it_goes(response: HttpResponseBase, end: Deprecation) -> None:
    for name, value in end.headers().items():
        there = response.headers.get(name) if name == "Link" else None
        response.headers[name] = f"{there}, {value}" if there else value


def _noted(
    request: HttpRequest,
    response: HttpResponseBase,
    operation: Operation | None,
    *,
    who: calls.Recognised,
    seconds: float,
) -> calls.Noted:
    match = request.resolver_match
    route = match.route if match else ""
    return calls.Noted(
        who=who,
        ended_at=time.time(),
        # What is no operation goes by the pattern of its address.
        operation=operation.id if operation else f"{request.method} {route}"[: calls.NAME_LENGTH],
        status=response.status_code,
        seconds=seconds,
        places=match.kwargs.values() if match else (),
        head=response.content[: calls.HEAD_LENGTH] if isinstance(response, HttpResponse) else b"",
        request_id=getattr(request, "request_id", ""),
        trace_id=getattr(request, "trace_id", ""),
        is_replay="Idempotent-Replayed" in response.headers,
        is_deprecated=operation is not None and operation.deprecated is not None,
    )


def _operation(request: HttpRequest) -> Operation | None:
    """What the docs say about the operation that was called; None if it was none."""
    match = request.resolver_match
    return _described(match.func, request.method or "") if match else None


@lru_cache(maxsize=1024)
def _described(view: Any, method: str) -> Operation | None:
    kind = getattr(view, "cls", None) or getattr(view, "view_class", None)
    name = "get" if method == "HEAD" else method.lower()
    handler = getattr(kind, getattr(view, "actions", {}).get(name, name), None)
    return getattr(handler, "operation", None)
