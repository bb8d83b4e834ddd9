"""Keys that the program does not have, and values that no purchase has ever named."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from django.utils.translation import gettext as _

from members.models import Segment, Tier
from rewards.engine.conditions import leaves
from rewards.linting.case import ERROR, NAMED_AT_MOST, WARNING, Case, Hint
from rewards.models import KnownValue

_FIELDS: Final = {
    "sale.store": "store",
    "sale.categories": "category",
    "sale.brands": "brand",
    "sale.departments": "department",
    "sale.skus": "sku",
    "line.category": "category",
    "line.brand": "brand",
    "line.department": "department",
    "line.sku": "sku",
}


def unknown_keys(case: Case) -> Iterator[Hint]:
    yield from _unknown_tiers_and_segments(case)
    asked = {
        (_FIELDS[leaf.fact.key], value)
        for tree in (case.rule.conditions, *(getattr(one, "lines", None) for one in case.rule.effects))
        for leaf in _all_leaves(tree)
        if leaf.fact.key in _FIELDS and leaf.operator in ("eq", "in", "has_any", "has_all")
        for value in (leaf.operand if isinstance(leaf.operand, frozenset) else {leaf.operand})
    }
    if not asked:
        return
    rows = KnownValue.objects.filter(program=case.program)
    if not rows.exists():
        return
    seen = set(rows.filter(value__in=[value for _field, value in asked]).values_list("field", "value"))
    for field, value in sorted(asked - seen)[:NAMED_AT_MOST]:
        yield Hint(
            code="never_seen",
            severity=WARNING,
            pointer=_pointer_of(case.raw, value),
            text=_("No purchase has ever named the %(field)s “%(value)s”.")
            % {"field": _FIELD_NAMES[field](), "value": value},
            advice=_("See whether it is written as tills report it, in the same case."),
        )


_FIELD_NAMES: Final[dict[str, Callable[[], str]]] = {
    "store": lambda: _("store"),
    "category": lambda: _("category"),
    "brand": lambda: _("brand"),
    "department": lambda: _("department"),
    "sku": lambda: _("product"),
}


def _all_leaves(tree: Any) -> Iterator[Any]:
    for leaf in leaves(tree):
        yield leaf
        yield from _all_leaves(leaf.fact.lines)


def _unknown_tiers_and_segments(case: Case) -> Iterator[Hint]:
    audience = case.rule.audience
    tiers = audience.tiers | _values(case, "member.tier")
    segments = case.rule.segments
    if tiers:
        tiers -= set(Tier.objects.filter(ladder__program=case.program).values_list("key", flat=True))
    if segments:
        segments -= set(Segment.objects.of(case.program).in_use().values_list("key", flat=True))
    for what, keys in ((_("tier"), tiers), (_("segment"), segments)):
        for key in sorted(keys)[:NAMED_AT_MOST]:
            yield Hint(
                code="unknown_key",
                severity=ERROR,
                pointer=_pointer_of(case.raw, key),
                text=_("The program has no %(what)s “%(key)s”.") % {"what": what, "key": key},
                advice=_("Nobody can be in it: choose one that is there."),
            )


def _values(case: Case, fact: str) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    for leaf in leaves(case.rule.conditions):
        if leaf.fact.key == fact and leaf.operator in ("eq", "in"):
            found |= leaf.operand if isinstance(leaf.operand, frozenset) else {leaf.operand}
    return found


def _pointer_of(raw: object, value: object, pointer: str = "#") -> str:
    """Where a value stands in the definition; the whole of it if it is not found."""
    if isinstance(raw, Mapping):
        children = [(str(key), child) for key, child in raw.items()]
    elif isinstance(raw, list):
        children = [(str(index), child) for index, child in enumerate(raw)]
    else:
        return pointer if raw == value else ""
    places = (_pointer_of(child, value, f"{pointer}/{key}") for key, child in children)
    return next(filter(None, places), "" if pointer != "#" else "#")
