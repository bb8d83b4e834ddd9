"""What the builder offers: occasions, facts with their operators and choices, effects, and lists."""

from collections.abc import Callable
from typing import Any, Final

from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from loyalty.core.models import Program
from members.models import Tier, WalletType
from rewards.admin.building.kinds import effects, triggers
from rewards.engine.catalogue import FAMILIES, SCOPES
from rewards.engine.fact import OPERATORS, Fact
from rewards.engine.reasons import Reason
from rewards.models import Campaign, Reward

WHOLE_AT_MOST: Final = 200

_GROUPS: Final = {
    "sale": _("The purchase"),
    "lines": _("Items in the purchase"),
    "line": _("The item"),
    "event": _("The event"),
    "member": _("The member"),
    "history": _("Earlier purchases"),
    "moment": _("The moment"),
}
# Where the builder's fields say the rest: over how many days, of which items.
_LABELS: Final = {
    "history.purchases": _("Number of purchases"),
    "history.spend": _("Money spent"),
    "lines.amount": _("Amount spent on some items"),
    "lines.list_amount": _("Price of some items before discounts"),
    "lines.quantity": _("Number of pieces of some items"),
    "lines.count": _("Number of lines with some items"),
    "line.amount": _("Amount of the line"),
    "line.list_amount": _("Amount of the line before discounts"),
    "line.quantity": _("Number of pieces"),
    "line.sku": _("Item"),
}
_LISTS: Final = {
    "member.tier": "tiers",
    "member.segments": "segments",
    "sale.store": "stores",
    "sale.categories": "categories",
    "sale.brands": "brands",
    "sale.departments": "departments",
    "sale.skus": "products",
    "line.sku": "products",
    "line.category": "categories",
    "line.brand": "brands",
    "line.department": "departments",
}
_FAMILY_LABELS: Final = {
    "sale.attribute": _("An attribute of the purchase …"),
    "event.attribute": _("An attribute of the event …"),
    "member.attribute": _("An attribute of the member …"),
}


def _campaigns(program: Program) -> list[tuple[str, str]]:
    return list(Campaign.objects.filter(program=program).order_by("name", "pk").values_list("key", "name"))


def _rewards(program: Program) -> list[tuple[str, str]]:
    return list(Reward.objects.filter(program=program).order_by("name", "pk").values_list("key", "name"))


def _tiers(program: Program) -> list[tuple[str, str]]:
    tiers = Tier.objects.filter(ladder__program=program).order_by("ladder", "threshold", "pk")
    return list(tiers.values_list("key", "name"))


def _wallet_types(program: Program) -> list[tuple[str, str]]:
    types = WalletType.objects.filter(program=program).order_by("-is_spendable", "name")
    return list(types.values_list("key", "name"))


_WHOLE: Final[dict[str, Callable[[Program], list[tuple[str, str]]]]] = {
    "campaigns": _campaigns,
    "rewards": _rewards,
    "tiers": _tiers,
}


def vocabulary(program: Program, *, used: Any = None) -> dict[str, Any]:
    """
    Everything that the builder knows of, as JSON. Long lists are searched as one types instead.

    `used` is the definition or the tree to be shown, whose values need their names.
    """
    facts = {fact.key: fact for scope in SCOPES.values() for fact in scope.facts()}
    return {
        "currency": program.currency,
        "time_zone": program.time_zone,
        "facts": [_fact(fact) for fact in facts.values()],
        "scopes": {name: [fact.key for fact in scope.facts()] for name, scope in SCOPES.items()},
        "families": _families(),
        "operators": OPERATORS,
        "operator_labels": _operator_labels(),
        "triggers": triggers(),
        "effects": effects(),
        "wallet_types": _choices(_wallet_types(program)),
        "lists": {name: _choices(read(program)[:WHOLE_AT_MOST]) for name, read in _WHOLE.items()},
        "labels": {},
    }


def _choices(found: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"value": value, "label": label} for value, label in found]


def _fact(fact: Fact) -> dict[str, Any]:
    told: dict[str, Any] = {
        "key": fact.key,
        "label": str(_LABELS.get(fact.key) or capfirst(fact.label.text())),
        "group": str(_GROUPS[fact.key.split(".")[0]]),
        "type": fact.type,
        "operators": fact.operators,
    }
    if fact.choices:
        told["choices"] = [{"value": choice, "label": Reason(choice).text()} for choice in fact.choices]
    if fact.key in _LISTS:
        told["list"] = _LISTS[fact.key]
    if takes := getattr(fact, "takes", ""):
        told[takes] = True
    return told


def _families() -> list[dict[str, Any]]:
    return [
        {
            "key": family,
            "label": str(_FAMILY_LABELS[family]),
            "group": str(_GROUPS[family.split(".")[0]]),
            "scopes": [name for name, scope in SCOPES.items() if family.startswith(scope.prefixes)],
        }
        for family in FAMILIES
    ]


def _operator_labels() -> dict[str, str]:
    names = {operator for operators in OPERATORS.values() for operator in operators} | {"known"}
    return {name: Reason(f"operator.{name}").text() for name in sorted(names)}


def search(program: Program, name: str, text: str) -> list[dict[str, str]]:
    """What a list has that fits the text; nothing of a list that there is not."""
    read = _WHOLE.get(name)
    wanted = text.casefold()
    found = read(program) if read else []
    return _choices([(key, label) for key, label in found if wanted in f"{key} {label}".casefold()][:20])
