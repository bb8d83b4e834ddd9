"""Returns that were reported before their sales: applied when the sale comes."""

from datetime import datetime
from typing import Final

import msgspec
import structlog

from loyalty.core.db import Moved, fetch
from loyalty.core.errors import DomainError
from loyalty.core.models import Program
from rewards.deciding.activities import Return
from rewards.deciding.recorded import Recorded
from rewards.journeys import returning
from rewards.models import WaitingReturn, WaitingStatus

CHUNK: Final = 500
REASON_AT_MOST: Final = 300

log = structlog.get_logger(__name__)


def apply(sale_external_id: str, *, program: Program, source: str, at: datetime) -> int:
    """
    Apply the returns that wait for this sale, in the order in which they were reported.

    Says how many are settled now: applied, or refused for good because they do not fit the sale.
    """
    rows = WaitingReturn.objects.of(program).waiting().order_by("pk")
    found = rows.filter(source=source, sale_external_id=sale_external_id)
    return sum(_apply(one, program, at) for one in found)


def _apply(waiting: WaitingReturn, program: Program, at: datetime) -> bool:
    actor = f"partner:{waiting.source}"
    returned = msgspec.convert(waiting.body, Return)
    try:
        answer = returning.record(returned, program=program, source=waiting.source, actor=actor, at=at)
    except DomainError as refusal:
        _refuse(waiting, refusal)
        return True
    except Moved:
        # It goes on waiting, and is swept up; its sale is booked, whoever reported that is not kept from it.
        log.warning("waiting_return_is_late", program=program.key, external_id=waiting.external_id)
        return False
    return isinstance(answer, Recorded)


def _refuse(waiting: WaitingReturn, refusal: DomainError) -> None:
    still = WaitingReturn.objects.waiting().filter(pk=waiting.pk)
    still.update(status=WaitingStatus.REFUSED, reason=refusal.detail[:REASON_AT_MOST])


# Both sides of the join are indexed; what waits in vain costs one look-up each time.
_LEFT_BEHIND: Final = """
SELECT DISTINCT waiting.source, waiting.sale_external_id
FROM rewards_waitingreturn AS waiting
JOIN rewards_activity AS sale ON sale.program_id = waiting.program_id AND sale.source = waiting.source
     AND sale.external_id = waiting.sale_external_id AND sale.kind = 'sale'
WHERE waiting.program_id = $1 AND waiting.status = 'waiting'
ORDER BY 1, 2 LIMIT $2"""


def sweep(program: Program, *, at: datetime) -> int:
    """
    Apply the returns whose sales are there: those that crossed their sale on the way, or that a crash left.

    Says how many there were.
    """
    left_behind = fetch(_LEFT_BEHIND, [program.pk, CHUNK])
    return sum(apply(sale, program=program, source=source, at=at) for source, sale in left_behind)
