"""How a campaign's budgets stand, and what a member gets of it at most."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING, Any, Final

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from rewards.admin.campaign.tabs import CampaignPages, Tab, campaign_of, page, show
from rewards.deciding import budgets
from rewards.deciding.budgets import Standing
from rewards.models import BudgetUnit, Campaign

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

TAB: Final = Tab("budget", _("Budget"))
_TITLES: Final = {
    BudgetUnit.TIMES: _("How often in all"),
    BudgetUnit.POINTS: _("Points in all"),
    BudgetUnit.MONEY: _("Money in all"),
}
_PERIODS: Final = {
    "day": _("a day"),
    "week": _("a week"),
    "month": _("a month"),
    "quarter": _("a quarter"),
    "year": _("a year"),
    "ever": _("in all"),
}


def percent(standing: Standing) -> int:
    """Rounded down: a budget that is not at its end is not shown as if it were."""
    return int((standing.share * 100).to_integral_value(ROUND_DOWN))


def shown_percent(standing: Standing) -> str:
    """As it is read: what has begun is not told to be nothing."""
    return _now("under 1") if standing.used and not percent(standing) else str(percent(standing))


@dataclass(frozen=True, slots=True)
class Card:
    """A budget as the page shows it."""

    standing: Standing
    title: "_StrPromise"

    @property
    def percent(self) -> int:
        return percent(self.standing)

    @property
    def percent_shown(self) -> str:
        return shown_percent(self.standing)

    @property
    def is_money(self) -> bool:
        return self.standing.unit == BudgetUnit.MONEY

    @property
    def used(self) -> Decimal:
        return self._shown(self.standing.used)

    @property
    def allotted(self) -> Decimal:
        return self._shown(self.standing.allotted)

    @property
    def left(self) -> Decimal:
        return self._shown(self.standing.left)

    def _shown(self, amount: Decimal) -> Decimal:
        return amount.quantize(Decimal("0.01")) if self.is_money else amount


def urls(pages: CampaignPages) -> list[URLPattern]:
    return [page(pages, TAB.slug, budget_view)]


def budget_view(pages: CampaignPages, request: HttpRequest, campaign_id: str) -> HttpResponse:
    """What is used of each budget, and when that was told."""
    campaign = campaign_of(pages, request, campaign_id)
    limits = _limits(campaign)
    cards = [
        Card(standing, _TITLES[BudgetUnit(standing.unit)])
        for standing in budgets.standing([campaign]).get(campaign.pk, ())
    ]
    context = {
        "title": campaign.name,
        "cards": cards,
        "refuses": limits.get("when_spent") == "refuse",
        "per_member": list(_per_member(limits)),
    }
    return show(pages, request, campaign, "admin/rewards/campaign/budget.html", context, tab=TAB.slug)


def _limits(campaign: Campaign) -> dict[str, Any]:
    """The limits of the newest version; budgets are set when a version is published."""
    newest = campaign.versions.order_by("-number").first()
    return (newest.definition.get("limits") or {}) if newest else {}


def _per_member(limits: dict[str, Any]) -> Iterator[str]:
    for limit in limits.get("per_member") or ():
        if "times" in limit:
            amount = ngettext("%(count)s time", "%(count)s times", limit["times"]) % {"count": limit["times"]}
        else:
            points = f"{limit['points']:,}"
            amount = ngettext("%(count)s point", "%(count)s points", limit["points"]) % {"count": points}
        yield f"{amount} {_PERIODS[limit['per']]}"
