"""What returns still have a claim on: points that had expired when their goods came back."""

from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

from loyalty.core.db import fetch

_UNCHARGED: Final = """
SELECT lot.id, sum(coalesce((back.facts->'owed'->>lot.id::text)::bigint, 0)
                   - coalesce((back.facts->'charged'->>lot.id::text)::bigint, 0))::bigint
FROM members_lot AS lot JOIN rewards_activity AS back ON back.original_id = lot.activity_id
WHERE lot.id = ANY($1) AND back.kind = 'return' GROUP BY lot.id
"""


def of_expired(lot_ids: Collection[UUID]) -> Mapping[UUID, int]:
    """
    By lot, how many points returns were to take back and did not, as they had expired or never came.

    Should an expiry be undone, these do not come back: the goods that they were for are not bought.
    """
    return dict(fetch(_UNCHARGED, [list(lot_ids)]))
