"""
Budgets of campaigns: set with each version, drawn from by sales, and watched.

See Note [Slots] in `rewards.models.budget`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Sum
from msgspec import Struct

from loyalty.core import events
from loyalty.core.db import fetch
from loyalty.core.models import Program
from rewards.deciding.costs import cheapest_point
from rewards.deciding.drawing import SLOTS, WARNS_AT
from rewards.models import BudgetSlot, BudgetUnit, Campaign, CampaignBudget

_STEP: Final = {
    BudgetUnit.TIMES: Decimal(1),
    BudgetUnit.POINTS: Decimal(1),
    BudgetUnit.MONEY: Decimal("0.01"),
}


class Standing(Struct, frozen=True, kw_only=True):
    """How a budget stands; `share` is how much of it is used, from 0 to 1."""

    unit: str
    allotted: Decimal
    used: Decimal
    warned_at: datetime | None
    exhausted_at: datetime | None

    @property
    def left(self) -> Decimal:
        return self.allotted - self.used

    @property
    def share(self) -> Decimal:
        return self.used / self.allotted if self.allotted else Decimal(1)


def standing(campaigns: Iterable[Campaign | UUID]) -> dict[UUID, tuple[Standing, ...]]:
    """By campaign, how the budgets stand that its newest version sets; in one query."""
    ids = [campaign.pk if isinstance(campaign, Campaign) else campaign for campaign in campaigns]
    budgets = (
        CampaignBudget.objects.in_force()
        .filter(campaign__in=ids)
        .order_by("unit")
        .values_list("campaign_id", "unit", "allotted", Sum("slots__used"), "warned_at", "exhausted_at")
    )
    found: defaultdict[UUID, list[Standing]] = defaultdict(list)
    for campaign_id, unit, allotted, used, warned_at, exhausted_at in budgets:
        found[campaign_id].append(
            Standing(
                unit=unit,
                allotted=_plain(allotted),
                used=_plain(used),
                warned_at=warned_at,
                exhausted_at=exhausted_at,
            )
        )
    return {campaign_id: tuple(budgets) for campaign_id, budgets in found.items()}


def _plain(amount: Decimal) -> Decimal:
    """Without the zeros that the column adds."""
    return amount.quantize(Decimal(1)) if amount == amount.to_integral_value() else amount.normalize()


def allot(campaign: Campaign, definition: Mapping[str, Any]) -> None:
    """
    Set a campaign's budgets as a new version says, in the transaction that publishes it.

    What was used stays used, and no budget becomes less than that. An allotment that changes is
    warned of anew.
    """
    wanted = _wanted(definition)
    budgets = {
        BudgetUnit(budget.unit): budget
        for budget in CampaignBudget.objects.select_for_update(of=("self",))
        .filter(campaign=campaign)
        .order_by("pk")
    }
    for unit, budget in budgets.items():
        if budget.is_in_force != (unit in wanted):
            budget.is_in_force = unit in wanted
            budget.save(update_fields=["is_in_force"])
    for unit, amount in sorted(wanted.items()):
        if unit in budgets:
            _change(budgets[unit], amount)
        else:
            _create(campaign, unit, amount)


def _wanted(definition: Mapping[str, Any]) -> dict[BudgetUnit, Decimal]:
    """Each unit's budget; of two in one unit the smaller one binds."""
    wanted: dict[BudgetUnit, Decimal] = {}
    for limit in (definition.get("limits") or {}).get("in_all") or ():
        for name, amount in limit.items():
            unit = BudgetUnit(name)
            wanted[unit] = min(wanted.get(unit, Decimal("Infinity")), Decimal(str(amount)))
    return wanted


def _create(campaign: Campaign, unit: BudgetUnit, amount: Decimal) -> None:
    budget = CampaignBudget.objects.create(
        program=campaign.program, campaign=campaign, unit=unit, allotted=amount
    )
    parts = _parts(amount, unit)
    BudgetSlot.objects.bulk_create(
        BudgetSlot(budget=budget, number=number, allotted=part) for number, part in enumerate(parts)
    )


def _change(budget: CampaignBudget, wanted: Decimal) -> None:
    slots = list(BudgetSlot.objects.select_for_update().filter(budget=budget).order_by("pk"))
    used = sum((slot.used for slot in slots), start=Decimal(0))
    amount = max(wanted, used)
    if amount == budget.allotted:
        return
    for slot, part in zip(slots, _parts(amount - used, BudgetUnit(budget.unit)), strict=True):
        slot.allotted = slot.used + part
    BudgetSlot.objects.bulk_update(slots, ["allotted"])
    budget.allotted, budget.is_empty = amount, False
    budget.warned_at = budget.exhausted_at = None
    budget.save(update_fields=["allotted", "is_empty", "warned_at", "exhausted_at"])


def _parts(amount: Decimal, unit: BudgetUnit) -> list[Decimal]:
    """The same for each slot, in whole points or cents; what cannot be divided lies in the first one."""
    each = amount / SLOTS // _STEP[unit] * _STEP[unit]
    return [amount - each * (SLOTS - 1)] + [each] * (SLOTS - 1)


def look(budget_ids: Iterable[UUID], *, at: datetime, short: Iterable[UUID] = ()) -> None:
    """
    Tell of budgets that are nearly or wholly used, once for each allotment.

    Whoever empties a slot looks, and a periodic job: so no sale has to add anything up. A budget of
    `short` had too little left for what its campaign would have given: past the warning, that is
    its end, although a smaller sale may still get what is left.
    """
    falling_short = set(short)
    for budget_id in sorted(budget_ids):
        with transaction.atomic():
            _look(budget_id, at=at, is_short=budget_id in falling_short)


def _look(budget_id: UUID, *, at: datetime, is_short: bool) -> None:
    budget = (
        CampaignBudget.objects.select_for_update(of=("self",))
        .select_related("campaign", "program")
        .get(pk=budget_id)
    )
    sums = BudgetSlot.objects.filter(budget=budget).aggregate(used=Sum("used"), allotted=Sum("allotted"))
    used, left = sums["used"], sums["allotted"] - sums["used"]
    is_near = used >= budget.allotted * WARNS_AT
    is_empty = left < _least(budget, at)
    told = []
    if is_near and budget.warned_at is None:
        budget.warned_at = at
        told.append(_event("budget.warning", budget, used=used, at=at))
    if (is_empty or (is_near and is_short)) and budget.exhausted_at is None:
        budget.exhausted_at = at
        told.append(_event("budget.exhausted", budget, used=used, at=at))
    if told or is_empty != budget.is_empty:
        budget.is_empty = is_empty
        budget.save(update_fields=["warned_at", "exhausted_at", "is_empty"])
    events.publish(told)


def _least(budget: CampaignBudget, at: datetime) -> Decimal:
    """The least that can be drawn: once, a point, or what the cheapest point costs."""
    if budget.unit != BudgetUnit.MONEY:
        return Decimal(1)
    return cheapest_point(budget.program, at=at) or _STEP[BudgetUnit.MONEY]


def _event(event_type: str, budget: CampaignBudget, *, used: Decimal, at: datetime) -> events.NewEvent:
    return events.NewEvent(
        type=event_type,
        program_id=budget.program_id,
        member_id=None,
        occurred_at=at,
        recorded_at=at,
        data={
            "campaign": budget.campaign.key,
            "unit": budget.unit,
            "allotted": _shown(budget.allotted, budget.unit),
            "used": _shown(used, budget.unit),
        },
    )


def _shown(amount: Decimal, unit: str) -> int | str:
    return f"{amount:.2f}" if unit == BudgetUnit.MONEY else int(amount)


def sweep(program: Program, *, at: datetime) -> int:
    """Look at the budgets of a program of which something is still to be told; says how many those were."""
    rows = fetch(_TO_TELL, [program.pk, WARNS_AT])
    look([budget_id for (budget_id,) in rows], at=at)
    return len(rows)


_TO_TELL: Final = """
    SELECT b.id FROM rewards_campaignbudget b
    JOIN LATERAL (SELECT sum(used) AS used FROM rewards_budgetslot s WHERE s.budget_id = b.id)
        AS slots ON true
    WHERE b.program_id = $1 AND b.exhausted_at IS NULL
    AND (slots.used >= b.allotted OR (b.warned_at IS NULL AND slots.used >= b.allotted * $2))"""
