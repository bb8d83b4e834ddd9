"""Kinds of points, ladders with their tiers, and the reasons for adjustments."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from loyalty.core.models import Program, User
from members.models import ReasonCode, Tier, TierLadder, WalletType
from rewards.blueprint.columns import Values
from rewards.blueprint.faults import Faults
from rewards.blueprint.section import Read, Section


class WalletTypes(Section):
    """Without the hold on their expiry: that is the moment's business, not the design's."""

    key = "wallet_types"
    label = _("Kind of points")
    model = WalletType
    columns = (
        "name",
        "is_spendable",
        "point_value",
        "pending_days",
        "expiry_rule",
        "expires_after",
        "expires_on_date",
        "warns_days_before",
        "expires_only_if_warned",
        "return_policy",
        "transfers_to",
        "transfer_minimum",
        "transfer_monthly_limit",
        "transfer_fee_percent",
        "checkout_points",
        "checkout_amount",
    )
    stays = _("It stays: members may have such points.")


class Tiers(Section):
    """The rungs of a ladder, as its part."""

    key = "tiers"
    label = _("Tier")
    model = Tier
    columns = ("name", "threshold", "color", "expiry_rule", "expires_after", "expires_on_date")
    stays = _("It stays: members may stand on it.")

    def all_keys(self, program: Program) -> set[str]:
        return set(Tier.objects.filter(ladder__program=program).values_list("key", flat=True))

    def of_holders(self, holders: Sequence[Any]) -> dict[Any, dict[str, Values]]:
        found: dict[Any, dict[str, Values]] = {}
        for tier in Tier.objects.filter(ladder__in=holders).order_by("threshold", "key"):
            found.setdefault(tier.ladder_id, {})[tier.key] = self.values(tier)
        return found

    def write_of(self, holder: Any, before: Mapping[str, Values], after: Mapping[str, Values]) -> None:
        rungs = {tier.key: tier for tier in Tier.objects.filter(ladder=holder)}
        changed = {key: values for key, values in after.items() if key in rungs and before[key] != values}
        _make_room({rungs[key]: values["threshold"] for key, values in changed.items()}, rungs.values())
        for key, values in changed.items():
            for name in self.columns:
                setattr(rungs[key], name, values[name])
            rungs[key].save(update_fields=self.columns)
        for key in after.keys() - rungs.keys():
            Tier.objects.create(ladder=holder, key=key, **after[key])


def _make_room(wanted: dict[Tier, int], rungs: Collection[Tier]) -> None:
    """
    Move the thresholds in an order in which no two rungs are ever at the same.

    Where they change places, one of them waits above all others meanwhile.
    """
    moving = {tier: threshold for tier, threshold in wanted.items() if tier.threshold != threshold}
    while moving:
        taken = {tier.threshold for tier in rungs}
        tier = next((tier for tier, threshold in moving.items() if threshold not in taken), None)
        if tier is not None:
            tier.threshold = moving.pop(tier)
        else:
            tier = next(iter(moving))
            tier.threshold = max(taken) + 1
        tier.save(update_fields=["threshold"])


class TierLadders(Section):
    key = "tier_ladders"
    label = _("Tier ladder")
    model = TierLadder
    columns = ("name", "wallet_type")
    fixed = ("wallet_type",)
    refers = {"wallet_type": "wallet_types"}
    parts = {"tiers": Tiers()}
    stays = _("It stays: members climb it.")

    def check(self, key: str, read: Read, before: Values | None, program: Program, faults: Faults) -> None:
        super().check(key, read, before, program, faults)
        rungs = (before or {}).get("tiers", {}) | read.values["tiers"]
        reached: dict[int, str] = {}
        for name, tier in rungs.items():
            if (other := reached.setdefault(tier["threshold"], name)) != name:
                at = read.node.below(f"#/tiers/{name if name in read.values['tiers'] else other}/threshold")
                said = _("“%(one)s” and “%(other)s” are both reached at %(threshold)s.")
                faults.add(
                    at.line, at.path, said % {"one": other, "other": name, "threshold": tier["threshold"]}
                )


class ReasonCodes(Section):
    key = "reason_codes"
    label = _("Reason for adjustments")
    model = ReasonCode
    columns = (
        "label",
        "direction",
        "counts_towards_tiers",
        "cost_centre",
        "expiry_rule",
        "expires_after",
        "expires_on_date",
        "is_active",
    )
    stays = _("It stays in use.")
    retires = _("It is taken out of use.")

    def is_over(self, row: Any) -> bool:
        return not row.is_active

    def retire(self, row: Any, *, by: User, at: datetime) -> None:
        row.is_active = False
        row.save(update_fields=["is_active"])
