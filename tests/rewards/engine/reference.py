"""
What conditions mean, written a second time and as plainly as possible, to hold the engine against.

It reads the JSON of a tree and the facts as they were told, and shares no code with the engine.
"""

from datetime import date, time
from decimal import Decimal, InvalidOperation
from typing import Any

from rewards.engine.facts import ActivityFacts, Facts, LineFacts, MemberFacts

DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
UNKNOWN = object()
MONEY = (
    "sale.amount", "sale.quantity", "sale.list_amount", "sale.tax",
    "lines.amount", "lines.list_amount", "lines.quantity", "history.spend",
)  # fmt: skip


def meets(tree: Any, facts: Facts) -> bool:
    if "all" in tree:
        return False not in [meets(child, facts) for child in tree["all"]]
    if "any" in tree:
        return True in [meets(child, facts) for child in tree["any"]]
    if "none" in tree:
        return True not in [meets(child, facts) for child in tree["none"]]
    return _compare(tree, facts)


def _compare(tree: Any, facts: Facts) -> bool:
    key, operator, wanted = tree["fact"], tree["operator"], tree["value"]
    found = _find(tree, facts)
    if operator == "known":
        return (found is not UNKNOWN and found != "") is wanted
    if found is UNKNOWN:
        return False
    if ".attribute." in key and "type" not in tree:
        return _compare_attribute(found, operator, wanted)
    if tree.get("type") == "date":
        key = "moment.date"
    if tree.get("type") == "number":
        key = "sale.quantity"
    if key == "moment.time":
        return _in_time(found, *[time.fromisoformat(end) for end in wanted])
    if key in MONEY:
        wanted = [Decimal(each) for each in wanted] if isinstance(wanted, list) else Decimal(wanted)
    if key == "moment.date":
        wanted = (
            [date.fromisoformat(each) for each in wanted]
            if isinstance(wanted, list)
            else date.fromisoformat(wanted)
        )
    return _plain(found, operator, wanted)


def _plain(found: Any, operator: str, wanted: Any) -> bool:
    match operator:
        case "eq":
            return bool(found == wanted)
        case "ne":
            return not _plain(found, "eq", wanted)
        case "in":
            return any(_plain(found, "eq", each) for each in wanted)
        case "not_in":
            return not _plain(found, "in", wanted)
        case "gt":
            return bool(found > wanted)
        case "gte":
            return bool(found >= wanted)
        case "lt":
            return bool(found < wanted)
        case "lte":
            return bool(found <= wanted)
        case "between":
            return bool(wanted[0] <= found and found <= wanted[1])
        case "has_any":
            return any(each in found for each in wanted)
        case "has_all":
            return all(each in found for each in wanted)
        case "has_none":
            return not any(each in found for each in wanted)
    raise AssertionError(operator)


def _compare_attribute(found: Any, operator: str, wanted: Any) -> bool:
    if operator in ("gt", "gte", "lt", "lte", "between"):
        try:
            number = UNKNOWN if isinstance(found, bool) else Decimal(str(found))
        except InvalidOperation:
            return False
        ends = [Decimal(str(end)) for end in wanted] if operator == "between" else Decimal(str(wanted))
        return number is not UNKNOWN and _plain(number, operator, ends)
    if operator in ("ne", "not_in"):
        return not _compare_attribute(found, "eq" if operator == "ne" else "in", wanted)
    if operator == "in":
        return any(_compare_attribute(found, "eq", each) for each in wanted)
    return isinstance(found, bool) == isinstance(wanted, bool) and found == wanted


def _in_time(found: time, start: time, end: time) -> bool:
    return start <= found < end if start < end else not end <= found < start


def _find(tree: Any, facts: Facts) -> Any:
    activity, member, local = facts.activity, facts.member, facts.moment.local
    scope, name, *more = tree["fact"].split(".")
    if name == "attribute":
        told = member.attributes if scope == "member" else activity.attributes
        return _typed(told.get(more[0], UNKNOWN), tree.get("type"))
    if scope == "history":
        return _of_history(name, tree.get("days"), member, local.date())
    if scope == "lines":
        return _of_lines(name, [line for line in activity.lines if _is_picked(line, tree["lines"])])
    if scope == "sale":
        return _of_sale(name, activity)
    if scope == "member":
        return _of_member(name, member, local.date())
    of_moment = {
        "weekday": DAYS[local.weekday()],
        "hour": local.hour,
        "time": local.time(),
        "date": local.date(),
    }
    return of_moment[name]


def _typed(value: Any, wanted: str | None) -> Any:
    if wanted is None:
        return value if isinstance(value, str | int | float) else UNKNOWN
    if wanted == "set":
        return [value] if isinstance(value, str) else value if isinstance(value, list) else []
    if wanted == "text":
        return value if isinstance(value, str) else UNKNOWN
    if wanted == "boolean":
        return value if isinstance(value, bool) else UNKNOWN
    try:
        if wanted == "date":
            return date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else UNKNOWN
        return UNKNOWN if isinstance(value, bool | list) or value is UNKNOWN else Decimal(str(value))
    except (ValueError, InvalidOperation):
        return UNKNOWN


def _of_history(name: str, days: int | None, member: MemberFacts, today: date) -> Any:
    known = member.history
    if name == "is_first_purchase":
        return known.get("first", UNKNOWN)
    if name == "days_since_purchase":
        last = known.get("last")
        return UNKNOWN if last is None else today.toordinal() - date.fromisoformat(last).toordinal()
    value = known.get(f"{name}:{days}", UNKNOWN)
    return Decimal(value) if isinstance(value, str) else value


def _is_picked(line: LineFacts, tree: Any) -> bool:
    """Line trees are drawn as one comparison with `eq`."""
    return bool(getattr(line, tree["fact"].removeprefix("line.")) == tree["value"])


def _of_lines(name: str, lines: list[LineFacts]) -> Any:
    if name == "count":
        return len(lines)
    if name == "list_amount":
        return sum(line.amount + line.discount for line in lines)
    return sum(getattr(line, name) for line in lines)


def _of_sale(name: str, activity: ActivityFacts) -> Any:
    fields = {"categories": "category", "brands": "brand", "departments": "department", "skus": "sku"}
    if name in fields:
        return [getattr(line, fields[name]) for line in activity.lines]
    if name == "line_count":
        return len(activity.lines)
    if name == "quantity":
        return sum(line.quantity for line in activity.lines)
    if name == "tax":
        return sum(line.tax for line in activity.lines)
    if name == "list_amount":
        return activity.amount + sum(line.discount for line in activity.lines)
    return getattr(activity, name)


def _of_member(name: str, member: MemberFacts, today: date) -> Any:
    born = member.birth_date
    if name == "days_enrolled":
        return today.toordinal() - member.enrolled_date.toordinal()
    if name in ("tier", "balance", "segments"):
        return getattr(member, name)
    if born is None:
        return UNKNOWN
    if name == "is_birthday_month":
        return born.month == today.month
    leap_day = (born.month, born.day) == (2, 29)
    is_leap_year = today.year % 4 == 0 and (today.year % 100 != 0 or today.year % 400 == 0)
    celebrated = (2, 28) if leap_day and not is_leap_year else (born.month, born.day)
    if name == "is_birthday":
        return (today.month, today.day) == celebrated
    return today.year - born.year - (1 if (today.month, today.day) < celebrated else 0)
