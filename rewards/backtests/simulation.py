"""One pass over past activities by two rulebooks: what each of them gives, summed up. Nothing is stored here."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from msgspec import Struct, field

from rewards.backtests.rulebooks import Sides
from rewards.backtests.stream import Happened, KeptLine
from rewards.engine.effects import TooManyPoints
from rewards.engine.evaluate import Award, Rulebook, evaluate

type Points = dict[str, int]
"""By wallet type."""
NAME_AT_MOST: Final = 200


class Day(Struct):
    """What happened on one local day, by today's rules (`before`) and with the definition (`after`)."""

    activities: int = 0
    matched: int = 0
    before: Points = field(default_factory=dict)
    after: Points = field(default_factory=dict)
    given: Points = field(default_factory=dict)


class Member(Struct):
    """What happened to one member; points are spendable ones, `given` is of any kind."""

    matched: int = 0
    before: int = 0
    after: int = 0
    given: int = 0


class Tally(Struct):
    """What one product or store has to do with it."""

    name: str = ""
    matched: int = 0
    amount: Decimal = Decimal(0)
    points: int = 0


class State(Struct):
    """The sums that are kept between two slices."""

    days: dict[str, Day] = field(default_factory=dict)
    refused: int = 0
    """Activities that no rules could reward, as they would have given too many points."""


class Simulation:
    """The pass of one slice: sums go on from `state`; members and tallies are those of the slice alone."""

    def __init__(self, *, sides: Sides, key: str, spendable: frozenset[str], state: State) -> None:
        self.sides, self.key, self.spendable, self.state = sides, key, spendable, state
        self._own = [Rulebook([one]) for side in sides for one in side if one.key == key]
        self.members: defaultdict[Any, Member] = defaultdict(Member)
        self.tallies: defaultdict[tuple[str, str], Tally] = defaultdict(Tally)

    def take(self, one: Happened) -> None:
        """Look at the next activity in the order of time."""
        day = self.state.days.setdefault(one.facts.moment.local.date().isoformat(), Day())
        day.activities += 1
        try:
            before = evaluate(self.sides.today, one.facts, rounding=one.rounding)
            after = before
            # Where neither what is tried nor what it takes the place of is met, all else stays as it is.
            if any(book.matching(one.facts) for book in self._own):
                after = evaluate(self.sides.tried, one.facts, rounding=one.rounding)
        except TooManyPoints:
            self.state.refused += 1
            return
        given = [award for award in after if award.campaign_key == self.key]
        _add(day.before, before)
        _add(day.after, after)
        member = self.members[one.member_id]
        member.before += self._spendable(before)
        member.after += self._spendable(after)
        if given:
            self._matched(one, day, member, given)

    def _spendable(self, awards: Iterable[Award]) -> int:
        return sum(award.points for award in awards if award.wallet_type in self.spendable)

    def _matched(self, one: Happened, day: Day, member: Member, given: list[Award]) -> None:
        points = sum(award.points for award in given)
        day.matched += 1
        _add(day.given, given)
        member.matched += 1
        member.given += points
        activity = one.facts.activity
        if activity.store:
            self._count("store", activity.store, "", activity.amount, points)
        by_line = _by_line(given)
        for sku, lines in _by_product(one.lines, by_line).items():
            amount = sum((line.amount.value for line in lines), Decimal(0))
            earned = sum(by_line[line.id] for line in lines) if by_line else 0
            self._count("product", sku, lines[0].name, amount, earned)

    def _count(self, kind: str, key: str, name: str, amount: Decimal, points: int) -> None:
        tally = self.tallies[kind, key]
        tally.name = name[:NAME_AT_MOST] or tally.name
        tally.matched += 1
        tally.amount += amount
        tally.points += points


def _add(sums: Points, awards: Iterable[Award]) -> None:
    for award in awards:
        sums[award.wallet_type] = sums.get(award.wallet_type, 0) + award.points


def _by_line(given: list[Award]) -> dict[str, int]:
    """Points by line id, of effects that look at lines."""
    sums: dict[str, int] = {}
    for award in given:
        for line_id, points in (award.line_points or {}).items():
            sums[line_id] = sums.get(line_id, 0) + points
    return sums


def _by_product(lines: Iterable[KeptLine], by_line: Mapping[str, int]) -> dict[str, list[KeptLine]]:
    """Lines by what was sold: of those that points are for, if that is known, else of all."""
    found: dict[str, list[KeptLine]] = {}
    for line in lines:
        if not by_line or line.id in by_line:
            found.setdefault(line.sku, []).append(line)
    return found
