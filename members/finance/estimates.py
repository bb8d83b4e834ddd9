"""What a point of each kind is worth on each day: its cost, and the share that will never be used."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from loyalty.core.db import fetch
from loyalty.core.models import Program
from members.finance.periods import cohort_names
from members.models import BreakageRate, PointCost

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


def of(program: Program) -> Estimates:
    """All that was ever estimated for the program: a few rows."""
    costs = PointCost.objects.filter(program=program).order_by("from_date")
    rates = BreakageRate.objects.filter(program=program).order_by("version")
    by_kind: dict[UUID, list[tuple[date, Decimal]]] = defaultdict(list)
    for cost in costs:
        by_kind[cost.wallet_type_id].append((cost.from_date, cost.cost))
    by_cohort: dict[tuple[UUID, str], list[tuple[date, Decimal]]] = defaultdict(list)
    for rate in rates:
        by_cohort[rate.wallet_type_id, rate.cohort].append((rate.from_date, rate.rate))
    kinds, values = _kinds(program)
    return Estimates(
        kinds=kinds,
        values=values,
        costs={kind: Steps.of(changes) for kind, changes in by_kind.items()},
        rates={name: Steps.of(changes) for name, changes in by_cohort.items()},
    )


def _kinds(program: Program) -> tuple[tuple[Kind, ...], dict[UUID, Steps]]:
    """
    The spendable kinds, and their values by the history that triggers keep of them.

    The first value counts for all time before it, too: sales are imported that are older than the
    program.
    """
    rows = fetch(
        "SELECT w.id, w.key, w.name,"
        " (v.pgh_created_at AT TIME ZONE $2)::date, v.point_value"
        " FROM members_wallettype w"
        " LEFT JOIN members_wallettypeevent v ON v.pgh_obj_id = w.id"
        " WHERE w.program_id = $1 AND (w.is_spendable OR EXISTS ("
        "  SELECT 1 FROM members_wallettypeevent once WHERE once.pgh_obj_id = w.id AND once.is_spendable))"
        " ORDER BY w.name, w.id, v.pgh_id",
        [program.pk, program.time_zone],
    )
    kinds = {kind_id: Kind(kind_id, key, name) for kind_id, key, name, *_ in rows}
    history: dict[UUID, list[tuple[date, Decimal]]] = defaultdict(list)
    for kind_id, _key, _name, day, value in rows:
        if value is not None:
            history[kind_id].append((day if history[kind_id] else date.min, value))
    return tuple(kinds.values()), {kind: Steps.of(changes) for kind, changes in history.items()}
