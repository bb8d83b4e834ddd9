"""
What becomes of gifts when the sale that brought them is returned.

Vouchers that nobody has used are void once all of the sale has come back, and the pieces are on
offer again. Badges, progress on challenges, chances in prize draws and what was told stay: they were
noticed, and taking them away would surprise more than it saves. Points are another matter: see
`rewards.returning`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from loyalty.core.db import fetch
from loyalty.core.models import Event, Program

_VOID: Final = """
WITH void AS (
    UPDATE rewards_voucher voucher SET status = 'void'
    FROM rewards_redemption given
    WHERE given.program_id = $1 AND given.activity_id = ANY($2::uuid[])
      AND voucher.redemption_id = given.id AND voucher.status = 'issued'
    RETURNING given.id, given.member_id, given.reward_id),
cancelled AS (
    UPDATE rewards_redemption SET status = 'cancelled' FROM void WHERE rewards_redemption.id = void.id),
restocked AS (
    UPDATE rewards_reward SET stock = stock + back.pieces
    FROM (SELECT reward_id, count(*) AS pieces FROM void GROUP BY reward_id) AS back
    WHERE rewards_reward.id = back.reward_id AND stock IS NOT NULL)
INSERT INTO core_event (program_id, member_id, type, data, occurred_at, recorded_at)
SELECT $1, void.member_id, 'redemption.cancelled',
       jsonb_build_object('redemption_id', void.id, 'reward', reward.key, 'points', 0), $3, $3
FROM void JOIN rewards_reward reward ON reward.id = void.reward_id
RETURNING number"""


def after_returns(found: Sequence[Event], *, program: Program, at: datetime) -> int:
    """Void what the sales of these `sale.…` events gave and nobody has used; how many vouchers."""
    sales = [event.data["sale_id"] for event in found if event.data["is_whole"]]
    return len(fetch(_VOID, [program.pk, sales, at])) if sales else 0
