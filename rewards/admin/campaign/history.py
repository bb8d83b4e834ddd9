"""Who did what with a campaign."""

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from rewards.admin.campaign.tabs import CampaignPages, Tab, campaign_of, page, show
from rewards.planning import chronicle

TAB = Tab("history", _("History"))


def urls(pages: CampaignPages) -> list[URLPattern]:
    return [page(pages, "history", history_view)]


def history_view(pages: CampaignPages, request: HttpRequest, campaign_id: str) -> HttpResponse:
    """Drafts, reviews, versions and pauses in one line of time, with the names of people."""
    campaign = campaign_of(pages, request, campaign_id)
    context = {
        "title": _now("History of %(campaign)s") % {"campaign": campaign},
        "deeds": chronicle.of(campaign),
        "most": chronicle.NEWEST,
    }
    return show(pages, request, campaign, "admin/rewards/campaign/history.html", context, tab="history")
