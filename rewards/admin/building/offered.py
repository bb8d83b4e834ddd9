"""What the builder offers: occasions, facts with their operators and choices, effects, and lists."""

from typing import Any, Final

from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from loyalty.core.models import Program
from members.models import AttributeType, WalletType
from rewards.admin.building.kinds import effects, triggers
from rewards.admin.building.lists import LIST_OF_FACT, labels
from rewards.engine.catalogue import FAMILIES, SCOPES, attribute
from rewards.engine.fact import OPERATORS, Fact
from rewards.engine.reasons import Reason

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
_FAMILY_LABELS: Final = {
    "sale.attribute": _("An attribute of the purchase …"),
    "event.attribute": _("An attribute of the event …"),
    "member.attribute": _("An attribute of the member …"),
}


def _wallet_types(program: Program) -> list[tuple[str, str]]:
    types = WalletType.objects.filter(program=program).order_by("-is_spendable", "name")
    return list(types.values_list("key", "name"))


def vocabulary(program: Program, *, used: Any = None) -> dict[str, Any]:
    """
    Everything that the builder knows of, as JSON. Long lists are searched as one types instead.

    `used` is the definition or the tree to be shown, whose values need their names.
    """
    facts = {fact.key: _fact(fact) for scope in SCOPES.values() for fact in scope.facts()}
    facts |= _declared(program)
    return {
        "currency": program.currency,
        "time_zone": program.time_zone,
        "facts": list(facts.values()),
        "scopes": {
            name: [key for key in facts if key.startswith(scope.prefixes)] for name, scope in SCOPES.items()
        },
        "families": _families(),
        "operators": OPERATORS,
        "operator_labels": _operator_labels(),
        "triggers": triggers(),
        "effects": effects(),
        "wallet_types": choices(_wallet_types(program)),
        "lists": {},
        "labels": labels(program, used),
    }


def choices(found: list[tuple[str, str]]) -> list[dict[str, str]]:
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
    if fact.key in LIST_OF_FACT:
        told["list"] = LIST_OF_FACT[fact.key]
    if fact.takes:
        told[fact.takes] = True
    return told


def _declared(program: Program) -> dict[str, dict[str, Any]]:
    """The attributes that the program has declared, as facts of the type that it says."""
    told = {}
    for declared in AttributeType.objects.of(program).select_related("event_type").order_by("label", "pk"):
        fact = attribute(f"{declared.owner}.attribute", declared.name, declared.type)
        label = f"{declared.event_type}: {declared.label}" if declared.event_type else declared.label
        told[fact.key] = {**_fact(fact), "label": label, "declared": declared.type}
        if declared.choices:
            told[fact.key]["choices"] = choices([(choice, choice) for choice in declared.choices])
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
