"""Filters of the list of checkouts."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.core import clock, codes
from loyalty.core.api import filters
from loyalty.core.ids import first_id_of
from loyalty.core.models import ProgramKind
from members.api.filters import MemberReferenceFilter
from rewards.models import CheckoutStatus
from rewards.models.checkout import CheckoutQuerySet

_MARGIN: Final = timedelta(hours=1)
"""A checkout that waited for others has its id later than its moment, and clocks are not quite the same."""
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC) + _MARGIN
_LATEST: Final = datetime.max.replace(tzinfo=UTC) - _MARGIN


class StatusFilter(filters.ChoiceFilter):
    """As a checkout is told: one whose time is over has expired, whether or not a job came by."""

    parent: Any

    def filter(self, qs: CheckoutQuerySet, value: str) -> CheckoutQuerySet:
        now = clock.now(self.parent.program)
        if value == CheckoutStatus.OPEN:
            return qs.filter(status=value, expires_at__gt=now)
        if value == CheckoutStatus.EXPIRED:
            return qs.filter(Q(status=value) | Q(status=CheckoutStatus.OPEN, expires_at__lte=now))
        return qs.filter(status=value) if value else qs


class ReceiptFilter(filters.TextFilter):
    """Only what was paid has a number; saying so lets the list follow the index of those."""

    def filter(self, qs: CheckoutQuerySet, value: str) -> CheckoutQuerySet:
        if not value:
            return qs
        return qs.filter(status=CheckoutStatus.CONFIRMED, paid_external_id__in=codes.spellings(value))


class OpenedFilter(filters.MomentFilter):
    """
    When it was opened. A list by id then begins near that moment, and need not come there from the newest.

    In a sandbox the moment is its test clock's, and ids say nothing about it.
    """

    parent: Any

    def filter(self, qs: CheckoutQuerySet, value: datetime | None) -> CheckoutQuerySet:
        if value is None:
            return qs
        margin = _MARGIN if self.lookup_expr == "lt" else -_MARGIN
        # At the ends of time there is nothing to begin near.
        if self.parent.program.kind == ProgramKind.LIVE and _EARLIEST < value < _LATEST:
            qs = qs.filter(**{f"id__{self.lookup_expr}": first_id_of(value + margin)})
        return qs.filter(**{f"opened_at__{self.lookup_expr}": value})


class CheckoutFilter(filters.PartnerFilterSet):
    member = MemberReferenceFilter(
        "member", label=_("Of one member: an id, or an identifier as `card:1001`.")
    )
    status = StatusFilter(choices=CheckoutStatus.choices, label=_("In that state."))
    external_id = ReceiptFilter(label=_("Paid under that number of a receipt or order."))
    opened_from = OpenedFilter("opened_at", "gte", label=_("Opened then or later."))
    opened_before = OpenedFilter("opened_at", "lt", label=_("Opened earlier than then."))
