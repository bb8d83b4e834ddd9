"""
What a sale would have to have more of, so that conditions are met: more money, more items, another line.

A sale only grows: what could be met only by taking something away is not met. What is grown is a
sale that may be made up from the one that is there, so that the engine can say what it would earn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from rewards.engine import conditions, phrases
from rewards.engine.conditions import Group, Leaf, Node
from rewards.engine.facts import ActivityFacts, Facts, KnownLine, LineFacts
from rewards.engine.operators import Predicate
from rewards.engine.reasons import Reason, money, number

CENT = Decimal("0.01")
ONE = Decimal(1)
HALF = Decimal("0.5")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """
    Something that a sale lacks: `gap` more of what has to be `wanted` in all.

    `unit` is "amount" (money of the program's currency), "items" (pieces, or what else quantities are
    counted in) or "lines" (of the receipt).
    """

    unit: str
    gap: Decimal
    wanted: Decimal
    said: Reason

    @property
    def share(self) -> Decimal:
        """Which part of what is wanted is missing."""
        return self.gap / self.wanted

    @property
    def is_near(self) -> bool:
        """Whether at least half of it is there, or no more than one piece is missing."""
        return self.share <= HALF or (self.unit != "amount" and self.gap <= 1)


class Grown(msgspec.Struct, frozen=True, kw_only=True):
    """A sale as it is or would be, and the steps that lead there."""

    facts: Facts
    steps: tuple[Step, ...] = ()

    @property
    def cost(self) -> Decimal:
        return sum((step.share for step in self.steps), Decimal(0))

    @property
    def activity(self) -> ActivityFacts:
        return self.facts.activity

    def by(self, step: Step, *, more: Decimal = Decimal(0), lines: tuple[LineFacts, ...] = ()) -> Grown:
        """The sale after that step: `more` money was paid for it, and it has these lines in addition."""
        activity = replace(
            self.activity, amount=self.activity.amount + more, lines=(*self.activity.lines, *lines)
        )
        facts = Facts(activity=activity, member=self.facts.member, moment=self.facts.moment)
        return Grown(facts=facts, steps=(*self.steps, step))


def to_meet(node: Node, sale: Grown) -> Grown | None:
    """The sale grown by as little as meets the conditions; None if no growth that is known of does."""
    if isinstance(node, Group) and node.kind == "all":
        return _all(node, sale)  # what is met already adds no step
    if conditions.compile(node)(sale.facts):
        return sale
    if isinstance(node, Leaf):
        return _leaf(node, sale)
    return _any(node, sale) if node.kind == "any" else None


def _all(node: Group, sale: Grown) -> Grown | None:
    grown: Grown | None = sale
    for child in node.children:
        grown = to_meet(child, grown) if grown is not None else None
    return grown


def _any(node: Group, sale: Grown) -> Grown | None:
    ways = [way for child in node.children if (way := to_meet(child, sale)) is not None]
    return min(ways, key=lambda way: way.cost, default=None)


def _leaf(leaf: Leaf, sale: Grown) -> Grown | None:
    if leaf.fact.key in _SETS:
        return _belonging(leaf, sale)
    grow = _GROW.get(leaf.fact.key)
    if grow is None or (found := sale.facts[leaf.fact]) is None:
        return None
    wanted = _wanted(leaf, found)
    return None if wanted is None or wanted <= found else grow(leaf, wanted, found, sale)


def _wanted(leaf: Leaf, found: Any) -> Decimal | None:
    """The least that a number has to be, if it has to be more than it is."""
    operand = leaf.operand
    match leaf.operator:
        case "gte" | "eq":
            return Decimal(operand)
        case "gt":
            return Decimal(operand) + (CENT if leaf.fact.type == "money" else ONE)
        case "between":
            return Decimal(operand[0])
        case "in":
            return min((Decimal(one) for one in operand if one > found), default=None)
    return None


# Of the whole sale.


def _amount(leaf: Leaf, wanted: Decimal, found: Any, sale: Grown) -> Grown:
    gap = wanted - found
    said = {"gap": money(gap, sale.activity.currency)}
    code = "near.amount" if leaf.fact.key == "sale.amount" else "near.list_amount"
    return sale.by(Step(unit="amount", gap=gap, wanted=wanted, said=Reason(code, {**said})), more=gap)


def _quantity(leaf: Leaf, wanted: Decimal, found: Any, sale: Grown) -> Grown:
    gap = wanted - found
    step = Step(unit="items", gap=gap, wanted=wanted, said=_counted("near.items", gap))
    return sale.by(step, lines=(_new_line(sale, quantity=gap),))


def _line_count(leaf: Leaf, wanted: Decimal, found: Any, sale: Grown) -> Grown | None:
    gap = wanted - found
    step = Step(unit="lines", gap=gap, wanted=wanted, said=_counted("near.lines", gap))
    # A gap that is not near is not worth a thousand lines.
    lines = tuple(_new_line(sale, offset=offset) for offset in range(int(gap))) if step.is_near else ()
    return sale.by(step, lines=lines) if lines else None


def _new_line(sale: Grown, *, offset: int = 0, **known: Any) -> LineFacts:
    return LineFacts(id=f"near-{len(sale.activity.lines) + offset}", **known)


def _counted(code: str, gap: Decimal, **more: Reason) -> Reason:
    return Reason(code, {"gap": number(gap), "count": 1 if gap == 1 else 2, **more})


# Of the lines that a tree picks.


def _lines_amount(leaf: Leaf, wanted: Decimal, found: Any, sale: Grown) -> Grown | None:
    gap, currency = wanted - found, sale.activity.currency
    line = next((one for one in _alike(leaf.fact.lines, sale, amount=gap)), None)
    if line is None:
        return None
    code = "near.amount_of_lines" if leaf.fact.key == "lines.amount" else "near.list_amount_of_lines"
    lines = phrases.of_node(leaf.fact.lines, currency=currency)
    said = Reason(code, {"gap": money(gap, currency), "lines": lines})
    return sale.by(Step(unit="amount", gap=gap, wanted=wanted, said=said), more=gap, lines=(line,))


def _lines_quantity(leaf: Leaf, wanted: Decimal, found: Any, sale: Grown) -> Grown | None:
    return more_items(leaf.fact.lines, sale, gap=wanted - found, wanted=wanted)


def more_items(tree: Node | None, sale: Grown, *, gap: Decimal, wanted: Decimal) -> Grown | None:
    """The sale with so many more items of those that the tree picks, of any without one."""
    line = next((one for one in _alike(tree, sale, quantity=gap)), None)
    if line is None:
        return None
    if tree is None:
        said = _counted("near.items", gap)
    else:
        lines = phrases.of_node(tree, currency=sale.activity.currency)
        said = _counted("near.items_of_lines", gap, lines=lines)
    step = Step(unit="items", gap=gap, wanted=wanted, said=said)
    return sale.by(step, more=line.amount, lines=(line,))


def _lines_count(leaf: Leaf, wanted: Decimal, found: Any, sale: Grown) -> Grown | None:
    gap = wanted - found
    line = next((one for one in _alike(leaf.fact.lines, sale, quantity=ONE)), None)
    lines = phrases.of_node(leaf.fact.lines, currency=sale.activity.currency)
    said = _counted("near.lines_of_lines", gap, lines=lines)
    step = Step(unit="lines", gap=gap, wanted=wanted, said=said)
    if line is None or not step.is_near:
        return None
    copies = tuple(replace(line, id=f"{line.id}-{copy}") for copy in range(int(gap)))
    return sale.by(step, more=line.amount * len(copies), lines=copies)


def _alike(
    tree: Node | None, sale: Grown, *, quantity: Decimal = ONE, amount: Decimal = Decimal(0)
) -> Iterator[LineFacts]:
    """
    Lines that the tree picks, with that quantity and amount: like those that are there, or made up.

    An item costs nothing, so that no more is promised for it than it gives in any case; if the tree
    looks at what it costs, as much as one that is there.
    """
    picks = conditions.compile(tree) if tree is not None else _any_line
    own = _new_line(sale)
    for known in sale.facts.lines:
        if picks(known):
            yield from _picked(picks, replace(known.line, id=own.id, quantity=quantity, amount=amount))
            if not amount and known.line.quantity:
                price = known.line.amount / known.line.quantity
                paid = (price * quantity).quantize(CENT)
                yield from _picked(picks, replace(known.line, id=own.id, quantity=quantity, amount=paid))
    for described in _described(tree):
        yield from _picked(picks, replace(own, quantity=quantity, amount=amount, **described))


def _picked(picks: Predicate, line: LineFacts) -> Iterator[LineFacts]:
    if picks(KnownLine(line)):
        yield line


def _any_line(line: Any) -> bool:
    return True


def _described(node: Node | None) -> Iterator[dict[str, str]]:
    """What a line may be like that the tree picks, as far as it names what it wants."""
    if node is None:
        yield {}
    elif isinstance(node, Leaf):
        yield _named(node)
    elif node.kind == "any":
        for child in node.children:
            yield from _described(child)
    elif node.kind == "all":
        together: dict[str, str] = {}
        for child in node.children:
            together |= next(_described(child), {})
        yield together


def _named(leaf: Leaf) -> dict[str, str]:
    if leaf.fact.key not in _OF_A_LINE or leaf.operator not in ("eq", "in"):
        return {}
    wanted = min(leaf.operand) if leaf.operator == "in" else leaf.operand
    return {leaf.fact.key.removeprefix("line."): wanted}


_OF_A_LINE = ("line.sku", "line.category", "line.brand", "line.department")


# Of what is bought at all.


def _belonging(leaf: Leaf, sale: Grown) -> Grown | None:
    """With an item of each that is lacking: of a category, a brand, …"""
    if leaf.operator == "has_none":
        return None
    missing = sorted(leaf.operand - sale.facts[leaf.fact])
    if leaf.operator == "has_all":
        wanted, named = missing, replace(leaf, operand=frozenset(missing))
    else:
        wanted, named = missing[:1], leaf  # one of them will do; all that would are named
    said = Reason("near.item", {"what": phrases.of_items(named)})
    step = Step(unit="items", gap=Decimal(len(wanted)), wanted=Decimal(len(wanted)), said=said)
    field = _SETS[leaf.fact.key]
    lines = tuple(_new_line(sale, offset=place, **{field: one}) for place, one in enumerate(wanted))
    return sale.by(step, lines=lines)


_SETS = {
    "sale.categories": "category",
    "sale.brands": "brand",
    "sale.departments": "department",
    "sale.skus": "sku",
}
type _Grow = Callable[[Leaf, Decimal, Any, Grown], Grown | None]
_GROW: dict[str, _Grow] = {
    "sale.amount": _amount,
    "sale.list_amount": _amount,
    "sale.quantity": _quantity,
    "sale.line_count": _line_count,
    "lines.amount": _lines_amount,
    "lines.list_amount": _lines_amount,
    "lines.quantity": _lines_quantity,
    "lines.count": _lines_count,
}
