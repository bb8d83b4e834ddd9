"""What the builder asks while one types: what the rule says, what it lacks, and what there is to choose."""

import json
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBadRequest, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _now
from django.views.decorators.http import require_GET, require_POST

from loyalty.core.admin.base import program_of
from loyalty.core.models import Program
from rewards import linting, wording
from rewards.admin.building import offered, plain
from rewards.engine.catalogue import SCOPES
from rewards.models import Campaign

LARGEST: Final = 500_000
PERMISSION: Final = "rewards.view_campaign"


def judgement(definition: Any, program: Program, campaign: Campaign | None = None) -> dict[str, Any]:
    """The definition's sentence, what it lacks, and what to think of before it is published."""
    return {
        "sentence": wording.sentence(definition, program=program),
        "problems": plain.problems(definition, program=program),
        "hints": [_hint(hint) for hint in linting.lint(program, definition, campaign)],
        "audience": None,
    }


def _hint(hint: linting.Hint) -> dict[str, str]:
    level = "danger" if hint.severity == linting.ERROR else hint.severity
    return {"pointer": hint.pointer, "text": f"{hint.text} {hint.advice}", "level": level}


def judgement_of_tree(tree: Any, *, scope: str) -> dict[str, Any]:
    """What conditions that stand alone lack."""
    problems = plain.tree_problems(tree, scope=scope)
    return {"sentence": "", "problems": problems, "hints": [], "audience": None}


def body_of(request: HttpRequest) -> dict[str, Any] | None:
    """The JSON object that was sent; None if it is none."""
    if len(request.body) > LARGEST:
        return None
    try:
        found = json.loads(request.body)
    except ValueError:
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
        tree = definition.get("conditions") if isinstance(definition, dict) else None
        return JsonResponse(judgement_of_tree(tree, scope=scope))
    campaign = Campaign.objects.filter(program=program, key=str(body.get("campaign", ""))).first()
    return JsonResponse(judgement(definition, program, campaign))


@require_GET
def choices_view(request: HttpRequest, name: str) -> HttpResponseBase:
    """What a list has that fits a text."""
    program = _program(request)
    found = offered.search(program, name, request.GET.get("q", ""))
    return JsonResponse({"choices": found})
