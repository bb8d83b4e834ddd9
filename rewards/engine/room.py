"""What the limits of a campaign leave for one activity, and what is taken of it, effect by effect."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from rewards.engine.limits import InAll, Limits, Usage, period_key
from rewards.engine.reasons import Reason, money


class Room:
    """
    What a campaign may still give, and less with each `take()`.

    `wallet_type` is the kind of points that its limits count. `is_cut_by_budget` tells that something
    was left out because a budget is not enough.
    """

    def __init__(self, campaign_key: str, limits: Limits, *, wallet_type: str, usage: Usage) -> None:
        self.limits = limits
        self.wallet_type = wallet_type
        self.point_values = usage.point_values
        self.key = campaign_key
        self.usage = usage
        self.points = limits.at_most
        self.budget_points: int | None = None
        self.budget_money: Decimal | None = None
        self.is_cut_by_budget = False

    def enter(self, local: datetime, *, currency: str) -> Reason | None:
        """See what was given before; why nothing more can be, if so."""
        if not self.limits.are_counted:
            return None
        return self._of_member(local) or self._in_all(currency)

    def _of_member(self, local: datetime) -> Reason | None:
        for limit in self.limits.per_member:
            times, points = self.usage.counted(self.key, period_key(limit.period, local))
            if limit.times is not None and times >= limit.times:
                return Reason(f"limit_reached.{limit.period}", {"count": times, "limit": limit.times})
            if limit.points is not None and self.wallet_type:
                if points >= limit.points:
                    parameters = {"count": points, "limit": limit.points}
                    return Reason(f"points_limit_reached.{limit.period}", {**parameters})
                self.points = _least(self.points, limit.points - points)
        return None

    def _in_all(self, currency: str) -> Reason | None:
        for budget in self.limits.in_all:
            left = self.usage.left_of(self.key, budget)
            if left <= 0:
                return spent(budget, currency)
            if budget.unit == "points":
                self.budget_points = int(left)
            elif budget.unit == "money":
                self.budget_money = Decimal(left)
        return None

    def take(self, wallet_type: str, wanted: int) -> int:
        """How many of the points that an effect would give can be given; they are taken then."""
        points = wanted
        if wallet_type == self.wallet_type:
            points = _least(self.points, points)
            points = self._from_budget(points, self.budget_points)
        value = self.point_values.get(wallet_type, Decimal(0))
        if self.budget_money is not None and value > 0:
            points = self._from_budget(points, int(self.budget_money // value))
            self.budget_money -= points * value
        if wallet_type == self.wallet_type:
            self.points = None if self.points is None else self.points - points
            self.budget_points = None if self.budget_points is None else self.budget_points - points
        return points

    def _from_budget(self, points: int, left: int | None) -> int:
        if left is None or points <= left:
            return points
        self.is_cut_by_budget = True
        return left

    @property
    def is_refused(self) -> bool:
        """Whether the campaign rather gives nothing than what is left of its budget."""
        return self.limits.refuses and self.is_cut_by_budget


def _least(bound: int | None, points: int) -> int:
    return points if bound is None else min(bound, points)


def spent(budget: InAll, currency: str) -> Reason:
    """That a budget is at its end."""
    if budget.unit == "money":
        return Reason("budget_spent.money", {"limit": money(Decimal(budget.amount), currency)})
    return Reason(f"budget_spent.{budget.unit}", {"limit": int(budget.amount)})
