"""Random valid trees of conditions over members."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from rewards.engine.catalogue import ATTRIBUTE_TYPES, SCOPES, attribute
from rewards.engine.fact import Fact
from tests.rewards.audience.worlds import DAYS, NAMES, SEGMENTS, TIERS

words = st.sampled_from(["a", "b", "7", "true", "\\", "A", "'; DROP TABLE members_member; --", "%", "$1"])
_ONE: dict[str, st.SearchStrategy[Any]] = {
    "text": words,
    "number": st.integers(-1, 8),
    "money": st.sampled_from(["0.00", "9.99", "10.00", "20.00"]),
    "decimal": st.one_of(st.integers(-1, 8), st.sampled_from(["7.5", "0.000001"])),
    "date": st.sampled_from(["2026-02-28", "2028-02-29", "2026-03-01"]),
    "boolean": st.booleans(),
    "set": words,
    "attribute": st.one_of(words, st.integers(-1, 8), st.sampled_from(["7.5"]), st.booleans()),
}
_OF: dict[str, st.SearchStrategy[Any]] = {
    "member.tier": st.sampled_from([*TIERS, "platinum"]),
    "member.segments": st.sampled_from([*SEGMENTS, "nobody"]),
    "member.age_years": st.integers(-1, 32),
    "member.days_enrolled": st.sampled_from([-365, 0, 1, 399, 400, 401]),
    "history.days_since_purchase": st.sampled_from([0, 1, 30, 31, 365]),
}
FACTS = [
    *SCOPES["member"].facts(),
    *(attribute("member.attribute", name, of_type) for name in NAMES for of_type in ATTRIBUTE_TYPES),
]
_TYPE_OF = {fact_type: name for name, (fact_type, _read) in ATTRIBUTE_TYPES.items()}


def _operand(fact: Fact, operator: str) -> st.SearchStrategy[Any]:
    one = _OF.get(fact.key, _ONE[fact.type])
    if operator == "known":
        return st.booleans()
    if fact.type == "attribute" and operator in ("gte", "gt", "lte", "lt", "between"):
        one = _ONE["decimal"]
    if operator == "between":
        key = Decimal if fact.type in ("money", "decimal", "attribute") else None
        return st.lists(one, min_size=2, max_size=2).map(lambda pair: sorted(pair, key=key))
    if operator in ("in", "not_in", "has_any", "has_all", "has_none"):
        kinds = [words, st.integers(-1, 8)] if fact.type == "attribute" else [one]
        return st.one_of(*(st.lists(kind, min_size=1, max_size=3) for kind in kinds))
    return one


@st.composite
def conditions(draw: st.DrawFn, facts: list[Fact] = FACTS) -> dict[str, Any]:
    fact = draw(st.sampled_from(facts))
    operator = draw(st.sampled_from(fact.operators))
    raw = {"fact": fact.key, "operator": operator, "value": draw(_operand(fact, operator))}
    if fact.takes == "days":
        raw["days"] = draw(st.sampled_from(DAYS))
    if fact.attribute and (of_type := _TYPE_OF[fact.type]):
        raw["type"] = of_type
    return raw


trees = st.recursive(
    conditions(),
    lambda children: st.builds(
        lambda kind, nodes: {kind: nodes},
        st.sampled_from(["all", "any", "none"]),
        st.lists(children, min_size=1, max_size=4),
    ),
    max_leaves=10,
)
