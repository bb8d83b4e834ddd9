"""The draft, saved as one types."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.views.decorators.http import require_POST

from loyalty.core.admin import program_of
from loyalty.core.errors import DomainError
from rewards.admin.building import asked
from rewards.admin.campaign.page import CampaignForm, autosave_url, clock_time, names_form, theirs
from rewards.admin.campaign.tabs import CampaignPages, campaign_of, page
from rewards.models import Campaign
from rewards.planning import drafts, making


def urls(pages: CampaignPages) -> list[URLPattern]:
    view = pages.admin_site.admin_view
    return [
        path("check/", view(asked.check_view), name="rewards_campaign_check"),
        path("outlook/", view(asked.outlook_view), name="rewards_campaign_outlook"),
        path("choices/<slug:name>/", view(asked.choices_view), name="rewards_campaign_choices"),
        path(
            "autosave/",
            view(require_POST(lambda request: begin_view(pages, request))),
            name="rewards_campaign_autosave_new",
        ),
        page(pages, "autosave", autosave_view),
    ]


def begin_view(pages: CampaignPages, request: HttpRequest) -> HttpResponse:
    """Keep a new campaign, which has a name from now on."""
    if not pages.has_add_permission(request):
        raise PermissionDenied
    campaign = Campaign(program=program_of(request))
    body, _form, refusal = _read(request, campaign)
    if refusal is not None:
        return refusal
    campaign.draft = body["definition"]
    making.begin(campaign)
    pages.log_addition(request, campaign, [])
    return _kept(campaign)


def autosave_view(pages: CampaignPages, request: HttpRequest, campaign_id: str) -> HttpResponse:
    """Keep the draft, unless somebody else changed it since it was opened: then say what they made of it."""
    campaign = campaign_of(pages, request, campaign_id)
    if request.method != "POST" or not pages.has_change_permission(request, campaign):
        raise PermissionDenied
    body, form, refusal = _read(request, campaign)
    if refusal is not None:
        return refusal
    try:
        drafts.save(
            campaign,
            name=form.cleaned_data["name"],
            description=form.cleaned_data["description"],
            definition=body["definition"],
            started_from=str(body.get("revision", "")),
        )
    except drafts.DraftHasChanged as changed:
        return JsonResponse({"detail": changed.detail, "theirs": theirs(changed.campaign)}, status=409)
    except DomainError as error:
        return JsonResponse({"detail": error.detail}, status=422)
    return _kept(campaign)


def _read(
    request: HttpRequest, campaign: Campaign
) -> tuple[dict[str, Any], CampaignForm, JsonResponse | None]:
    """What was sent, its name checked, and the refusal if it cannot be kept."""
    body = asked.body_of(request)
    form = names_form(campaign, body or {})
    if body is None or "definition" not in body:
        return {}, form, JsonResponse({"detail": _now("The rule could not be read.")}, status=422)
    if not form.is_valid():
        said = " ".join(str(text) for texts in form.errors.values() for text in texts)
        return body, form, JsonResponse({"detail": said}, status=422)
    return body, form, None


def _kept(campaign: Campaign) -> JsonResponse:
    return JsonResponse(
        {
            "revision": drafts.revision(campaign),
            "saved_at": clock_time(timezone.now()),
            "autosave_url": autosave_url(campaign),
            "change_url": reverse("admin:rewards_campaign_change", args=[campaign.pk]),
        }
    )
