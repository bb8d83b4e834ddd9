"""What goes in and out at the API's door: strangers are counted, and each answer tells of limits."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from loyalty.core.api import problem, throttling
from loyalty.core.api.refusals import TooManyRequests

PREFIXES: Final = ("/v1", "/oauth/token", "/graphql")


class TrafficMiddleware:
    """
    Around every call of the API, also those that no view answers.

    Who brings no credential is counted before anything is done for him; whose credential is not valid, once
    that is known. So a flood from an address that a partner shares does not touch the partner's calls.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(PREFIXES):
            return self.get_response(request)
        response = self._answer(request)
        for name, value in throttling.headers(request).items():
            response.headers[name] = value
        return response

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        if "HTTP_AUTHORIZATION" not in request.META:
            return _refused(request) or self.get_response(request)
        response = self.get_response(request)
        return (response.status_code == 401 and _refused(request)) or response


def _refused(request: HttpRequest) -> HttpResponse | None:
    try:
        throttling.admit_stranger(request)
    except TooManyRequests as refusal:
        return problem.response(refusal, request)
    return None
