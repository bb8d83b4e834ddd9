"""What the rule engine costs, in microseconds of one core: `python -m tests.bench.engine`."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from timeit import repeat
from uuid import UUID
from zoneinfo import ZoneInfo

from rewards.engine.evaluate import Rulebook, compile_campaign, evaluate
from rewards.engine.explain import explain
from rewards.engine.facts import ActivityFacts, Facts, LineFacts, MemberFacts, Moment

SATURDAY = datetime(2026, 6, 6, 12, 0, tzinfo=ZoneInfo("Europe/Berlin"))
BASE = {"kind": "points_per_unit", "wallet_type": "points", "points": "1", "per": "1.00"}
FIXED = {"kind": "fixed_points", "wallet_type": "points", "points": 50}
NOT_MET: list[dict[str, object]] = [
    {"fact": "sale.amount", "operator": "gte", "value": "500.00"},
    {"fact": "sale.categories", "operator": "has_any", "value": ["wine", "beer"]},
    {"fact": "member.tier", "operator": "in", "value": ["gold", "platinum"]},
    {"fact": "moment.weekday", "operator": "in", "value": ["monday", "tuesday"]},
    {"fact": "member.attribute.club", "operator": "eq", "value": "runners"},
]
MET = {"fact": "sale.store", "operator": "ne", "value": "online"}


def sale() -> Facts:
    """A sale with ten lines, as it is told for each evaluation anew."""
    lines = tuple(
        LineFacts(id=str(index), sku=f"sku-{index}", amount=Decimal(6), category="coffee")
        for index in range(10)
    )
    return Facts(
        activity=ActivityFacts(kind="sale", amount=Decimal("60.50"), store="mitte", lines=lines),
        member=MemberFacts(tier="silver", balance=300, enrolled_date=date(2025, 1, 1)),
        moment=Moment(SATURDAY),
    )


def rulebook(size: int, *, matching: int) -> Rulebook:
    """Campaigns of three conditions and a schedule each, of which the first few match the sale."""
    return Rulebook(
        compile_campaign(
            version_id=UUID(int=number),
            campaign_key=f"campaign-{number}",
            name="",
            definition={
                "trigger": {"kind": "sale"},
                "conditions": {
                    "all": [MET, MET, MET if number < matching else NOT_MET[number % len(NOT_MET)]]
                },
                "effects": [FIXED if number else BASE],
                "schedule": {"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2027-01-01T00:00:00Z"},
            },
        )
        for number in range(size)
    )


def microseconds(work: Callable[[], object], *, times: int = 2_000) -> float:
    """The quickest of nine rounds: what the machine's other work takes away is not the engine's."""
    return min(repeat(work, number=times, repeat=9)) / times * 1_000_000


def bench() -> dict[str, float]:
    """Name and microseconds of each figure; evaluations include reading facts that nobody has read yet."""
    telling = microseconds(sale)
    figures = {"facts of a sale with 10 lines": telling}
    for size in (10, 50, 200):
        rules = rulebook(size, matching=3)
        whole = microseconds(lambda rules=rules: evaluate(rules, sale(), rounding="down"))  # type: ignore[misc]
        figures[f"{size} campaigns, 3 of them match"] = whole - telling
    extra = figures["200 campaigns, 3 of them match"] - figures["10 campaigns, 3 of them match"]
    figures["one more campaign that does not match"] = extra / 190
    rules = rulebook(50, matching=50)
    whole = microseconds(lambda: evaluate(rules, sale(), rounding="down"), times=200)
    figures["50 campaigns, all match"] = whole - telling
    rules = rulebook(50, matching=3)
    figures["explaining 50 campaigns"] = microseconds(
        lambda: explain(rules, sale(), rounding="down"), times=50
    )
    figures["compiling 50 campaigns"] = microseconds(lambda: rulebook(50, matching=3), times=20)
    return figures


def main() -> None:
    for name, figure in bench().items():
        print(f"{name:<42}{figure:>10.2f} µs")


if __name__ == "__main__":
    main()
