"""A SELECT over a program's members that grows by what its conditions ask for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from loyalty.core.models import Program
from members import terms
from members.models import MemberStatus
from rewards.engine.history import start_of

_FIGURES: Final = {
    "purchases": "count(*)",
    "spend": "sum(amount - returned_amount)",
    "last": "max(occurred_at)",
}


class Statement:
    """
    Parameters and joined tables of a SELECT over `members_member AS m`.

    :param segments: the ids of the segments that conditions may name, by key
    :param at: the moment for which members are looked at; their history is what was before it
    """

    def __init__(self, program: Program, *, at: datetime, segments: Mapping[str, UUID]) -> None:
        self.at = at
        self.terms = terms.of(program)
        self.today = self.terms.day_of(at)
        self.segments = segments
        self.parameters: list[Any] = [program.pk, MemberStatus.ACTIVE]
        self._joins: dict[str, str] = {}
        self._figures: dict[str, str] = {}
        self._longest: int | None = 0

    def give(self, value: Any, kind: str) -> str:
        """A parameter with that value, of that type of PostgreSQL."""
        self.parameters.append(value)
        return f"${len(self.parameters)}::{kind}"

    def join(self, name: str, sql: str) -> None:
        """Have a table joined, once."""
        self._joins.setdefault(name, sql)

    def day_of(self, column: str) -> str:
        """The day in the program's time zone on which a moment was."""
        return f"({column} AT TIME ZONE {self.give(self.terms.zone.key, 'text')})::date"

    def history(self, figure: str, *, days: int | None = None) -> str:
        """
        A figure of each member's purchases: their number, their spend or the moment of the last one.

        Of the last days, from a local midnight on; of all that ever were, without `days`. NULL without any.
        """
        name = f"{figure}_{days or 'ever'}"
        if name not in self._figures:
            within = f" FILTER (WHERE occurred_at >= {self._since(days)})" if days else ""
            self._figures[name] = f"{_FIGURES[figure]}{within} AS {name}"
            self._longest = max(self._longest, days) if days and self._longest is not None else None
        return f"history.{name}"

    def _since(self, days: int) -> str:
        return self.give(start_of(days, self.at.astimezone(self.terms.zone)), "timestamptz")

    def _history_join(self) -> list[str]:
        if not self._figures:
            return []
        since = f" AND occurred_at >= {self._since(self._longest)}" if self._longest else ""
        return [
            f"LEFT JOIN (SELECT member_id, {', '.join(self._figures.values())} FROM rewards_activity"
            f" WHERE program_id = $1 AND kind = 'sale' AND occurred_at < {self.give(self.at, 'timestamptz')}"
            f"{since} GROUP BY member_id) AS history ON history.member_id = m.id"
        ]

    def select(self, columns: str, condition: str) -> str:
        """The text of the statement, for the members who meet the condition."""
        joins = " ".join([*self._joins.values(), *self._history_join()])
        return (
            f"SELECT {columns} FROM members_member AS m {joins}"
            f" WHERE m.program_id = $1 AND m.status = $2 AND ({condition})"
        )
