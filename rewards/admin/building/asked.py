"""What the builder asks while one types: what the rule says, what it lacks, and what there is to choose."""

from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBadRequest, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _now
from django.views.decorators.http import require_GET, require_POST
from msgspec import to_builtins

from loyalty.core import clock
from loyalty.core.admin.base import program_of
from loyalty.core.api import parsing
from loyalty.core.errors import DomainError
from loyalty.core.models import Program
from rewards import linting
from rewards.admin.building import lists, offered, plain, reach
from rewards.engine.catalogue import SCOPES
from rewards.models import Campaign
from rewards.telling import wording

LARGEST: Final = 500_000
PERMISSION: Final = "rewards.view_campaign"


def judgement(definition: Any, program: Program) -> dict[str, Any]:
    """The definition's sentence, and what it lacks."""
    return {
        "sentence": wording.sentence(definition, program=program),
        "problems": plain.problems(definition, program=program),
    }


def judgement_of_tree(tree: Any, *, scope: str) -> dict[str, Any]:
    """What conditions that stand alone lack."""
    problems = plain.tree_problems(tree, scope=scope)
    return {"sentence": "", "problems": problems}


def body_of(request: HttpRequest) -> dict[str, Any] | None:
    """The JSON object that was sent; None if it is none."""
    if len(request.body) > LARGEST:
        return None
    try:
        found = parsing.loads(request.body)
    except DomainError:
        return None
    return found if isinstance(found, dict) else None


def _program(request: HttpRequest) -> Program:
    program = program_of(request)
    if program is None or not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    return program


@require_POST
def check_view(request: HttpRequest) -> HttpResponseBase:
    """What a definition says and lacks; it need not be saved, nor complete."""
    program = _program(request)
    body = body_of(request)
    if body is None:
        return HttpResponseBadRequest(_now("This must be a JSON object."))
    definition = body.get("definition")
    if (scope := request.GET.get("scope", "")) in SCOPES:
        return JsonResponse(judgement_of_tree(_tree_of(definition), scope=scope))
    return JsonResponse(judgement(definition, program))


@require_POST
def outlook_view(request: HttpRequest) -> HttpResponseBase:
    """How many members a rule can reach and what to think of: asked apart, for it takes longer."""
    program = _program(request)
    body = body_of(request)
    if body is None:
        return HttpResponseBadRequest(_now("This must be a JSON object."))
    definition, now = body.get("definition"), clock.now(program)
    if request.GET.get("scope") == "member":
        return JsonResponse({"audience": reach.of_tree(_tree_of(definition), program, at=now), "hints": []})
    hints = linting.lint(program, definition, _campaign(program, body.get("campaign")))  # type: ignore[arg-type]
    return JsonResponse(
        {
            "audience": reach.of_campaign(definition, program, at=now),
            "hints": [to_builtins(hint) for hint in hints],
        }
    )


def _campaign(program: Program, key: Any) -> Campaign | None:
    return Campaign.objects.filter(program=program, key=key).first() if isinstance(key, str) else None


def _tree_of(definition: Any) -> Any:
    return definition.get("conditions") if isinstance(definition, dict) else None


@require_GET
def choices_view(request: HttpRequest, name: str) -> HttpResponseBase:
    """What a list has that fits a text."""
    program = _program(request)
    if name not in lists.SOURCES:
        raise Http404
    found = lists.search(program, name, request.GET.get("q", "")[:100])
    return JsonResponse({"choices": offered.choices(found)})
