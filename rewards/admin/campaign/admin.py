"""Campaigns: the list, the guided form with its sentence, and the campaign's life."""

from typing import Any, Final, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList

from loyalty.core import clock
from loyalty.core.admin import program_of, render
from loyalty.core.errors import DomainError
from loyalty.core.models import User
from rewards import campaigns, standing, wording
from rewards.admin.campaign import autosave, versions
from rewards.admin.campaign.page import CampaignPage
from rewards.admin.campaign.tabs import CampaignPages, Tab
from rewards.engine.problems import InvalidDefinition
from rewards.models import Campaign, CampaignStatus

STATUS_LABELS: dict[str, str] = {
    CampaignStatus.DRAFT: "info",
    CampaignStatus.RUNNING: "success",
    CampaignStatus.PAUSED: "warning",
    CampaignStatus.ENDED: "danger",
    standing.SCHEDULED: "info",
    standing.OVER: "danger",
}
STEPS = {"pause": campaigns.pause, "resume": campaigns.resume, "end": campaigns.end}
PARTS: Final[tuple[Any, ...]] = (versions,)
"""The further pages about a campaign, in the order of their tabs."""


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
class CampaignAdmin(CampaignPages):
    """Earning rules. Members earn by published versions, never by the draft that is edited here."""

    list_display = ("shown_name", "shown_status", "created_at")
    list_filter = (("status", ChoicesDropdownFilter),)
    list_select_related = ("program",)
    search_fields = ("name__istartswith", "key")
    search_help_text = _("Beginning of the name, or key")
    sortable_by = ()
    ordering = ("-pk",)

    tabs = (Tab("change", _("Rule")), *(part.TAB for part in PARTS))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CampaignList]:
        return CampaignList

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            *autosave.urls(self),
            *(url for part in PARTS for url in part.urls(self)),
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
            if not page.save():
                return self._shown(request, page)
            (self.log_addition if is_new else self.log_change)(request, campaign, [])
            if "_publish" not in request.POST:
                messages.success(
                    request, _now("The draft is saved. Members earn by it once it is published.")
                )
                return HttpResponseRedirect(reverse("admin:rewards_campaign_change", args=[campaign.pk]))
            if self._publish(request, page):
                return HttpResponseRedirect(reverse("admin:rewards_campaign_change", args=[campaign.pk]))
        return self._shown(request, page)

    def _shown(self, request: HttpRequest, page: CampaignPage) -> HttpResponse:
        campaign = page.campaign
        context = page.context() | {"title": str(campaign) if campaign.name else _now("New campaign")}
        if not campaign._state.adding:
            context |= {"original": campaign, "tabs": self.tabs, "current_tab": "change"}
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

    def _publish(self, request: HttpRequest, page: CampaignPage) -> bool:
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
