"""What a point of each kind is worth on each day: its cost, and the share that will never be used."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import UUID

from loyalty.core.db import fetch
from loyalty.core.models import Program
from members.finance.periods import cohort_names

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Steps:
    """A value that changes on days, in their order."""

    days: tuple[date, ...]
    values: tuple[Decimal, ...]

    @classmethod
    def of(cls, changes: Iterable[tuple[date, Decimal]]) -> "Steps":
        """Of changes in the order in which they were made: the last one of a day counts."""
        by_day = dict(changes)
        days = tuple(sorted(by_day))
        return cls(days, tuple(by_day[day] for day in days))

    def on(self, day: date) -> Decimal | None:
        """The value in force on a day; None before the first."""
        position = bisect_right(self.days, day)
        return self.values[position - 1] if position else None


NEVER = Steps((), ())


@dataclass(frozen=True, slots=True)
class Kind:
    """A wallet type whose points can be spent."""

    id: UUID
    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Estimates:
    """
    Costs and breakage of a program's spendable points, for any day. See Note [Books].

    `values` are those that stand with the wallet types, by their history; they count where no cost
    is in force yet. `rates` are the approved ones, by wallet type and the cohort that they name.
    """

    kinds: tuple[Kind, ...]
    values: Mapping[UUID, Steps]
    costs: Mapping[UUID, Steps]
    rates: Mapping[tuple[UUID, str], Steps]

    def cost(self, kind: UUID, *, on: date) -> Decimal:
        for steps in (self.costs.get(kind, NEVER), self.values.get(kind, NEVER)):
            if (found := steps.on(on)) is not None:
                return found
        return ZERO

    def is_costed(self, kind: UUID, *, on: date) -> bool:
        """Whether a cost was set for that day, or the value that stands with the wallet type is used."""
        return self.costs.get(kind, NEVER).on(on) is not None

    def breakage(self, kind: UUID, *, earned: date, on: date) -> Decimal:
        for name in cohort_names(earned):
            if (found := self.rates.get((kind, name), NEVER).on(on)) is not None:
                return found
        return ZERO

    def worth(self, kind: UUID, *, earned: date, on: date) -> Decimal:
        """What a point earned in that month is worth on that day; not rounded."""
        return self.cost(kind, on=on) * (1 - self.breakage(kind, earned=earned, on=on))

    def changes(self, *, after: date, until: date) -> list[date]:
        """Days after the one and until the other on which a cost or a rate changes."""
        steps = (*self.values.values(), *self.costs.values(), *self.rates.values())
        return sorted({day for one in steps for day in one.days if after < day <= until})


# The spendable kinds with the history that triggers keep of their values, the costs, and the rates: each in
# the order in which they were said.
_SAID: Final = """
SELECT what, kind_id, name, label, day, value FROM (
    SELECT 'kind' AS what, w.id AS kind_id, w.key AS name, w.name AS label,
           (v.pgh_created_at AT TIME ZONE $2)::date AS day, v.point_value AS value,
           row_number() OVER (ORDER BY w.name, w.id, v.pgh_id) AS place
    FROM members_wallettype w LEFT JOIN members_wallettypeevent v ON v.pgh_obj_id = w.id
    WHERE w.program_id = $1 AND (w.is_spendable OR EXISTS (
        SELECT 1 FROM members_wallettypeevent once WHERE once.pgh_obj_id = w.id AND once.is_spendable))
    UNION ALL
    SELECT 'cost', wallet_type_id, '', '', from_date, cost, row_number() OVER (ORDER BY from_date, id)
    FROM members_pointcost WHERE program_id = $1
    UNION ALL
    SELECT 'rate', wallet_type_id, cohort, '', from_date, rate, row_number() OVER (ORDER BY version, id)
    FROM members_breakagerate WHERE program_id = $1
) AS said ORDER BY what, place"""


def of(program: Program) -> Estimates:
    """
    All that was ever estimated for the program: a few rows, in one query.

    The first value of a kind counts for all time before it, too: sales are imported that are older than
    the program.
    """
    kinds: dict[UUID, Kind] = {}
    values: dict[UUID, list[tuple[date, Decimal]]] = defaultdict(list)
    costs: dict[UUID, list[tuple[date, Decimal]]] = defaultdict(list)
    rates: dict[tuple[UUID, str], list[tuple[date, Decimal]]] = defaultdict(list)
    for what, kind_id, name, label, day, value in fetch(_SAID, [program.pk, program.time_zone]):
        if what == "cost":
            costs[kind_id].append((day, value))
        elif what == "rate":
            rates[kind_id, name].append((day, value))
        else:
            kinds[kind_id] = Kind(kind_id, name, label)
            if value is not None:
                values[kind_id].append((day if values[kind_id] else date.min, value))
    return Estimates(
        kinds=tuple(kinds.values()),
        values={kind: Steps.of(changes) for kind, changes in values.items()},
        costs={kind: Steps.of(changes) for kind, changes in costs.items()},
        rates={name: Steps.of(changes) for name, changes in rates.items()},
    )
