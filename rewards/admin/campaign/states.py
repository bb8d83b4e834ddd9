"""How a campaign's state looks in lists and on pages, and the list's filter by it."""

from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from rewards.models import CampaignStatus

LABELS: Final[dict[str, str]] = {
    CampaignStatus.DRAFT: "",
    CampaignStatus.IN_REVIEW: "info",
    CampaignStatus.APPROVED: "info",
    CampaignStatus.SCHEDULED: "primary",
    CampaignStatus.RUNNING: "success",
    CampaignStatus.PAUSED: "warning",
    CampaignStatus.ENDED: "danger",
    CampaignStatus.ARCHIVED: "",
}
"""The colour of each state's chip."""


class StateFilter(DropdownFilter):
    """Everything but the archive, unless one asks for a state."""

    title = _("state")
    parameter_name = "state"
    all_option = ("", _("All but archived"))

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(CampaignStatus.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() in CampaignStatus.values:
            return queryset.filter(status=self.value())
        return queryset.exclude(status=CampaignStatus.ARCHIVED)
