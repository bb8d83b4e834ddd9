"""What a point of each kind costs the program, by which budgets in money are counted."""

from datetime import datetime
from decimal import Decimal
from typing import Final

from loyalty.core import clock
from loyalty.core.db import fetch
from loyalty.core.models import Program


def cost_of_a_point(day: str) -> str:
    """In SQL: what a point of the wallet type `type` costs on a day, by its costs or else its value."""
    return (
        "coalesce((SELECT c.cost FROM members_pointcost c WHERE c.wallet_type_id = type.id"
        f" AND c.from_date <= {day} ORDER BY c.from_date DESC LIMIT 1), type.point_value)"
    )


def costs_column(day: str) -> str:
    """A column for a loading statement: the costs of the kinds of points of the program `$1`, by key."""
    return (
        f"(SELECT json_object_agg(type.key, ({cost_of_a_point(day)})::text)"
        " FROM members_wallettype type WHERE type.program_id = $1)::text"
    )


def cheapest_point(program: Program, *, at: datetime) -> Decimal | None:
    """What the cheapest of the points costs that cost anything; None if none does."""
    day = clock.local_date(program, at)
    cost: Decimal | None
    ((cost,),) = fetch(_CHEAPEST, [program.pk, day])
    return cost


_CHEAPEST: Final = (
    "SELECT min(cost) FROM ("
    f"SELECT {cost_of_a_point('$2')} AS cost FROM members_wallettype type WHERE type.program_id = $1"
    ") AS costs WHERE cost > 0"
)
