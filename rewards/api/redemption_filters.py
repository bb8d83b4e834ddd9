"""Filters of the lists of redemptions and vouchers."""

from typing import Any, Final

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from loyalty.core.api import filters
from members.api.filters import MemberReferenceFilter
from rewards.models import RedemptionStatus, Reward, VoucherStatus

_OF_MEMBER: Final = _("Of one member: an id, or an identifier as `card:1001`.")


class RewardFilter(filters.TextFilter):
    """What is about one reward, by its key. It is looked up first: the list then follows its own index."""

    parent: Any

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        if not value:
            return qs
        of_program = Reward.objects.of(self.parent.program)
        reward_id = of_program.filter(key=value).values_list("pk", flat=True).first()
        return qs.filter(**{self.field_name: reward_id}) if reward_id else qs.none()


class RedemptionFilter(filters.PartnerFilterSet):
    member = MemberReferenceFilter("member", label=_OF_MEMBER)
    reward = RewardFilter("reward", label=_("Of one reward: its key."))
    status = filters.ChoiceFilter(choices=RedemptionStatus.choices, label=_("In that state."))
    redeemed_from = filters.MomentFilter("redeemed_at", "gte", label=_("Asked for then or later."))
    redeemed_before = filters.MomentFilter("redeemed_at", "lt", label=_("Asked for before then."))


class VoucherFilter(filters.PartnerFilterSet):
    member = MemberReferenceFilter("redemption__member", label=_OF_MEMBER)
    status = filters.ChoiceFilter(choices=VoucherStatus.choices, label=_("In that state."))
