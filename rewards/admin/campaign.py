"""Campaigns: the list, the guided form with its sentence, and the campaign's life."""

import json
from difflib import SequenceMatcher
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from loyalty.core import clock
from loyalty.core.admin import ProgramModelAdmin, program_of, render
from loyalty.core.admin.base import ProgramForm
from loyalty.core.errors import DomainError
from loyalty.core.models import Program, User
from rewards import campaigns, drafting, standing, wording
from rewards.admin.definition_form import DefinitionForm, MomentField, catalogue
from rewards.engine.problems import InvalidDefinition
from rewards.models import Campaign, CampaignStatus, CampaignVersion

STATUS_LABELS: dict[str, str] = {
    CampaignStatus.DRAFT: "info",
    CampaignStatus.RUNNING: "success",
    CampaignStatus.PAUSED: "warning",
    CampaignStatus.ENDED: "danger",
    standing.SCHEDULED: "info",
    standing.OVER: "danger",
}
STEPS = {"pause": campaigns.pause, "resume": campaigns.resume, "end": campaigns.end}
VERSIONS_SHOWN = 20


class CampaignForm(ProgramForm):
    """What a campaign is called. Its key is made from the name and stays."""

    class Meta:
        model = Campaign
        fields = ("name", "description")
        widgets = {
            "name": UnfoldAdminTextInputWidget(attrs={"placeholder": _("Double points on Saturdays")}),
            "description": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        }

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if self.instance._state.adding and values.get("name"):
            self.instance.key = _free_key(slugify(values["name"])[:36] or "campaign", self.instance.program)
        return values


def _free_key(wanted: str, program: Program) -> str:
    taken = set(
        Campaign.objects.filter(program=program, key__startswith=wanted).values_list("key", flat=True)
    )
    names = (wanted, *(f"{wanted}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


class CampaignList(ChangeList):
    """A page of campaigns, with how each of them stands in one further query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        program = program_of(request)
        if program is not None:
            shown: list[Any] = list(self.result_list)  # type: ignore[has-type]  # not in the stubs
            self.result_list = shown
            found = standing.standings(shown, at=clock.now(program))
            for campaign in shown:
                campaign.standing = found[campaign.pk]


@admin.register(Campaign)
class CampaignAdmin(ProgramModelAdmin):
    """Earning rules. Members earn by published versions, never by the draft that is edited here."""

    list_display = ("shown_name", "shown_status", "created_at")
    list_filter = (("status", ChoicesDropdownFilter),)
    list_select_related = ("program",)
    search_fields = ("name__istartswith", "key")
    search_help_text = _("Beginning of the name, or key")
    sortable_by = ()
    ordering = ("-pk",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CampaignList]:
        return CampaignList

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("preview/", view(require_POST(self.preview_view)), name="rewards_campaign_preview"),
            path("<uuid:campaign_id>/versions/", view(self.versions_view), name="rewards_campaign_versions"),
            path(
                "<uuid:campaign_id>/step/<slug:step>/",
                view(require_POST(self.step_view)),
                name="rewards_campaign_step",
            ),
            *super().get_urls(),
        ]

    def has_delete_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        return False

    def has_publish_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("rewards.publish_campaign")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self._page(request, Campaign(program=program_of(request)))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        campaign = self.get_object(request, object_id)
        if campaign is None:
            raise Http404(_now("There is no such campaign in this program."))
        if not self.has_view_or_change_permission(request, campaign):
            raise PermissionDenied
        if request.method == "POST" and not self.has_change_permission(request, campaign):
            raise PermissionDenied
        return self._page(request, campaign)

    def _page(self, request: HttpRequest, campaign: Campaign) -> HttpResponse:
        page = CampaignPage(request, campaign, may_edit=self._may_edit(request, campaign))
        if request.method == "POST" and page.is_valid():
            is_new = campaign._state.adding
            page.save()
            (self.log_addition if is_new else self.log_change)(request, campaign, [])
            if "_publish" not in request.POST:
                messages.success(
                    request, _now("The draft is saved. Members earn by it once it is published.")
                )
                return HttpResponseRedirect(reverse("admin:rewards_campaign_change", args=[campaign.pk]))
            if self._publish(request, page):
                return HttpResponseRedirect(reverse("admin:rewards_campaign_change", args=[campaign.pk]))
        context = page.context() | {"title": str(campaign) if campaign.name else _now("New campaign")}
        if not campaign._state.adding:
            context["original"] = campaign
        context |= {
            "may_publish": self.has_publish_permission(request),
            "standing": _standing(campaign),
            "status_label": STATUS_LABELS[_standing(campaign).status],
        }
        return render(request, self, "admin/rewards/campaign/page.html", context)

    def _may_edit(self, request: HttpRequest, campaign: Campaign) -> bool:
        allowed = (
            self.has_add_permission(request)
            if campaign._state.adding
            else self.has_change_permission(request, campaign)
        )
        return allowed and campaign.status != CampaignStatus.ENDED

    def _publish(self, request: HttpRequest, page: "CampaignPage") -> bool:
        """Whether the draft is in force now; if not, the page says at each field why not."""
        if not self.has_publish_permission(request):
            raise PermissionDenied
        assert isinstance(request.user, User)
        try:
            version = campaigns.publish(
                page.campaign,
                definition=page.campaign.draft,
                by=request.user,
                at=clock.now(page.campaign.program),
                effective_at=page.effective_at,
            )
        except InvalidDefinition as invalid:
            page.point_out([(problem.pointer, problem.text()) for problem in invalid.problems])
        except DomainError as refusal:
            page.point_out([(refusal.pointer or "#", refusal.detail)])
        else:
            messages.success(request, _now("Version %(number)d is published.") % {"number": version.number})
            return True
        messages.error(request, _now("Saved, but not published: see below what is missing."))
        return False

    def step_view(self, request: HttpRequest, campaign_id: str, step: str) -> HttpResponse:
        """Pause, resume or end."""
        campaign = self.get_object(request, str(campaign_id))
        if campaign is None or step not in STEPS:
            raise Http404
        if not self.has_publish_permission(request):
            raise PermissionDenied
        try:
            STEPS[step](campaign, by=cast(User, request.user), at=clock.now(campaign.program))
            messages.success(
                request, _now("The campaign is now: %(status)s.") % {"status": campaign.get_status_display()}
            )
        except DomainError as refusal:
            messages.error(request, refusal.detail)
        return HttpResponseRedirect(reverse("admin:rewards_campaign_change", args=[campaign.pk]))

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """The sentence for what the form says now, as a piece of the page."""
        program = program_of(request)
        if program is None or not self.has_view_permission(request):
            raise PermissionDenied
        form = DefinitionForm(program=program, data=request.POST)
        definition = form.definition() if form.is_valid() else None
        return TemplateResponse(request, "admin/rewards/campaign/sentence.html", _spoken(definition, program))

    def versions_view(self, request: HttpRequest, campaign_id: str) -> HttpResponse:
        """Two versions side by side."""
        campaign = self.get_object(request, str(campaign_id))
        if campaign is None or not self.has_view_permission(request, campaign):
            raise Http404
        versions = list(campaign.versions.select_related("published_by").order_by("-number"))
        right = _chosen(versions, request.GET.get("right"), default=0)
        left = _chosen(versions, request.GET.get("left"), default=1)
        sides = compared(left, right, campaign.program) if left and right else None
        context = {"title": _now("Versions of %(campaign)s") % {"campaign": campaign}, "campaign": campaign}
        context |= {"original": campaign, "versions": versions, "left": left, "right": right, "sides": sides}
        return render(request, self, "admin/rewards/campaign/versions.html", context)

    @display(description=_("campaign"), header=True)
    def shown_name(self, campaign: Campaign) -> tuple[str, str]:
        found = _standing(campaign)
        said = wording.sentence(found.definition, program=campaign.program) or _now("Not complete yet")
        return (
            campaign.name,
            f"{said} ({_now('unpublished changes')})" if found.has_unpublished_changes else said,
        )

    @display(description=_("status"), label=STATUS_LABELS)
    def shown_status(self, campaign: Campaign) -> tuple[str, str]:
        found = _standing(campaign)
        return found.status, found.label


def _standing(campaign: Campaign) -> standing.Standing:
    """As the list found it; of a single campaign, as it is now."""
    if not hasattr(campaign, "standing"):
        campaign.standing = standing.standings([campaign], at=clock.now(campaign.program))[campaign.pk]  # type: ignore[attr-defined]
    return campaign.standing  # type: ignore[attr-defined]


class CampaignPage:
    """The form of one campaign, bound to a request."""

    def __init__(self, request: HttpRequest, campaign: Campaign, *, may_edit: bool) -> None:
        self.campaign, self.may_edit = campaign, may_edit
        self.data = request.POST if request.method == "POST" and may_edit else None
        self.rows = drafting.rows(campaign.draft) if campaign.draft else None
        self.is_simple = self.rows is not None or not campaign.draft
        self.effective_at: Any = None
        self.homeless: list[str] = []
        self.names = type("Form", (CampaignForm,), {"program": campaign.program})(
            self.data, instance=campaign
        )
        self.definition = DefinitionForm(
            program=campaign.program, data=self.data if self.is_simple else None, initial=self.rows
        )

    def is_valid(self) -> bool:
        if self.data is None:
            return False
        return all(
            [
                self.names.is_valid(),
                not self.is_simple or self.definition.is_valid(),
                self._read_effective_at(),
            ]
        )

    def _read_effective_at(self) -> bool:
        field = MomentField(required=False)
        field.zone = self.definition.when.fields["starts_at"].zone  # type: ignore[attr-defined]
        try:
            text = field.clean(self.data.get("effective_at", ""))  # type: ignore[union-attr]
        except forms.ValidationError as error:
            self.homeless += error.messages
            return False
        self.effective_at = forms.DateTimeField().to_python(text) if text else None
        return True

    def save(self) -> None:
        """Only what the form shows: where the campaign is in its life, steps alone say."""
        if self.is_simple:
            self.campaign.draft = self.definition.definition()
        if self.campaign._state.adding:
            self.names.save()
        else:
            fields = [*self.names.fields, *(["draft"] if self.is_simple else [])]
            self.campaign.save(update_fields=fields)

    def point_out(self, problems: list[tuple[str, str]]) -> None:
        self.homeless += (
            self.definition.point_out(problems) if self.is_simple else [text for _pointer, text in problems]
        )

    def context(self) -> dict[str, Any]:
        campaign = self.campaign
        versions: models.QuerySet[CampaignVersion] | list[CampaignVersion] = []
        if not campaign._state.adding:
            versions = campaign.versions.select_related("published_by").order_by("-number")[:VERSIONS_SHOWN]
        return {
            "campaign": campaign,
            "is_new": campaign._state.adding,
            "names": self.names,
            "form": self.definition,
            "is_simple": self.is_simple,
            "may_edit": self.may_edit,
            "homeless": self.homeless,
            "draft_json": json.dumps(campaign.draft, indent=2, ensure_ascii=False),
            "catalogue": catalogue(),
            "versions": versions,
            **_spoken(campaign.draft or None, campaign.program),
        }


def _spoken(definition: dict[str, Any] | None, program: Program) -> dict[str, Any]:
    """The sentence, or what is missing for one."""
    if definition is None:
        return {"sentence": "", "problems": []}
    return {
        "sentence": wording.sentence(definition, program=program),
        "problems": [text for _pointer, text in wording.problems(definition)],
    }


def _chosen(versions: list[CampaignVersion], wanted: str | None, *, default: int) -> CampaignVersion | None:
    named = next((version for version in versions if str(version.number) == wanted), None)
    return named or (versions[min(default, len(versions) - 1)] if versions else None)


def compared(left: CampaignVersion, right: CampaignVersion, program: Program) -> list[dict[str, Any]]:
    """Both definitions line by line; lines that differ are marked."""
    texts = [
        json.dumps(version.definition, indent=2, ensure_ascii=False).splitlines() for version in (left, right)
    ]
    same: list[set[int]] = [set(), set()]
    for block in SequenceMatcher(a=texts[0], b=texts[1], autojunk=False).get_matching_blocks():
        same[0] |= set(range(block.a, block.a + block.size))
        same[1] |= set(range(block.b, block.b + block.size))
    return [
        {
            "version": version,
            "sentence": wording.sentence(version.definition, program=program),
            "lines": [(line, number not in alike) for number, line in enumerate(lines)],
        }
        for version, lines, alike in zip((left, right), texts, same, strict=True)
    ]
