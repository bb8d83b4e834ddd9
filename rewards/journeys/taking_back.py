"""
What becomes of gifts when the sale that brought them is returned.

Rewards that were not handed over, and whose vouchers nobody has used, are taken back once all of the sale
has come back; the pieces are on offer again. Badges, progress on challenges, chances in prize draws and
what was told stay: they were noticed, and taking them away would surprise more than it saves. Points are
another matter: see `rewards.journeys.returning`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from loyalty.core.db import fetch
from loyalty.core.models import Event, Program

# What the sale in the place of a corrected one gives as well was passed on to that.
_TAKE_BACK: Final = """
WITH given AS MATERIALIZED (
    SELECT id, member_id, reward_id, took_piece FROM rewards_redemption
    WHERE program_id = $1 AND status = 'confirmed' AND id IN (
        SELECT (gift->>'redemption_id')::uuid FROM rewards_activity sale
        CROSS JOIN LATERAL jsonb_array_elements(sale.outcome->'gifts') AS gift
        WHERE sale.id = ANY($2::uuid[]) AND gift ? 'redemption_id' AND NOT EXISTS (
            SELECT 1 FROM rewards_undoing undoing
            JOIN rewards_activity place ON place.id = undoing.replacement_id
            WHERE undoing.sale_id = sale.id AND place.outcome->'gifts'
                @> jsonb_build_array(jsonb_build_object('redemption_id', gift->'redemption_id'))))
    ORDER BY id FOR UPDATE),
unused AS (
    UPDATE rewards_voucher voucher SET status = 'void' FROM given
    WHERE voucher.redemption_id = given.id AND voucher.status = 'issued' AND voucher.uses = 0
    RETURNING given.id),
void AS MATERIALIZED (
    SELECT * FROM given WHERE id IN (SELECT id FROM unused)
       OR NOT EXISTS (SELECT 1 FROM rewards_voucher WHERE redemption_id = given.id)),
cancelled AS (
    UPDATE rewards_redemption SET status = 'cancelled', ended_at = $3, reason = 'sale_returned'
    FROM void WHERE rewards_redemption.id = void.id),
restocked AS (
    UPDATE rewards_reward SET stock = stock + back.pieces
    FROM (SELECT reward_id, count(*) AS pieces FROM void WHERE took_piece GROUP BY reward_id) AS back
    WHERE rewards_reward.id = back.reward_id AND stock IS NOT NULL)
INSERT INTO core_event (program_id, member_id, type, data, occurred_at, recorded_at)
SELECT $1, void.member_id, 'redemption.cancelled',
       jsonb_build_object('redemption_id', void.id, 'reward', reward.key, 'points', 0), $3, $3
FROM void JOIN rewards_reward reward ON reward.id = void.reward_id
RETURNING number"""


def after_returns(found: Sequence[Event], *, program: Program, at: datetime) -> int:
    """Take back what the sales of these events gave and nobody has used; how many rewards."""
    sales = [event.data["sale_id"] for event in found if event.data["is_whole"]]
    return len(fetch(_TAKE_BACK, [program.pk, sales, at])) if sales else 0
