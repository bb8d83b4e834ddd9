"""What a campaign gives back of a sale, and how often."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from django.utils.translation import gettext as _

from rewards.engine.definition import Definition
from rewards.engine.effects import FixedPoints, Multiplier, PointsPerItem, PointsPerUnit
from rewards.linting.case import ERROR, INFO, WARNING, Case, Hint
from rewards.linting.others import may_meet
from rewards.planning.contradictions import required

SHARE: Final = Decimal("0.20")
"""Of a sale: who gives back more than this should mean it."""
GENEROUS: Final = Decimal(1)
"""In the program's currency: fixed awards worth less do not tempt anybody."""


MANY: Final = 1_000_000_000
"""Points at once: some million of such awards, or one for many items, are more than a wallet can hold."""


def size(case: Case) -> Iterator[Hint]:
    for place, effect in enumerate(case.rule.effects):
        if isinstance(effect, FixedPoints | PointsPerItem) and effect.points > MANY:
            yield Hint(
                code="too_many_points",
                severity=ERROR,
                pointer=f"{case.effect(place)}/points",
                text=_("So many points at once are soon more than a member can have."),
                advice=_(
                    "From then on what would give more is refused, tills’ sales too: see the number again."
                ),
            )


def generosity(case: Case) -> Iterator[Hint]:
    rate = _share_of_a_sale(case)
    if rate > SHARE:
        yield Hint(
            code="gives_back_too_much",
            severity=ERROR if rate >= 1 else WARNING,
            pointer="#/effects",
            text=_("Together with the other running campaigns it gives back %(share)s %% of what is paid.")
            % {"share": f"{rate * 100:.0f}"},
            advice=_("Who buys and returns, or buys for others, could live on it."),
        )
    if case.rule.trigger.kind == "sale":
        yield from _tempting_awards(case)
    elif case.rule.trigger.kind in ("event", "code_entered", "check_in"):
        yield from _endless_awards(case)


def _share_of_a_sale(case: Case) -> Decimal:
    """Of each unit of money that is paid: what the points for it cost, if all that runs is met."""
    if case.rule.trigger.kind != "sale":
        return Decimal(0)
    own = any(isinstance(effect, PointsPerUnit | Multiplier) for effect in case.rule.effects)
    if not own:
        return Decimal(0)
    met = [one.definition for one in case.listening() if may_meet(case.rule, one.definition)]
    effects = [*case.rule.effects, *(effect for rule in met for effect in rule.effects)]
    share = Decimal(0)
    for key, price in case.prices.items():
        per_unit = [e for e in effects if isinstance(e, PointsPerUnit) and e.wallet_type == key]
        base = sum((e.points / e.per for e in per_unit if e.is_base), Decimal(0))
        bonus = sum((e.points / e.per for e in per_unit if not e.is_base), Decimal(0))
        factors = sum(
            (
                e.factor - 1
                for e in effects
                if isinstance(e, Multiplier) and e.wallet_type == key and not e.of
            ),
            Decimal(0),
        )
        share += price * (base * (1 + factors) + bonus)
    return share


def _tempting_awards(case: Case) -> Iterator[Hint]:
    """Fixed awards for a sale: against the smallest sale that gets them, and before it can be returned."""
    least = _least_sale(case.rule)
    for place, effect in enumerate(case.rule.effects):
        if not isinstance(effect, FixedPoints):
            continue
        worth = effect.points * case.prices.get(effect.wallet_type, Decimal(0))
        if worth < GENEROUS:
            continue
        if worth > SHARE * least and not case.rule.limits.per_member:
            yield Hint(
                code="small_sale_big_award",
                severity=WARNING,
                pointer=f"{case.effect(place)}/points",
                text=_("A sale of %(least)s is enough for points that cost %(worth)s, again and again.")
                % {"least": f"{least:,.2f}", "worth": f"{worth:,.2f}"},
                advice=_("Ask for a minimum amount, or limit the times for each member."),
            )
        kind = case.terms.wallet_types.get(effect.wallet_type)
        if effect.pending is None and kind is not None and not kind.pending_days:
            yield Hint(
                code="spent_before_returned",
                severity=INFO,
                pointer=f"{case.effect(place)}/pending",
                text=_("These points can be spent before the goods come back."),
                advice=_("Let them wait for as many days as goods can be returned."),
            )


def _least_sale(rule: Definition) -> Decimal:
    bounds = [
        placed.leaf.operand[0] if placed.leaf.operator == "between" else placed.leaf.operand
        for placed in required(rule.conditions)
        if placed.leaf.fact.key in ("sale.amount", "sale.list_amount", "lines.amount")
        and placed.leaf.operator in ("gte", "gt", "eq", "between")
    ]
    return max(bounds, default=Decimal(0))


def _endless_awards(case: Case) -> Iterator[Hint]:
    limits = case.rule.limits
    if limits.per_member or limits.in_all:
        return
    cost = sum(
        (
            effect.points * case.prices.get(effect.wallet_type, Decimal(0))
            for effect in case.rule.effects
            if isinstance(effect, FixedPoints)
        ),
        Decimal(0),
    )
    if cost > 0:
        yield Hint(
            code="no_limit",
            severity=WARNING,
            pointer="#/limits",
            text=_("Members can do this again and again, and get points that cost %(cost)s each time.")
            % {"cost": f"{cost:,.2f}"},
            advice=_("Limit the times for each member, for a day or for ever."),
        )
