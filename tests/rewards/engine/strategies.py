"""Random facts and random valid trees over them, from few values, so that conditions are often met."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from rewards.engine.catalogue import ATTRIBUTE_TYPES, SCOPES, WEEKDAYS, attribute
from rewards.engine.fact import Fact
from rewards.engine.facts import ActivityFacts, Facts, LineFacts, MemberFacts, Moment
from rewards.engine.limits import Usage, period_key
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
keys = st.lists(words.filter(str.islower), min_size=1, max_size=2, unique=True)
gifts = st.sampled_from(
    [
        {"kind": "message", "text": "Thank you"},
        {"kind": "webhook", "event_type": "coffee.thanks"},
        {"kind": "reward", "reward": "free-coffee"},
        {"kind": "badge", "badge": "regular"},
        {"kind": "challenge_progress", "challenge": "ten-coffees", "count": 2},
        {"kind": "prize_draw_entry", "draw": "summer", "entries": 3},
    ]
)
all_effects = st.one_of(
    effects,
    gifts,
    st.fixed_dictionaries(
        {
            "kind": st.just("points_per_item"),
            "wallet_type": wallet_types,
            "points": st.integers(1, 9),
            "per_items": st.integers(1, 3),
        },
        optional={"lines": line_trees, "counts_as": st.sampled_from(["base", "bonus"])},
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("bonus"),
            "wallet_type": wallet_types,
            "percent": st.sampled_from(["10", "33.3"]),
            "of": st.just(["c0"]),
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("points_per_unit"),
            "wallet_type": wallet_types,
            "points": rates,
            "per": st.just("1.00"),
            "measure": st.sampled_from(["paid", "before_discounts", "without_tax"]),
            "counts_as": st.sampled_from(["base", "bonus"]),
        }
    ),
)
variants = st.lists(st.lists(all_effects, min_size=1, max_size=2), min_size=2, max_size=2).map(
    lambda two: [
        {"key": key, "percent": percent, "effects": given}
        for key, percent, given in zip("ab", (30, 70), two, strict=True)
    ]
)
audiences = st.fixed_dictionaries(
    {},
    optional={
        "segments": keys,
        "not_segments": keys,
        "tiers": keys,
        "control_percent": st.sampled_from([0, 10, 50]),
        "variants": variants,
    },
)
periods = st.sampled_from(["day", "week", "month", "quarter", "year", "ever"])
BUDGETS: list[dict[str, int | str]] = [{"times": 2}, {"points": 60}, {"money": "0.50"}]
limits = st.fixed_dictionaries(
    {},
    optional={
        "per_activity": st.sampled_from([{"at_least": 5}, {"at_most": 30}, {"at_least": 5, "at_most": 30}]),
        "per_member": st.lists(
            st.one_of(
                st.builds(lambda n, per: {"times": n, "per": per}, st.integers(1, 3), periods),
                st.builds(lambda n, per: {"points": n, "per": per}, st.integers(1, 80), periods),
            ),
            max_size=3,
        ),
        "in_all": st.lists(
            st.sampled_from(BUDGETS),
            unique_by=lambda each: "".join(each),  # its only key
        ),
        "when_spent": st.sampled_from(["trim", "refuse"]),
    },
)
stackings = st.fixed_dictionaries(
    {},
    optional={
        "priority": st.integers(0, 3),
        "group": st.sampled_from(["g", "h"]),
        "choose": st.sampled_from(["best", "first"]),
    },
)
schedules = st.fixed_dictionaries(
    {},
    optional={
        "weekdays": st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True),
        "hours": st.just([{"from": "22:00", "until": "12:30"}]),
        "month_days": st.sampled_from([[6], [-1], [28, 31]]),
        "year_days": st.just([{"from": "12-01", "until": "06-30"}]),
        "time_zone": st.sampled_from(["Pacific/Auckland", "America/New_York"]),
    },
)


def _with_one_place_for_effects(raw: dict[str, Any]) -> dict[str, Any]:
    if "variants" in raw.get("audience", {}):
        return {name: part for name, part in raw.items() if name != "effects"}
    return raw


whole_definitions = st.fixed_dictionaries(
    {
        "trigger": st.just({"kind": "sale"}),
        "effects": st.lists(all_effects, min_size=1, max_size=3),
    },
    optional={
        "conditions": trees,
        "audience": audiences,
        "limits": limits,
        "stacking": stackings,
        "schedule": schedules,
    },
).map(_with_one_place_for_effects)
"""Campaigns with all that one can say."""


@st.composite
def usages(draw: st.DrawFn, *, campaigns: int, at: datetime) -> Usage:
    """What so many campaigns (c0, c1 …) gave before that moment."""
    counters = {}
    left: dict[str, int | Decimal] = {}
    for number in range(campaigns):
        for period in ("day", "week", "month", "quarter", "year", "ever"):
            if draw(st.booleans()):
                counted = draw(st.tuples(st.integers(0, 3), st.integers(0, 80)))
                counters[f"c{number}/{period_key(period, at)}"] = counted
        if draw(st.booleans()):
            left |= {
                f"c{number}/times": draw(st.integers(0, 2)),
                f"c{number}/points": draw(st.integers(0, 60)),
            }
    return Usage(counters, left, {"points": Decimal("0.01")})


json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda children: st.one_of(
        st.lists(children, max_size=4), st.dictionaries(st.text(max_size=9), children, max_size=4)
    ),
    max_leaves=15,
)
