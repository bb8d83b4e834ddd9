"""
What a program's conditions can ask about, in words, and the names of what they are compared with.

The facts that every program knows come from the engine's catalogue; those of this program alone are
its declared attributes (`members.models.AttributeType`). Values are searched for, as there may be a
million: stores, categories, brands, departments and products that purchases have named, and whatever
staff have set up.
"""

from collections.abc import Collection, Iterable
from typing import Any, Final

from django.db.models import Model, Q
from django.utils.text import capfirst
from django.utils.translation import ngettext
from msgspec import Struct

from loyalty.core.models import Program
from members.models import AttributeOwner, AttributeType, EventType, Segment, Tier, WalletType
from rewards import known_values
from rewards.engine.catalogue import FAMILIES, SCOPES, attribute
from rewards.engine.fact import Fact
from rewards.engine.reasons import Reason
from rewards.models import Badge, Campaign, Challenge, KnownField, PrizeDraw, Reward

FOUND_AT_MOST: Final = 20

LISTS_OF_FACTS: Final = {
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
_KNOWN: Final = {
    "stores": KnownField.STORE,
    "categories": KnownField.CATEGORY,
    "brands": KnownField.BRAND,
    "departments": KnownField.DEPARTMENT,
    "products": KnownField.SKU,
}
_NAMED: Final[dict[str, tuple[type[Model], str]]] = {
    "tiers": (Tier, "ladder__program"),
    "segments": (Segment, "program"),
    "campaigns": (Campaign, "program"),
    "rewards": (Reward, "program"),
    "badges": (Badge, "program"),
    "challenges": (Challenge, "program"),
    "draws": (PrizeDraw, "program"),
    "wallet types": (WalletType, "program"),
}
LISTS: Final = (*_KNOWN, *_NAMED)
"""Names of the lists that can be searched."""


class Word(Struct, frozen=True):
    """A value and what to call it."""

    value: str
    label: str


class KnownFact(Struct, frozen=True, kw_only=True):
    """
    A fact as conditions name it: `{"fact": key, "operator": …, "value": …}`.

    `type` is the engine's, and `declared` what a condition about a declared attribute says as its
    `type` besides. It takes one of `choices`, or values of the searchable `list`, where there is one.
    `takes` is "days" or "lines" if a condition must say how many days or which lines. `event_type` is
    the only type of event that has it.
    """

    key: str
    label: str
    type: str
    operators: tuple[Word, ...]
    unit: str = ""
    choices: tuple[Word, ...] = ()
    list: str = ""
    takes: str = ""
    declared: str = ""
    event_type: str = ""


class Vocabulary(Struct, frozen=True):
    """
    The facts of each scope (sale, event, line, member), and the families of attributes that anybody may name.

    `event_types` are those that the program describes; partners may report others.
    """

    facts: dict[str, tuple[KnownFact, ...]]
    families: dict[str, tuple[str, ...]]
    event_types: tuple[Word, ...]


def of(program: Program) -> Vocabulary:
    """The words of a program. Two queries."""
    declared = list(_declared(program))
    event_types = EventType.objects.filter(program=program).order_by("label", "pk")
    return Vocabulary(
        facts={
            name: (
                *(_known(fact) for fact in scope.facts()),
                *(fact for fact in declared if fact.key.startswith(scope.prefixes)),
            )
            for name, scope in SCOPES.items()
        },
        families={
            name: tuple(family for family in FAMILIES if family.startswith(scope.prefixes))
            for name, scope in SCOPES.items()
        },
        event_types=tuple(Word(name, label) for name, label in event_types.values_list("name", "label")),
    )


def _known(fact: Fact) -> KnownFact:
    return KnownFact(
        key=fact.key,
        label=capfirst(fact.label.text(ngettext)),
        type=fact.type,
        operators=_operators(fact),
        unit=fact.unit,
        choices=tuple(Word(choice, Reason(choice).text(ngettext)) for choice in fact.choices),
        list=LISTS_OF_FACTS.get(fact.key, ""),
        takes=fact.takes,
    )


def _operators(fact: Fact) -> tuple[Word, ...]:
    return tuple(Word(name, Reason(f"operator.{name}").text(ngettext)) for name in fact.operators)


def _declared(program: Program) -> Iterable[KnownFact]:
    rows = AttributeType.objects.of(program).select_related("event_type").order_by("label", "pk")
    for row in rows:
        fact = attribute(f"{row.owner}.attribute", row.name, row.type)
        yield KnownFact(
            key=fact.key,
            label=row.label,
            type=fact.type,
            operators=_operators(fact),
            choices=tuple(Word(choice, choice) for choice in row.choices),
            declared=row.type,
            event_type=row.event_type.name if row.event_type else "",
        )


def with_types(tree: Any, *, program: Program, event_type: str = "") -> Any:
    """
    The tree whose conditions say of which type declared attributes are, as far as they do not yet.

    What is compiled from it then depends on no later declaration. Whatever is no tree stays as it is.
    """
    declared = {
        (f"{owner}.attribute.{name}", of_event or ""): of_type
        for owner, name, of_type, of_event in AttributeType.objects.of(program).values_list(
            "owner", "name", "type", "event_type__name"
        )
    }
    return _typed(tree, declared, event_type) if declared else tree


def _typed(tree: Any, declared: dict[tuple[str, str], str], event_type: str) -> Any:
    if isinstance(tree, list):
        return [_typed(part, declared, event_type) for part in tree]
    if not isinstance(tree, dict):
        return tree
    if "fact" not in tree:
        return {kind: _typed(part, declared, event_type) for kind, part in tree.items()}
    key = str(tree["fact"])
    of_event = event_type if key.startswith(f"{AttributeOwner.EVENT}.") else ""
    of_type = declared.get((key, of_event))
    return {**tree, "type": of_type} if of_type and "type" not in tree else tree


def search(program: Program, name: str, text: str, *, limit: int = FOUND_AT_MOST) -> list[tuple[str, str]]:
    """
    What a list has that fits the text: values and what to call them, those that begin with it first.

    :raises KeyError: if there is no such list; see `LISTS`
    """
    if name in _KNOWN:
        return known_values.search(program, _KNOWN[name], text, limit=limit)
    wanted = text.strip().replace("\0", "")
    rows = _rows(program, name).filter(Q(name__icontains=wanted) | Q(key__icontains=wanted))
    found = sorted(rows, key=lambda row: (not row[1].casefold().startswith(wanted.casefold()), row[1]))
    return found[:limit]


def _rows(program: Program, name: str) -> Any:
    model, path = _NAMED[name]
    rows = model._default_manager.filter(**{path: program})
    if model is Segment:
        rows = rows.filter(archived_at=None)
    return rows.order_by("name", "pk").values_list("key", "name")


def labels(program: Program, name: str, values: Collection[str]) -> dict[str, str]:
    """
    What the values of a list are called; those that it does not have are left out.

    :raises KeyError: if there is no such list
    """
    if name in _KNOWN:
        return known_values.labels(program, _KNOWN[name], values)
    model, path = _NAMED[name]
    rows = model._default_manager.filter(**{path: program}, key__in=values)
    return dict(rows.values_list("key", "name"))


def named(program: Program) -> dict[tuple[str, str], str]:
    """
    The names of tiers and segments, as ("segment", key): for texts such as “not in segment Coffee lovers”.

    Of tiers, those of the first ladder win, which is the one that conditions compare with. Two queries.
    """
    tiers = Tier.objects.filter(ladder__program=program).order_by("-ladder__key", "pk")
    segments = Segment.objects.of(program).values_list("key", "name")
    return {
        **{("tier", key): name for key, name in tiers.values_list("key", "name")},
        **{("segment", key): name for key, name in segments},
    }
