"""The program as code: download the file, look at what a file or another program would change, apply it."""

from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from loyalty.core import clock, roles
from loyalty.core.admin import program_page, user_of
from loyalty.core.errors import DomainError
from loyalty.core.models import Program
from rewards.blueprint import applying, audience, comparing, document, reading
from rewards.blueprint.comparing import ADDED, CHANGED, MISSING, Change, Comparison
from rewards.blueprint.document import Document
from rewards.blueprint.faults import Fault, InvalidBlueprint
from rewards.tasks import refresh_segment
from rewards.telling import wording

FAULTS_SHOWN: Final = 50
CHIPS: Final = {ADDED: "success", CHANGED: "info", MISSING: "warning"}


@program_page(applying.VIEW)
def show(request: HttpRequest, program: Program) -> HttpResponseBase:
    return _render(request, program, {})


@program_page(applying.VIEW)
def download(request: HttpRequest, program: Program) -> HttpResponseBase:
    name = f"{program.key}.yaml"
    return HttpResponse(
        document.export(program),
        content_type="application/yaml; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_POST
@program_page(applying.VIEW)
def differences(request: HttpRequest, program: Program) -> HttpResponseBase:
    """What the chosen file or program would change, or what is wrong with it. Nothing is written."""
    try:
        raw, source = _given(request, program)
        found = document.read(raw)
        comparison = comparing.compare(found, program)
    except InvalidBlueprint as invalid:
        return _render(request, program, _faulty(invalid.faults), status=422)
    context = {"raw": raw.decode("utf-8-sig"), "source": source}
    return _render(request, program, context | _told(comparison, found, program, request))


@require_POST
@program_page(applying.APPLY)
def apply(request: HttpRequest, program: Program) -> HttpResponseBase:
    """Carry out what was looked at, and nothing else."""
    raw = request.POST.get("raw", "").replace("\r\n", "\n").encode()
    try:
        comparison = applying.apply(
            document.read(raw),
            program=program,
            by=user_of(request),
            at=clock.now(program),
            publish=request.POST.getlist("publish"),
            prune="prune" in request.POST,
            seen=request.POST.get("seen", ""),
        )
    except applying.MayNotApply as refusal:
        raise PermissionDenied from refusal
    except InvalidBlueprint as invalid:
        return _render(request, program, _faulty(invalid.faults), status=422)
    except DomainError as refusal:
        messages.error(request, _("Nothing was changed. %(why)s") % {"why": refusal.detail})
    else:
        for segment_id in audience.to_be_found(program):
            refresh_segment.delay(segment_id=str(segment_id))
        count = sum(change.kind != MISSING for change in comparison.changes)
        said = ngettext("Applied: %(count)d difference.", "Applied: %(count)d differences.", count)
        messages.success(request, said % {"count": count})
    return HttpResponseRedirect(reverse("blueprint"))


def _given(request: HttpRequest, program: Program) -> tuple[bytes, str]:
    """
    The file, and where it is from: uploaded, or another program as it is.

    :raises PermissionDenied: for a program that this person has no such role in
    """
    if wanted := request.POST.get("program"):
        others = {str(other.pk): other for other in _others(request, program)}
        if wanted not in others:
            raise PermissionDenied
        return document.export(others[wanted]).encode(), others[wanted].name
    upload = request.FILES.get("file")
    if upload is None:
        raise InvalidBlueprint([Fault(0, "", _("Choose a file or a program first."))])
    # One byte more than may be read tells that there is too much.
    raw = upload.read(reading.BYTES_AT_MOST + 1)
    return raw.replace(b"\r\n", b"\n"), str(upload.name)


def _others(request: HttpRequest, program: Program) -> list[Program]:
    """The programs whose design this person may see, sandboxes first."""
    user = user_of(request)
    found = [
        other
        for other in getattr(request, "programs", [])
        if other != program and roles.may(user, applying.VIEW, program=other)
    ]
    return sorted(found, key=lambda other: (other.kind != "sandbox", other.name))


def _faulty(faults: tuple[Fault, ...]) -> dict[str, Any]:
    return {"faults": faults[:FAULTS_SHOWN], "more_faults": max(len(faults) - FAULTS_SHOWN, 0)}


def _told(comparison: Comparison, found: Document, program: Program, request: HttpRequest) -> dict[str, Any]:
    shown = [_shown(change, found, program) for change in comparison.changes]
    return {
        "comparison": comparison,
        "changes": [one for one in shown if one["change"].kind != MISSING],
        "missing": [one for one in shown if one["change"].kind == MISSING],
        "counts": [(kind, CHIPS[kind], len(comparison.of_kind(kind))) for kind in CHIPS],
        "may_publish": request.user.has_perm(applying.PUBLISH),
        "can_prune": any(change.can_be_pruned for change in comparison.changes),
        "publishable": [
            (key, found.things["campaigns"][key].values["name"]) for key in comparison.unpublished
        ],
        "paused": [(key, found.things["campaigns"][key].values["name"]) for key in comparison.paused],
        "is_same": not comparison.changes and not comparison.unpublished,
    }


def _shown(change: Change, found: Document, program: Program) -> dict[str, Any]:
    """A change with, for a campaign, the sentence of what it will do."""
    sentence = ""
    if change.section == "campaigns" and change.kind != MISSING:
        rule = found.things["campaigns"][change.key].values["definition"]
        sentence = wording.sentence(rule, program=program)
    return {"change": change, "chip": CHIPS[change.kind], "sentence": sentence, "fate": change.fate()}


def _render(
    request: HttpRequest, program: Program, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    request.current_app = admin.site.name
    frame = {
        **admin.site.each_context(request),
        "title": _("Program as code"),
        "program": program,
        "others": _others(request, program),
        "may_apply": request.user.has_perm(applying.APPLY),
    }
    return TemplateResponse(request, "admin/blueprint/page.html", frame | context, status=status)


urlpatterns = [
    path("", show, name="blueprint"),
    path("download/", download, name="blueprint_download"),
    path("differences/", differences, name="blueprint_differences"),
    path("apply/", apply, name="blueprint_apply"),
]
