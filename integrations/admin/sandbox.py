"""The page of a sandbox: its test clock and its data. A live program's page makes sandboxes."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from integrations.models import ClockMove
from integrations.sandbox import copying, resetting, sample_data, time_travel
from loyalty.core import audit, clock
from loyalty.core.admin import View, program_page, user_of
from loyalty.core.errors import DomainError, InvalidInput
from loyalty.core.middleware import CurrentProgramMiddleware
from loyalty.core.models import Program, ProgramKind
from loyalty.core.models.program import KEY_VALIDATOR
from members.models import Member
from rewards.tasks import refresh_segment

CONTROL: Final = "integrations.control_sandbox"
WAITS_SECONDS: Final = 20.0
MOVES_SHOWN: Final = 10
STEPS: Final = (1, 7, 30, 90, 365)


def _command(permission: str) -> Callable[[View], Callable[..., HttpResponseBase]]:
    """A button of the page: what it refuses is told there, and what it did."""

    def decorate(command: View) -> Callable[..., HttpResponseBase]:
        @wraps(command)
        def answered(request: HttpRequest, program: Program) -> HttpResponseBase:
            try:
                _check_place(request, program)
                return command(request, program)
            except DomainError as refusal:
                messages.error(request, _("Nothing was changed. %(why)s") % {"why": refusal.detail})
                return HttpResponseRedirect(reverse("sandbox"))

        return require_POST(program_page(permission)(answered))

    return decorate


def _check_place(request: HttpRequest, program: Program) -> None:
    """
    The button must be of the program that one works in: another may have been chosen in another window.

    :raises InvalidInput: if it is not
    """
    if request.POST.get("page_of") != program.key:
        raise InvalidInput(
            _("That page was of another program; you work in “%(program)s” now.") % {"program": program.name}
        )


@program_page(CONTROL)
def show(request: HttpRequest, program: Program) -> HttpResponseBase:
    context = _of_sandbox(program) if program.kind == ProgramKind.SANDBOX else _of_live(request)
    request.current_app = admin.site.name
    frame = {**admin.site.each_context(request), "title": _("Sandbox"), "program": program}
    return TemplateResponse(request, "admin/integrations/sandbox/page.html", frame | context)


def _of_sandbox(program: Program) -> dict[str, Any]:
    local = clock.now(program).astimezone(ZoneInfo(program.time_zone))
    return {
        "is_sandbox": True,
        "now": local,
        "days_ahead": round(program.clock_offset / timedelta(days=1)),
        "moving": time_travel.under_way(program),
        "moves": list(ClockMove.objects.of(program).order_by("-pk")[:MOVES_SHOWN]),
        "steps": STEPS,
        "is_empty": not Member.objects.filter(program=program).exists(),
        "most": sample_data.AT_MOST,
    }


def _of_live(request: HttpRequest) -> dict[str, Any]:
    programs: list[Program] = getattr(request, "programs", [])
    return {
        "sandboxes": [program for program in programs if program.kind == ProgramKind.SANDBOX],
        "may_create": request.user.has_perm(copying.CREATE),
    }


@_command(CONTROL)
def move(request: HttpRequest, program: Program) -> HttpResponse:
    actor = user_of(request).actor
    asked = time_travel.ask(program, actor=actor, **_where(request, program))
    if time_travel.go_on(asked, seconds=WAITS_SECONDS):
        messages.success(request, _("The clock is there. Everything that fell due has happened."))
    else:
        messages.info(request, _("The clock is on its way; this page says when it is there."))
    return HttpResponseRedirect(reverse("sandbox"))


def _where(request: HttpRequest, program: Program) -> dict[str, Any]:
    days, moment = request.POST.get("days", ""), request.POST.get("to", "")
    try:
        if days:
            return {"by": timedelta(days=int(days))}
        local = datetime.fromisoformat(moment)
    except (ValueError, OverflowError):
        raise InvalidInput(_("Say a number of days, or a day and time.")) from None
    return {"to": local.replace(tzinfo=ZoneInfo(program.time_zone))}


@_command(CONTROL)
def fill(request: HttpRequest, program: Program) -> HttpResponse:
    wanted = request.POST.get("members", "")
    if not wanted.isdecimal() or not 1 <= int(wanted) <= sample_data.AT_MOST:
        raise InvalidInput(_("Up to %(most)d members at once.") % {"most": sample_data.AT_MOST})
    made = sample_data.add(program, members=int(wanted), at=clock.now(program))
    said = ngettext(
        "%(count)d member came, with %(sales)d purchases.",
        "%(count)d members came, with %(sales)d purchases.",
        len(made.members),
    )
    messages.success(request, said % {"count": len(made.members), "sales": made.transactions})
    return HttpResponseRedirect(reverse("sandbox"))


@_command(CONTROL)
def reset(request: HttpRequest, program: Program) -> HttpResponse:
    if request.POST.get("key") != program.key:
        raise InvalidInput(_("Type the program's key, “%(key)s”, to reset it.") % {"key": program.key})
    emptied = resetting.reset(program, at=clock.now(program))
    said = _("Reset: %(members)d members and %(transactions)d transactions are gone.")
    told = said % {"members": emptied.members, "transactions": emptied.transactions}
    audit.note(program, by=user_of(request), text=told)
    messages.success(request, told)
    return HttpResponseRedirect(reverse("sandbox"))


@_command(copying.CREATE)
def create(request: HttpRequest, program: Program) -> HttpResponse:
    key, name = request.POST.get("key", "").strip(), request.POST.get("name", "").strip()
    _check(key, name)
    by = user_of(request)
    copied = copying.copy(program, key=key, name=name, by=by, at=clock.now(program))
    for segment_id in copying.to_be_found(copied.sandbox):
        refresh_segment.delay(segment_id=segment_id)
    for campaign, why in copied.unpublished.items():
        messages.warning(
            request, _("“%(campaign)s” stays a draft: %(why)s") % {"campaign": campaign, "why": why}
        )
    messages.success(
        request, _("Here it is: “%(name)s”. Issue its test suite a key to begin.") % {"name": name}
    )
    request.session[CurrentProgramMiddleware.SESSION_KEY] = str(copied.sandbox.pk)
    return HttpResponseRedirect(reverse("sandbox"))


def _check(key: str, name: str) -> None:
    """:raises InvalidInput: if a program cannot be called that"""
    try:
        KEY_VALIDATOR(key)
    except ValidationError as wrong:
        raise InvalidInput(_("Key: %(why)s") % {"why": wrong.message}) from None
    if not 1 <= len(name) <= 100 or len(key) > 40:
        raise InvalidInput(_("A name has up to 100 characters, a key up to 40."))


urlpatterns = [
    path("", show, name="sandbox"),
    path("move/", move, name="sandbox_move"),
    path("fill/", fill, name="sandbox_fill"),
    path("reset/", reset, name="sandbox_reset"),
    path("create/", create, name="sandbox_create"),
]
