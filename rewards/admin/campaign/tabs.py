"""
What the pages about one campaign share: each is a module that names its tab and its addresses.

`PARTS` of `rewards.admin.campaign.admin` lists the modules; their tabs stand over each page in
that order.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from django.http import Http404, HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from loyalty.core.admin import ProgramModelAdmin, render
from rewards.admin.building import plain
from rewards.models import Campaign

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class Tab(NamedTuple):
    """A page about a campaign: its address under the campaign's, which is its name too."""

    slug: str
    label: "_StrPromise"

    @property
    def url_name(self) -> str:
        return f"admin:rewards_campaign_{self.slug}"


class CampaignPages(ProgramModelAdmin):
    """What the modules need of the campaigns' admin."""

    tabs: tuple[Tab, ...] = ()


def page(
    pages: CampaignPages, slug: str, view: Callable[..., HttpResponseBase], *, name: str = ""
) -> URLPattern:
    """
    The address of a view `(pages, request, campaign_id, **more)` below its campaign.

    `slug` may have further parts, such as `backtests/<uuid:backtest_id>`; it then needs a name.
    """
    return path(
        f"<uuid:campaign_id>/{slug}/",
        pages.admin_site.admin_view(partial(view, pages)),
        name=f"rewards_campaign_{name or slug}",
    )


def campaign_of(pages: CampaignPages, request: HttpRequest, campaign_id: object) -> Campaign:
    """:raises Http404: if this person sees no such campaign in the program chosen"""
    campaign = pages.get_object(request, str(campaign_id))
    if not isinstance(campaign, Campaign) or not pages.has_view_permission(request, campaign):
        raise Http404(_("There is no such campaign in this program."))
    return campaign


def show(
    pages: CampaignPages,
    request: HttpRequest,
    campaign: Campaign,
    template: str,
    context: dict[str, Any],
    *,
    tab: str,
) -> TemplateResponse:
    """A page about a campaign, under the campaign's tabs (`admin/rewards/campaign/tabs.html`)."""
    frame = {"campaign": campaign, "original": campaign, "tabs": pages.tabs, "current_tab": tab}
    return render(request, pages, template, {**frame, **context})


def missing_of(campaign: Campaign) -> list[str]:
    """What the draft still lacks, in words; nothing as long as there is no draft at all."""
    if not campaign.draft:
        return []
    return [problem["text"] for problem in plain.problems(campaign.draft, program=campaign.program)]
