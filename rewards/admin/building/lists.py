"""What values can be chosen from: lists of the program, searched as one types, and names of values."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from django.db.models import Model, Q

from loyalty.core.models import Program
from members.models import EventType, Segment, Tier
from rewards.models import Badge, Campaign, Challenge, KnownField, KnownValue, PrizeDraw, Reward
from rewards.planning import known_values

FOUND_AT_MOST: Final = 20

type Named = list[tuple[str, str]]


class Source(NamedTuple):
    """How a list is searched, and what its values are called."""

    search: Callable[[Program, str], Named]
    names: Callable[[Program, Iterable[str]], Named]


def _objects(
    model: type[Model], *, key: str = "key", name: str = "name", program: str = "program", **where: Any
) -> Source:
    def rows(of: Program) -> Any:
        found = model._default_manager.filter(**{program: of}, **where)
        return found.order_by(name, "pk").values_list(key, name)

    def search(of: Program, text: str) -> Named:
        fits = Q(**{f"{name}__icontains": text}) | Q(**{f"{key}__icontains": text})
        return list(rows(of).filter(fits)[:FOUND_AT_MOST])

    def names(of: Program, values: Iterable[str]) -> Named:
        return list(rows(of).filter(**{f"{key}__in": list(values)}))

    return Source(search, names)


def _known(field: KnownField) -> Source:
    def search(program: Program, text: str) -> Named:
        return known_values.search(program, field, text, limit=FOUND_AT_MOST)

    def names(program: Program, values: Iterable[str]) -> Named:
        rows = KnownValue.objects.filter(program=program, field=field, value__in=list(values))
        return [(value, label or value) for value, label in rows.values_list("value", "label")]

    return Source(search, names)


def _groups(program: Program, text: str) -> Named:
    drafts = Campaign.objects.filter(program=program, draft__stacking__group__icontains=text)
    found = (
        drafts.order_by("draft__stacking__group").values_list("draft__stacking__group", flat=True).distinct()
    )
    return [(group, group) for group in found[:FOUND_AT_MOST]]


SOURCES: Final[Mapping[str, Source]] = {
    "badges": _objects(Badge),
    "brands": _known(KnownField.BRAND),
    "campaigns": _objects(Campaign),
    "categories": _known(KnownField.CATEGORY),
    "challenges": _objects(Challenge),
    "departments": _known(KnownField.DEPARTMENT),
    "draws": _objects(PrizeDraw),
    "event_types": _objects(EventType, key="name", name="label"),
    "groups": Source(_groups, lambda program, values: []),
    "products": _known(KnownField.SKU),
    "rewards": _objects(Reward),
    "segments": _objects(Segment, archived_at=None),
    "stores": _known(KnownField.STORE),
    "tiers": _objects(Tier, program="ladder__program"),
}
LIST_OF_FACT: Final = {
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
_LIST_OF_FIELD: Final = {
    "badge": "badges",
    "challenge": "challenges",
    "challenges": "challenges",
    "draw": "draws",
    "event_type": "event_types",
    "not_segments": "segments",
    "of": "campaigns",
    "reward": "rewards",
    "segments": "segments",
    "stores": "stores",
    "tiers": "tiers",
}


def search(program: Program, name: str, text: str) -> Named:
    """Values and names of a list that fit the text; nothing of a list that there is not."""
    source = SOURCES.get(name)
    # PostgreSQL has no text with this character.
    return source.search(program, text.replace("\0", "").strip()) if source else []


def labels(program: Program, used: Any) -> dict[str, dict[str, str]]:
    """The names of the values that a definition or a tree uses, by list; one query for each list."""
    wanted: dict[str, set[str]] = {}
    for name, value in _used(used):
        wanted.setdefault(name, set()).add(value.replace("\0", ""))
    return {name: dict(SOURCES[name].names(program, values)) for name, values in wanted.items()}


def _used(node: Any) -> Iterator[tuple[str, str]]:
    """Each list with a value of it that stands somewhere in the JSON."""
    if isinstance(node, list):
        for item in node:
            yield from _used(item)
    elif isinstance(node, dict):
        if fact := LIST_OF_FACT.get(str(node.get("fact"))):
            yield from _values(fact, node.get("value"))
        for key, value in node.items():
            # Of points per amount, `of` is no campaign.
            if key in _LIST_OF_FIELD and not (key == "of" and isinstance(value, str)):
                yield from _values(_LIST_OF_FIELD[key], value)
            yield from _used(value)


def _values(name: str, value: Any) -> Iterator[tuple[str, str]]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str):
            yield name, one
