"""
Middlewares, and the split between pages and the API.

The admin's chain (sessions, messages, locale, policies) costs a good part of a sale's processor
time and does nothing for a partner: the `Page…` classes are the well-known middlewares, which step
aside for the addresses of the API and for health checks.
"""

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import structlog
from csp.middleware import CSPMiddleware
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.locale import LocaleMiddleware
from django.utils import timezone
from pghistory.middleware import HistoryMiddleware
from whitenoise.middleware import WhiteNoiseMiddleware

from loyalty.core.ids import new_id
from loyalty.core.models import Assignment, Program, User

if TYPE_CHECKING:
    # What most middlewares are; those that are not have `get_response` all the same.
    from django.utils.deprecation import MiddlewareMixin as Middleware
else:
    Middleware = object

API_PREFIXES = ("/v1/", "/graphql", "/oauth/", "/.well-known/", "/healthz", "/readyz")
REQUEST_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}")
# Version, trace, span and flags; later versions may have more behind them.
TRACE = re.compile(
    r"(?!ff)(?!00-.{53})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def is_page(request: HttpRequest) -> bool:
    path = request.path_info
    return path != "/v1" and (not path.startswith(API_PREFIXES) or path.startswith("/v1/docs"))


class RequestIdMiddleware:
    """
    Take the caller's `X-Request-Id` or make one; it is in the answer and in every line of the log.

    So is the trace of a caller's `traceparent` (W3C Trace Context), by which a call is found in other
    systems' traces; one that is not well-formed is ignored, as the standard wants it.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if REQUEST_ID.fullmatch(given) else str(new_id())
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        request.request_id = request_id  # type: ignore[attr-defined]
        if trace := TRACE.fullmatch(request.META.get("HTTP_TRACEPARENT", "")):
            request.trace_id = trace[1]  # type: ignore[attr-defined]
            structlog.contextvars.bind_contextvars(trace_id=trace[1])
        response = self.get_response(request)
        response.headers["X-Request-Id"] = request_id
        if _leaves_a_body(request):
            # The server then ends the connection: say so. To read on would let strangers hold a thread.
            response.headers["Connection"] = "close"
        if isinstance(response, HttpResponse):
            # Without it the server sends the answer in chunks; Django's own setter is for pages only.
            response.headers.setdefault("Content-Length", str(len(response.content)))
        return response


def _leaves_a_body(request: HttpRequest) -> bool:
    """Whether a call was answered without its body, where the server takes word of it (PEP 3333 has none)."""
    if request.META.get("SERVER_SOFTWARE") != "Granian" or is_page(request):
        return False
    sent = request.META.get("CONTENT_LENGTH") or "0"
    return (sent != "0" or "HTTP_TRANSFER_ENCODING" in request.META) and not hasattr(request, "_body")


class HostMiddleware:
    """Refuse calls of the API to a host that is not ours; pages have `CommonMiddleware` for that."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(("/v1", "/graphql", "/oauth/")):
            request.get_host()
        return self.get_response(request)


class PagesOnly(Middleware):
    """Mixed into a middleware, makes it step aside where there is no page."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        return super().__call__(request) if is_page(request) else self.get_response(request)


class PageWhiteNoiseMiddleware(PagesOnly, WhiteNoiseMiddleware): ...


class PageCSPMiddleware(PagesOnly, CSPMiddleware): ...


class PageSessionMiddleware(PagesOnly, SessionMiddleware): ...


class PageLocaleMiddleware(PagesOnly, LocaleMiddleware): ...


class PageCommonMiddleware(PagesOnly, CommonMiddleware): ...


class PageCsrfViewMiddleware(PagesOnly, CsrfViewMiddleware):
    def process_view(self, request: HttpRequest, *args: Any) -> Any:
        return super().process_view(request, *args) if is_page(request) else None


class PageAuthenticationMiddleware(PagesOnly, AuthenticationMiddleware): ...


class PageMessageMiddleware(PagesOnly, MessageMiddleware): ...


class PageXFrameOptionsMiddleware(PagesOnly, XFrameOptionsMiddleware): ...


class PageHistoryMiddleware(PagesOnly, HistoryMiddleware): ...


class StaffRequest(HttpRequest):
    """What `CurrentProgramMiddleware` makes of a request; a name for types, no request is one."""

    program: Program | None
    role: str | None
    programs: list[Program]


class CurrentProgramMiddleware:
    """
    Set `request.program` and `request.role`: which program a member of staff is working in.

    Chosen in the header and kept in the session; only programs with an assignment (all of them for
    superusers) can be chosen. Both are None without any;
    `request.programs` are those that can be chosen. Pages speak in the program's time zone.
    """

    SESSION_KEY = "program"

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: StaffRequest) -> HttpResponseBase:
        request.program, request.role, request.programs = self._choose(request)
        zone = ZoneInfo(request.program.time_zone) if request.program else None
        with timezone.override(zone):
            return self.get_response(request)

    def _choose(self, request: HttpRequest) -> tuple[Program | None, str | None, list[Program]]:
        if not is_page(request) or request.path_info.startswith("/static/"):
            return None, None, []
        user = request.user
        if not user.is_authenticated:
            return None, None, []
        user.program, user.role, programs = _place(user, wanted=request.session.get(self.SESSION_KEY))
        return user.program, user.role, programs


def _place(user: User, *, wanted: str | None) -> tuple[Program | None, str | None, list[Program]]:
    """The program and role that somebody works in, and the programs that could be chosen."""
    choices = list(Assignment.objects.held_by(user).order_by("program__name", "pk"))
    chosen = next((a for a in choices if str(a.program_id) == wanted), choices[0] if choices else None)
    if chosen:
        return chosen.program, chosen.role, [assignment.program for assignment in choices]
    if not user.is_superuser:
        return None, None, []
    programs = list(Program.objects.order_by("name", "pk"))
    picked = next((program for program in programs if str(program.pk) == wanted), None)
    return picked or next(iter(programs), None), None, programs
