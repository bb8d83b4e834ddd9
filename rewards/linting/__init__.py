"""
What may be wrong with a campaign that could be run: said before it is, with the place and some advice.

Nothing here is refused; what cannot be run at all is a problem of the definition (`engine.definition`).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from loyalty.core import clock
from loyalty.core.models import Program
from members import terms
from members.finance import estimates
from rewards.deciding import rules
from rewards.engine import definition as engine_definition
from rewards.engine.problems import InvalidDefinition
from rewards.linting import lasting, matching, naming, others, worth
from rewards.linting.case import ERROR, INFO, WARNING, Case, Hint
from rewards.models import Campaign

__all__ = ["Hint", "lint"]

CHECKS: Final[tuple[Callable[[Case], Iterator[Hint]], ...]] = (
    matching.dates,
    matching.contradictions,
    naming.unknown_keys,
    others.multipliers,
    lasting.dates_of_points,
    worth.generosity,
    worth.size,
    lasting.budget,
    others.groups,
    others.overlaps,
)


def lint(program: Program, definition: Mapping[str, Any], campaign: Campaign | None = None) -> list[Hint]:
    """
    What may be wrong, the worst first; nothing of a definition that is not complete yet.

    `campaign` is the one that the definition is for: its own version in force is no other campaign.
    """
    try:
        rule = engine_definition.parse(definition)
    except InvalidDefinition:
        return []
    at = clock.now(program)
    own = campaign.key if campaign is not None else ""
    known = estimates.of(program)
    case = Case(
        program=program,
        raw=definition,
        rule=rule,
        campaign=campaign if campaign is not None and not campaign._state.adding else None,
        others=tuple(
            one
            for one in rules.of(program).in_force(at)
            if one.key != own and (one.definition.ends_at is None or at < one.definition.ends_at)
        ),
        terms=terms.of(program),
        prices={kind.key: known.cost(kind.id, on=clock.local_date(program, at)) for kind in known.kinds},
        at=at,
    )
    hints = [hint for check in CHECKS for hint in check(case)]
    return sorted(hints, key=lambda hint: (ERROR, WARNING, INFO).index(hint.severity))
