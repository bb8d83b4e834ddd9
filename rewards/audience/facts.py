"""Each fact about members as an expression of SQL. See Note [Two compilers]."""

from calendar import isleap
from collections.abc import Callable
from typing import Final

from rewards.audience.statement import Statement


def _tier(s: Statement) -> str:
    """On the program's first ladder; who was never moved on it stands on its lowest rung."""
    if not s.terms.ladders:
        return "''::text"
    ladder = s.terms.ladders[0]
    s.join(
        "tier",
        "LEFT JOIN members_membertier AS standing"
        f" ON standing.member_id = m.id AND standing.ladder_id = {s.give(ladder.id, 'uuid')}"
        " LEFT JOIN members_tier AS tier ON tier.id = standing.tier_id",
    )
    return f"coalesce(tier.key, {s.give(ladder.rungs[0].key, 'text')})"


def _balance(s: Statement) -> str:
    spendable = [known for known in s.terms.wallet_types.values() if known.is_spendable]
    for position, wallet_type in enumerate(spendable):
        s.join(
            f"wallet_{position}",
            f"LEFT JOIN members_wallet AS wallet_{position} ON wallet_{position}.member_id = m.id"
            f" AND wallet_{position}.type_id = {s.give(wallet_type.id, 'uuid')}",
        )
    held = [f"coalesce(wallet_{position}.available, 0)" for position in range(len(spendable))]
    return " + ".join(held) or "0"


# Month and day as a number, 229 for 29 February.
_BIRTHDAY: Final = "(date_part('month', m.birth_date) * 100 + date_part('day', m.birth_date))::integer"


def _celebrated(s: Statement) -> str:
    """The birthday this year; who was born on 29 February celebrates on the 28th in other years."""
    if isleap(s.today.year):
        return _BIRTHDAY
    return f"(CASE {_BIRTHDAY} WHEN 229 THEN 228 ELSE {_BIRTHDAY} END)"


def _present_day(s: Statement) -> str:
    return s.give(s.today.month * 100 + s.today.day, "integer")


def _age(s: Statement) -> str:
    year = s.give(s.today.year, "integer")
    is_still_to_come = f"({_present_day(s)} < {_celebrated(s)})::integer"
    return f"({year} - date_part('year', m.birth_date)::integer - {is_still_to_come})"


def _is_birthday(s: Statement) -> str:
    return f"({_celebrated(s)} = {_present_day(s)})"


def _is_birthday_month(s: Statement) -> str:
    return f"(date_part('month', m.birth_date) = {s.give(s.today.month, 'integer')})"


def _days_since(s: Statement, moment: str) -> str:
    return f"({s.give(s.today, 'date')} - {s.day_of(moment)})"


MEMBER: Final[dict[str, Callable[[Statement], str]]] = {
    "member.tier": _tier,
    "member.balance": _balance,
    "member.age_years": _age,
    "member.days_enrolled": lambda s: _days_since(s, "m.enrolled_at"),
    "member.is_birthday": _is_birthday,
    "member.is_birthday_month": _is_birthday_month,
    "history.days_since_purchase": lambda s: _days_since(s, s.history("last")),
    "history.is_first_purchase": lambda s: f"({s.history('last')} IS NULL)",
}
"""NULL where the fact is not known."""

COUNTED: Final[dict[str, Callable[[Statement, int], str]]] = {
    "history.purchases": lambda s, days: f"coalesce({s.history('purchases', days=days)}, 0)",
    "history.spend": lambda s, days: f"coalesce({s.history('spend', days=days)}, 0)",
}
"""Facts about the last so many days."""
