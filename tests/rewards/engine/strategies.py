"""Random facts and random valid trees over them, from few values, so that conditions are often met."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from rewards.engine.catalogue import ATTRIBUTE_TYPES, SCOPES, WEEKDAYS, attribute
from rewards.engine.fact import Fact
from rewards.engine.facts import ActivityFacts, Facts, LineFacts, MemberFacts, Moment
from tests.rewards.engine.builders import BERLIN

words = st.sampled_from(["a", "b", "c", "7"])
amounts = st.sampled_from(["0.00", "9.99", "10.00", "10.01", "250.00"])
quantities = st.sampled_from(["1", "1.5", "2", "7"])
counts = st.integers(-1, 8)
dates = st.sampled_from([date(2026, 2, 28), date(2026, 6, 6), date(2028, 2, 29), date(2026, 12, 31)])
births = st.sampled_from([date(2000, 2, 29), date(1990, 6, 6), date(2020, 12, 31), date(1926, 2, 28)])
clock = st.sampled_from(["00:00", "06:00", "12:00", "22:30", "23:59"])
scalars = st.one_of(words, st.integers(0, 8), st.booleans())

lines = st.builds(
    LineFacts,
    id=st.sampled_from(["1", "2", "3"]),
    sku=words,
    quantity=quantities.map(Decimal),
    amount=st.sampled_from(["-1.00", "0.00", "3.33", "10.00"]).map(Decimal),
    category=st.one_of(st.just(""), words),
    brand=st.one_of(st.just(""), words),
    department=st.one_of(st.just(""), words),
    discount=st.sampled_from(["0.00", "6.66"]).map(Decimal),
    tax=st.sampled_from(["0.00", "0.53"]).map(Decimal),
)
attributes = st.dictionaries(
    st.sampled_from(["x", "y"]), st.one_of(scalars, st.lists(words, max_size=2), st.just("2026-06-06"))
)
HISTORY_DAYS = (7, 30)
histories: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        **{f"purchases:{days}": st.integers(0, 3) for days in HISTORY_DAYS},
        **{f"spend:{days}": amounts for days in HISTORY_DAYS},
        "last": st.sampled_from(["2026-02-20", "2026-06-06", None]),
        "first": st.booleans(),
    },
)
sales = st.builds(
    ActivityFacts,
    kind=st.just("sale"),
    amount=amounts.map(Decimal),
    store=st.one_of(st.just(""), words),
    source=words,
    lines=st.lists(lines, max_size=4).map(tuple),
    attributes=attributes,
    currency=st.sampled_from(["EUR", "CHF", ""]),
)
members = st.builds(
    MemberFacts,
    tier=st.one_of(st.just(""), words),
    balance=counts,
    enrolled_date=dates,
    birth_date=st.one_of(st.none(), births),
    attributes=attributes,
    id=st.sampled_from(["m1", "m2", "m3"]),
    segments=st.frozensets(words, max_size=2),
    history=histories,
)
moments = st.builds(
    lambda day, at: Moment(datetime.combine(day, at, tzinfo=BERLIN)),
    dates,
    st.sampled_from(
        [datetime.strptime(at, "%H:%M").time() for at in ("00:00", "05:59", "12:00", "22:30", "23:59")]
    ),
)


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    return Facts(activity=draw(sales), member=draw(members), moment=draw(moments))


line_trees = st.builds(
    lambda key, value: {"fact": f"line.{key}", "operator": "eq", "value": value},
    st.sampled_from(["category", "brand", "sku"]),
    words,
)

_OPERANDS: dict[str, st.SearchStrategy[Any]] = {
    "money": amounts,
    "decimal": quantities,
    "number": counts,
    "date": dates.map(date.isoformat),
    "time": clock,
    "text": words,
    "choice": st.sampled_from(WEEKDAYS),
    "set": words,
    "boolean": st.booleans(),
    "attribute": scalars,
}
_FACTS = [
    *SCOPES["sale"].facts(),
    *(attribute(f"{of}.attribute", name) for of in ("sale", "member") for name in "xy"),
    *(attribute("member.attribute", name, type) for name in "xy" for type in ATTRIBUTE_TYPES if type),
]


def _operand(fact: Fact, operator: str) -> st.SearchStrategy[Any]:
    one = _OPERANDS[fact.type]
    if operator == "known":
        return st.booleans()
    if fact.type == "attribute" and operator in ("gte", "gt", "lte", "lt", "between"):
        one = st.one_of(st.integers(0, 8), quantities)
    if operator == "between":
        key = Decimal if fact.type in ("money", "decimal", "attribute") else None
        pairs = st.lists(one, min_size=2, max_size=2, unique=True)
        return pairs if fact.type == "time" else pairs.map(lambda pair: sorted(pair, key=key))
    if operator in ("in", "not_in", "has_any", "has_all", "has_none"):
        of_one_type = [words, st.integers(0, 8)] if fact.type == "attribute" else [one]
        return st.one_of(*(st.lists(each, min_size=1, max_size=3) for each in of_one_type))
    return one


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    fact = draw(st.sampled_from(_FACTS))
    operator = draw(st.sampled_from(fact.operators))
    details: dict[str, Any] = {}
    if fact.takes == "days":
        details = {"days": draw(st.sampled_from(HISTORY_DAYS))}
    elif fact.takes == "lines":
        details = {"lines": draw(line_trees)}
    elif fact.attribute and fact.type != "attribute":
        details = {"type": {"decimal": "number"}.get(fact.type, fact.type)}
    return {"fact": fact.key, "operator": operator, "value": draw(_operand(fact, operator)), **details}


trees = st.recursive(
    conditions(),
    lambda children: st.builds(
        lambda kind, nodes: {kind: nodes},
        st.sampled_from(["all", "any", "none"]),
        st.lists(children, min_size=1, max_size=4),
    ),
    max_leaves=12,
)
rates = st.sampled_from(["1", "0.5", "2.25", 3])
wallet_types = st.sampled_from(["points", "status"])
effects = st.one_of(
    st.fixed_dictionaries(
        {
            "kind": st.just("points_per_unit"),
            "wallet_type": wallet_types,
            "points": rates,
            "per": st.sampled_from(["1.00", "0.30", "7.00"]),
        },
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("points_per_unit"),
            "wallet_type": wallet_types,
            "points": rates,
            "per": st.just("1.00"),
            "of": st.just("matching_lines"),
            "lines": line_trees,
        },
    ),
    st.fixed_dictionaries(
        {"kind": st.just("fixed_points"), "wallet_type": wallet_types, "points": st.integers(1, 100)}
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("multiplier"),
            "wallet_type": wallet_types,
            "factor": st.sampled_from(["2", "1.1", 3]),
        }
    ),
)


def _is_in_order(schedule: dict[str, str | None]) -> bool:
    starts_at, ends_at = schedule["starts_at"], schedule["ends_at"]
    return starts_at is None or ends_at is None or starts_at < ends_at


instants: st.SearchStrategy[str | None] = st.sampled_from(
    [None, "2026-06-06T00:00:00+02:00", "2027-01-01T00:00:00Z"]
)
definitions = st.fixed_dictionaries(
    {
        "trigger": st.just({"kind": "sale"}),
        "conditions": st.one_of(st.none(), trees),
        "effects": st.lists(effects, min_size=1, max_size=4),
        "schedule": st.fixed_dictionaries({"starts_at": instants, "ends_at": instants}).filter(_is_in_order),
    }
)
json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda children: st.one_of(
        st.lists(children, max_size=4), st.dictionaries(st.text(max_size=9), children, max_size=4)
    ),
    max_leaves=15,
)
