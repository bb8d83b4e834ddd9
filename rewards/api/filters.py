"""Filters of the list of transactions."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from loyalty.core import codes
from loyalty.core.api import filters
from members.api.filters import MemberReferenceFilter
from rewards.models.activity import ActivityQuerySet


class ReceiptFilter(filters.TextFilter):
    """By the number that partners know it by, whichever of them; each is one look-up in an index."""

    parent: Any

    def filter(self, qs: ActivityQuerySet, value: str) -> ActivityQuerySet:
        if not value:
            return qs
        sources = self.parent.program.partners.values("key")
        return qs.filter(source__in=sources, external_id__in=codes.spellings(value))


class KindFilter(filters.ChoiceFilter):
    """A sale that was undone is a sale that was."""

    def filter(self, qs: ActivityQuerySet, value: str) -> ActivityQuerySet:
        kinds = {"sale": ["sale", "undone"], "return": ["return"]}
        return qs.filter(kind__in=kinds[value]) if value else qs


class StatusFilter(filters.ChoiceFilter):
    def filter(self, qs: ActivityQuerySet, value: str) -> ActivityQuerySet:
        if not value:
            return qs
        if value == "booked":
            return qs.filter(kind__in=["sale", "return"])
        return qs.filter(kind="undone", undoing__replacement__isnull=value == "cancelled")


class TransactionFilter(filters.PartnerFilterSet):
    member = MemberReferenceFilter("member", label=_("Of one member: an id, or as `card:1001`."))
    kind = KindFilter(choices=[("sale", ""), ("return", "")], label=_("Only sales, or only returns."))
    status = StatusFilter(
        choices=[("booked", ""), ("cancelled", ""), ("corrected", "")],
        label=_("What holds (`booked`), or what was a mistake and `cancelled` or `corrected`."),
    )
    store = filters.TextFilter("store", label=_("Of one store, as tills name it."))
    external_id = ReceiptFilter(label=_("With that number, whichever partner reported it."))
    occurred_from = filters.MomentFilter("occurred_at", "gte", label=_("That happened then or later."))
    occurred_before = filters.MomentFilter("occurred_at", "lt", label=_("That happened earlier than then."))
