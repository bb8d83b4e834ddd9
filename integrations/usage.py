"""What a partner calls, how often that is refused or fails, and how long it takes, by the log of calls."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from integrations.models import Call, Partner
from loyalty.core import db
from loyalty.core.ids import first_id_of
from loyalty.core.models import Program

SHOWN: Final = 50
PROBLEMS_SHOWN: Final = 20
SLOWEST_SHOWN: Final = 10
FOUND_AT_MOST: Final = 1_000


@dataclass(frozen=True, slots=True)
class OperationUsage:
    """One operation; times in milliseconds, without calls that were refused at the door (429)."""

    operation: str
    calls: int
    refused: int
    failed: int
    repeats: int
    is_deprecated: bool
    median_ms: int | None
    p95_ms: int | None
    slowest_ms: int | None

    @property
    def refused_percent(self) -> float:
        return self.refused / self.calls * 100

    @property
    def failed_percent(self) -> float:
        return self.failed / self.calls * 100


@dataclass(frozen=True, slots=True)
class ProblemUsage:
    """One kind of refusal at one operation."""

    problem: str
    operation: str
    calls: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Usage:
    """A partner's calls since a moment."""

    operations: list[OperationUsage]
    problems: list[ProblemUsage]
    slowest: list[Call]

    @property
    def calls(self) -> int:
        return sum(one.calls for one in self.operations)

    @property
    def refused(self) -> int:
        return sum(one.refused for one in self.operations)

    @property
    def failed(self) -> int:
        return sum(one.failed for one in self.operations)

    @property
    def refused_percent(self) -> float:
        return self.refused / self.calls * 100 if self.calls else 0.0

    @property
    def failed_percent(self) -> float:
        return self.failed / self.calls * 100 if self.calls else 0.0

    @property
    def deprecated(self) -> list[OperationUsage]:
        return [one for one in self.operations if one.is_deprecated]


_OPERATIONS: Final = """
SELECT operation, sum(call_count),
    coalesce(sum(call_count) FILTER (WHERE status BETWEEN 400 AND 499), 0),
    coalesce(sum(call_count) FILTER (WHERE status >= 500), 0),
    coalesce(sum(call_count) FILTER (WHERE is_replay), 0),
    bool_or(is_deprecated),
    percentile_disc(0.5) WITHIN GROUP (ORDER BY duration_ms) FILTER (WHERE status <> 429),
    percentile_disc(0.95) WITHIN GROUP (ORDER BY duration_ms) FILTER (WHERE status <> 429),
    max(duration_ms) FILTER (WHERE status <> 429)
FROM integrations_call WHERE partner_id = $1 AND id >= $2
GROUP BY operation ORDER BY 2 DESC, 1 LIMIT $3
"""
_PROBLEMS: Final = """
SELECT problem, operation, sum(call_count), max(called_at)
FROM integrations_call WHERE partner_id = $1 AND id >= $2 AND problem <> ''
GROUP BY problem, operation ORDER BY 3 DESC, 1, 2 LIMIT $3
"""
# From each name to the next one, by the index: as many steps as there are names, of however many calls.
_NAMES: Final = """
WITH RECURSIVE name(operation) AS (
    (SELECT operation FROM integrations_call WHERE program_id = $1 ORDER BY operation LIMIT 1)
    UNION ALL
    SELECT (SELECT operation FROM integrations_call
            WHERE program_id = $1 AND operation > name.operation ORDER BY operation LIMIT 1)
    FROM name WHERE name.operation IS NOT NULL
)
SELECT operation FROM name WHERE operation IS NOT NULL
"""
# The index must be asked before the order is: the planner does not know how rare an id is.
_ABOUT: Final = """
WITH found AS MATERIALIZED (SELECT id FROM integrations_call WHERE object_ids @> ARRAY[$1::uuid])
SELECT id FROM found ORDER BY id DESC LIMIT $2
"""


def of(partner: Partner, *, since: datetime) -> Usage:
    """What the partner called since then, in three statements."""
    given: list[Any] = [partner.pk, first_id_of(since)]
    calls = Call.objects.filter(partner=partner).since(since)
    return Usage(
        operations=[OperationUsage(*row) for row in db.fetch(_OPERATIONS, [*given, SHOWN])],
        problems=[ProblemUsage(*row) for row in db.fetch(_PROBLEMS, [*given, PROBLEMS_SHOWN])],
        slowest=list(calls.exclude(status=429).order_by("-duration_ms", "-pk")[:SLOWEST_SHOWN]),
    )


def about(object_id: UUID | None) -> list[UUID]:
    """The newest calls that had to do with a member, a sale or the like; in any program."""
    if object_id is None:
        return []
    return [found for (found,) in db.fetch(_ABOUT, [object_id, FOUND_AT_MOST])]


def operations(program: Program) -> list[str]:
    """The names of the operations that were called in a program."""
    return [name for (name,) in db.fetch(_NAMES, [program.pk])]
