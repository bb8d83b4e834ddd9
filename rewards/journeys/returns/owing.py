"""
How many points of each grant a return takes back: by what the returned goods gave, or by what the rest gives.

Both count over all returns of the sale together, from what its earlier returns took: a total that only
grows, and that is everything once everything has come back.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from rewards.engine.evaluate import Award as Evaluated
from rewards.engine.evaluate import Rulebook, evaluate
from rewards.engine.facts import Facts, LineFacts
from rewards.engine.limits import NOTHING_USED, Usage
from rewards.journeys.returns.goods import Award, Back, Sold, cents, money, owed


class Grant(Struct, frozen=True, kw_only=True):
    """
    A lot that the sale gave, with the award that it was for.

    `effect` names the effect (its version and its place there); None if that was not recorded.
    """

    lot_id: UUID
    wallet_type: str
    award: Award
    effect: tuple[UUID, int] | None = None


def proportional(
    grants: Sequence[Grant], *, sale: Sold, back: Back, before: Mapping[UUID, int]
) -> dict[UUID, int]:
    """By lot, what is owed in all after `back`: what was granted for the returned goods."""
    return {grant.lot_id: max(owed(grant.award, sale, back), before.get(grant.lot_id, 0)) for grant in grants}


def recalculated(
    grants: Sequence[Grant], *, sale: Sold, back: Back, before: Mapping[UUID, int], rest: Iterable[Evaluated]
) -> dict[UUID, int]:
    """
    By lot, what is owed in all after `back`: what the rest of the sale would not have earned.

    `rest` are the awards of the rest. What it earns that the sale did not is set off, in each wallet type.
    """
    earned: defaultdict[tuple[UUID, int], int] = defaultdict(int)
    by_type: defaultdict[str, int] = defaultdict(int)
    if not sale.is_back(back):
        for award in rest:
            earned[award.version_id, award.effect] += award.points
            by_type[award.wallet_type] += award.points
    totals: dict[UUID, int] = {}
    for wallet_type in sorted({grant.wallet_type for grant in grants}):
        group = [grant for grant in grants if grant.wallet_type == wallet_type]
        unnamed = [grant for grant in group if grant.effect is None]
        named = [grant for grant in group if grant.effect is not None]
        totals |= proportional(unnamed, sale=sale, back=back, before=before)
        totals |= _not_earned(named, earned, by_type[wallet_type], before)
    return totals


def _not_earned(
    grants: Sequence[Grant],
    earned: Mapping[tuple[UUID, int], int],
    earned_in_all: int,
    before: Mapping[UUID, int],
) -> dict[UUID, int]:
    """First from the grants whose effect gives less for the rest, up to what is lacking in all."""
    totals = {grant.lot_id: before.get(grant.lot_id, 0) for grant in grants}
    lacking = sum(grant.award.points for grant in grants) - earned_in_all - sum(totals.values())
    for grant in grants:
        kept = min(earned.get(grant.effect, 0), grant.award.points) if grant.effect else 0
        more = min(lacking, grant.award.points - kept - totals[grant.lot_id])
        if more > 0:
            totals[grant.lot_id] += more
            lacking -= more
    return totals


class Charge(Struct, frozen=True):
    """
    Points to take for one grant: from what is left of it, and from whatever else the member has.

    `excess` were taken from elsewhere for points that had been spent, came back and have expired since.
    """

    own: int
    missing: int
    excess: int = 0


def charge(*, points: int, total: int, before: int, charged: int, gone: int, left: int) -> Charge:
    """
    What a grant of `points` costs now that `total` of them are owed in all, after `before`.

    `charged` is what it has cost so far, `gone` what expired of it or never came, which costs nothing,
    and `left` what is there of it. All the rest was spent, for whatever.
    """
    chargeable = points - gone - charged
    own = max(min(total - before, left, chargeable), 0)
    return Charge(own, max(total - gone - charged - own, 0), max(-chargeable, 0))


def rest_of(facts: Facts, *, sale: Sold, back: Back) -> Facts:
    """The facts of the same activity without what has come back: same member, same moment."""
    activity = replace(
        facts.activity,
        amount=money(max(sale.amount - back.worth, 0)),
        lines=tuple(_rest_of_lines(facts.activity.lines, sale, back)),
    )
    return Facts(activity=activity, member=facts.member, moment=facts.moment)


def _rest_of_lines(lines: Iterable[LineFacts], sale: Sold, back: Back) -> Iterable[LineFacts]:
    rest = sale.rest_of_lines(back)
    for line in lines:
        left = sale.left_of(line.id, back)
        gone = back.lines.get(line.id)
        quantity = line.quantity - (gone.quantity if gone else Decimal(0))
        if gone and (left == 0 or quantity <= 0):
            continue
        share = left * rest
        yield replace(
            line,
            quantity=quantity,
            amount=money(int(cents(line.amount) * share)),
            discount=money(int(cents(line.discount) * share)),
            tax=money(int(cents(line.tax) * share)),
        )


def awards_of_rest(
    campaigns: Rulebook,
    facts: Facts,
    *,
    rounding: str,
    sale: Sold,
    back: Back,
    usage: Usage = NOTHING_USED,
) -> tuple[Evaluated, ...]:
    """What the campaigns give for what is left of the sale, by the limits of then; nothing for nothing."""
    if sale.is_back(back):
        return ()
    return evaluate(campaigns, rest_of(facts, sale=sale, back=back), rounding=rounding, usage=usage)
