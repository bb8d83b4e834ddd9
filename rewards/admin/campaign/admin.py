"""Campaigns: the list, the guided form with its sentence, and the campaign's life."""

from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.views import ChangeList

from loyalty.core import audit, clock
from loyalty.core.admin import moments, program_of, render, user_of
from loyalty.core.errors import DomainError
from rewards.admin.campaign import (
    autosave,
    backtest,
    budget,
    calendar,
    gallery,
    history,
    next,
    performance,
    states,
    tryout,
    versions,
)
from rewards.admin.campaign.page import CampaignPage
from rewards.admin.campaign.tabs import CampaignPages, Tab
from rewards.deciding import budgets
from rewards.engine.problems import InvalidDefinition
from rewards.models import OVER, Campaign
from rewards.planning import campaigns, publishable, standing
from rewards.telling import wording

PARTS: Final[tuple[Any, ...]] = (tryout, backtest, budget, performance, versions, history)
"""The further pages about a campaign, in the order of their tabs."""


class CampaignList(ChangeList):
    """A page of campaigns, with how each of them stands, what is spent of it and who changed it last."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        program = program_of(request)
        if program is not None:
            shown: list[Any] = list(self.result_list)  # type: ignore[has-type]  # not in the stubs
            self.result_list = shown
            found = standing.standings(shown, at=clock.now(program))
            changed = audit.last_to_change(Campaign, [campaign.pk for campaign in shown])
            spent = budgets.standing(shown)
            for campaign in shown:
                campaign.standing, campaign.changed = found[campaign.pk], changed.get(campaign.pk)
                campaign.spent = spent.get(campaign.pk, ())
                # One object for all, with the names that it has looked up.
                campaign.program = program


@admin.register(Campaign)
class CampaignAdmin(CampaignPages):
    """Earning rules. Members earn by published versions, never by the draft that is edited here."""

    list_before_template = "admin/rewards/campaign/list_top.html"
    list_display = ("shown_name", "shown_status", "shown_budget", "shown_change")
    list_filter = (states.StateFilter,)
    list_select_related = ("program",)
    search_fields = ("name__icontains", "key")
    search_help_text = _("Part of the name, or key")
    sortable_by = ()
    ordering = ("-pk",)

    tabs = (Tab("change", _("Rule")), *(part.TAB for part in PARTS))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CampaignList]:
        return CampaignList

    def get_urls(self) -> list[URLPattern]:
        return [
            *autosave.urls(self),
            *gallery.urls(self),
            *(url for part in PARTS for url in part.urls(self)),
            *calendar.urls(self),
            *next.urls(self),
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
            if "_submit" in request.POST:
                return self._submit(request, campaign)
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
            **next.panel(request, campaign, may_edit=page.may_edit),
            "rehearsal": backtest.beside(campaign),
            "standing": _standing(campaign),
            "status_label": states.LABELS[_standing(campaign).status],
        }
        return render(request, self, "admin/rewards/campaign/page.html", context)

    def _may_edit(self, request: HttpRequest, campaign: Campaign) -> bool:
        allowed = (
            self.has_add_permission(request)
            if campaign._state.adding
            else self.has_change_permission(request, campaign)
        )
        is_over = campaign.status in OVER
        return allowed and not is_over and not publishable.is_in_review(campaign)

    def _submit(self, request: HttpRequest, campaign: Campaign) -> HttpResponse:
        """Saved already: what is wrong with the draft is said, and it stays a draft."""
        if not request.user.has_perm(next.SUBMIT):
            raise PermissionDenied
        next.take(request, campaign, "submit")
        return HttpResponseRedirect(reverse("admin:rewards_campaign_change", args=[campaign.pk]))

    def _publish(self, request: HttpRequest, page: CampaignPage) -> bool:
        """Whether the draft is in force now; if not, the page says at each field why not."""
        if not self.has_publish_permission(request):
            raise PermissionDenied
        try:
            version = campaigns.publish(
                page.campaign,
                definition=page.campaign.draft,
                by=user_of(request),
                at=clock.now(page.campaign.program),
                effective_at=None if request.POST["_publish"] == "now" else page.effective_at,
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

    @display(description=_("campaign"), header=True)
    def shown_name(self, campaign: Campaign) -> tuple[str, str]:
        found = _standing(campaign)
        said = wording.sentence(found.definition, program=campaign.program) or _now("Not complete yet")
        return (
            campaign.name,
            f"{said} ({_now('unpublished changes')})" if found.has_unpublished_changes else said,
        )

    @display(description=_("status"), label=states.LABELS)
    def shown_status(self, campaign: Campaign) -> tuple[str, str]:
        found = _standing(campaign)
        return found.status, found.label

    @display(description=_("budget"))
    def shown_budget(self, campaign: Campaign) -> str:
        return render_to_string(
            "admin/rewards/campaign/spent.html",
            {"budgets": getattr(campaign, "spent", ()), "currency": campaign.program.currency},
        )

    @display(description=_("last change"), header=True)
    def shown_change(self, campaign: Campaign) -> tuple[str, str]:
        at, by = getattr(campaign, "changed", None) or (campaign.created_at, None)
        return moments.shown(at), str(by or "")


def _standing(campaign: Campaign) -> standing.Standing:
    """As the list found it; of a single campaign, as it is now."""
    if not hasattr(campaign, "standing"):
        campaign.standing = standing.standings([campaign], at=clock.now(campaign.program))[campaign.pk]  # type: ignore[attr-defined]
    return campaign.standing  # type: ignore[attr-defined]
