"""One pass over past activities by two rulebooks: what each gives, summed up. Nothing is stored here."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final
from uuid import UUID

from msgspec import Struct, field

from rewards.backtests.rulebooks import Sides
from rewards.backtests.sides import Counters, Side
from rewards.backtests.stream import Happened, KeptLine
from rewards.engine.effects import TooManyPoints
from rewards.engine.evaluate import Award, Outcome
from rewards.engine.outcome import Gift

type Points = dict[str, int]
"""By wallet type."""
NAME_AT_MOST: Final = 200
CONTROL: Final = "(control)"
"""Among the variants: members held out. No variant has brackets in its key."""


class Day(Struct):
    """
    What happened on one local day, by today's rules (`before`) and with the definition (`after`).

    `given` is what the definition gave, `earlier` what the version gave that it takes the place of.
    """

    activities: int = 0
    matched: int = 0
    matched_earlier: int = 0
    earlier: Points = field(default_factory=dict)
    before: Points = field(default_factory=dict)
    after: Points = field(default_factory=dict)
    given: Points = field(default_factory=dict)


class Member(Struct):
    """What happened to one member; points are spendable ones, `given` is of any kind."""

    matched: int = 0
    earlier: int = 0
    before: int = 0
    after: int = 0
    given: int = 0
    part: str = ""


class Tally(Struct):
    """What one product or store has to do with it."""

    name: str = ""
    matched: int = 0
    amount: Decimal = Decimal(0)
    points: int = 0


class State(Struct):
    """
    The sums that are kept between two slices.

    `refused` counts activities that would have given more points than can be booked, `stopped` by
    code those that met the definition and got nothing or less. `budget_ended` is the first local day
    on which the budget was not enough.
    """

    days: dict[str, Day] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)
    gifts: dict[str, int] = field(default_factory=dict)
    stopped: dict[str, int] = field(default_factory=dict)
    left_today: dict[str, str] = field(default_factory=dict)
    left_tried: dict[str, str] = field(default_factory=dict)
    budget_ended: str = ""
    refused: int = 0


class Used(Struct):
    """What limits per member have counted of one member, on both sides."""

    before: Counters = field(default_factory=dict)
    after: Counters = field(default_factory=dict)


class Simulation:
    """The pass of one slice: sums go on from `state`; members and tallies are those of the slice alone."""

    def __init__(
        self,
        *,
        sides: Sides,
        key: str,
        spendable: frozenset[str],
        prices: Mapping[str, Decimal],
        state: State,
    ) -> None:
        self.key, self.spendable, self.state = key, spendable, state
        self.today = Side(sides.today, left=state.left_today, prices=prices)
        self.tried = Side(sides.tried, left=state.left_tried, prices=prices)
        self.members: defaultdict[UUID, Member] = defaultdict(Member)
        self.used: dict[UUID, Used] = {}
        self.tallies: defaultdict[tuple[str, str], Tally] = defaultdict(Tally)
        self._sides = sides
        (self._tried,) = (one for one in sides.tried if one.key == key)

    @property
    def limits_members(self) -> bool:
        """Whether it must be known what each member had before."""
        return self.today.limits_members or self.tried.limits_members

    def take(self, one: Happened) -> None:
        """Look at the next activity in the order of time."""
        day = self.state.days.setdefault(one.facts.moment.local.date().isoformat(), Day())
        day.activities += 1
        try:
            before, after = self._outcomes(one)
        except TooManyPoints:
            self.state.refused += 1
            return
        _add(day.before, before.awards)
        _add(day.after, after.awards)
        member = self.members[one.member_id]
        member.before += self._spendable(before)
        member.after += self._spendable(after)
        self._note_refusal(one, after)
        earlier, earlier_gifts = self._own_of(before)
        if earlier or earlier_gifts:
            day.matched_earlier += 1
            member.earlier += 1
            _add(day.earlier, earlier)
        given, gifts = self._own_of(after)
        if given or gifts:
            self._matched(one, day, member, given, gifts)
        elif self._is_held_out(one):
            member.part = CONTROL
            self.state.parts[CONTROL] = self.state.parts.get(CONTROL, 0) + 1

    def finish(self) -> State:
        """The sums with what the slice added to them."""
        self.state.left_today, self.state.left_tried = self.today.stored(), self.tried.stored()
        return self.state

    def _own_of(self, outcome: Outcome) -> tuple[list[Award], list[Gift]]:
        """What of it the campaign gave."""
        awards = [award for award in outcome.awards if award.campaign_key == self.key]
        return awards, [gift for gift in outcome.gifts if gift.campaign_key == self.key]

    def _outcomes(self, one: Happened) -> tuple[Outcome, Outcome]:
        used = self.used.setdefault(one.member_id, Used()) if self.limits_members else _UNCOUNTED
        before = self.today.run(one.facts, rounding=one.rounding, counters=used.before)
        if not self._is_concerned(one):
            return before, before
        after = self.tried.run(one.facts, rounding=one.rounding, counters=used.after)
        return before, after

    def _is_concerned(self, one: Happened) -> bool:
        """
        Whether both sides can differ on this activity.

        They cannot where neither what is tried nor what it takes the place of is met, unless another
        campaign has a limit, of which the sides may have used more or less by now.
        """
        activity = one.facts.activity
        limited = self.tried.rulebook.asks(activity.kind, activity.event_type).limited
        if any(campaign.key != self.key for campaign in limited):
            return True
        return any(book.matching(one.facts) for book in self._sides.own)

    def _is_held_out(self, one: Happened) -> bool:
        """Whether the member meets the definition, and gets nothing for being in its control group."""
        if self._sides.untreated is None or not self._sides.untreated.matching(one.facts):
            return False
        return self._tried.definition.audience.holds_out(self.key, one.facts.member)

    def _spendable(self, outcome: Outcome) -> int:
        return sum(award.points for award in outcome.awards if award.wallet_type in self.spendable)

    def _note_refusal(self, one: Happened, after: Outcome) -> None:
        refusal = after.refusals.get(self.key)
        if refusal is not None:
            self.state.stopped[refusal.code] = self.state.stopped.get(refusal.code, 0) + 1
        is_short = refusal is not None and refusal.code.startswith("budget_")
        if not self.state.budget_ended and (is_short or not self.tried.remains(self.key)):
            self.state.budget_ended = one.facts.moment.local.date().isoformat()

    def _matched(
        self, one: Happened, day: Day, member: Member, given: list[Award], gifts: list[Gift]
    ) -> None:
        points = sum(award.points for award in given)
        day.matched += 1
        _add(day.given, given)
        member.matched += 1
        member.given += points
        self.state.gifts = dict(Counter(self.state.gifts) + Counter(gift.kind for gift in gifts))
        parts = [award.variant for award in given] + [gift.variant for gift in gifts]
        if part := parts[0]:
            member.part = part
            self.state.parts[part] = self.state.parts.get(part, 0) + 1
        self._tally(one, points, _by_line(given))

    def _tally(self, one: Happened, points: int, by_line: Mapping[str, int]) -> None:
        activity = one.facts.activity
        if activity.store:
            self._count("store", activity.store, "", activity.amount, points)
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


_UNCOUNTED: Final = Used()


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
