"""
Telling members, days ahead, that points of theirs will go: one event for each wallet and date.

A warning is delivered when a receiver has taken its event; integrations says so (`mark_delivered`).
Where a kind of points expires only if warned, an expiry run leaves alone what no such warning
precedes: see `members.ledger.sweeping.IS_DUE`.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction

from loyalty.core.db import fetch, planned_by_values
from loyalty.core.ids import NEW_ID
from loyalty.core.models import Program
from members.ledger import sweeping
from members.lifespan import midnight_after
from members.models import WalletType

LOTS_AT_A_TIME: Final = 2_000
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)

_NOT_WARNED = (
    "NOT EXISTS (SELECT FROM members_expirywarning AS w WHERE w.wallet_id = {} AND w.expires_at = {})"
)
_DATED = f"""
SELECT lot.wallet_id, lot.expires_at
FROM members_lot AS lot JOIN members_wallet AS wallet ON wallet.id = lot.wallet_id AND wallet.type_id = $1
WHERE lot.available > 0 AND lot.expires_at > $2 AND lot.expires_at <= $3
  AND (lot.expires_at, lot.wallet_id) > ($4, $5::uuid)
  AND {_NOT_WARNED.format("lot.wallet_id", "lot.expires_at")}
ORDER BY lot.expires_at, lot.wallet_id LIMIT $6
"""
_LAPSING = f"""
SELECT wallet.id, wallet.lapses_at FROM members_wallet AS wallet
WHERE wallet.type_id = $1 AND wallet.lapses_at > $2 AND wallet.lapses_at <= $3 AND wallet.available > 0
  AND (wallet.lapses_at, wallet.id) > ($4, $5::uuid)
  AND {_NOT_WARNED.format("wallet.id", "wallet.lapses_at")}
ORDER BY wallet.lapses_at, wallet.id LIMIT $6
"""
_WARN = f"""
WITH going AS (
    SELECT wallet.id AS wallet_id, lot.expires_at, sum(lot.available)::bigint AS points
    FROM members_wallet AS wallet JOIN members_lot AS lot ON lot.wallet_id = wallet.id
    WHERE wallet.id = ANY($1) AND lot.available > 0 AND lot.expires_at > $2 AND lot.expires_at <= $3
    GROUP BY wallet.id, lot.expires_at
    UNION ALL
    SELECT wallet.id, wallet.lapses_at, sum(lot.available)::bigint
    FROM members_wallet AS wallet JOIN members_lot AS lot ON lot.wallet_id = wallet.id
    WHERE wallet.id = ANY($1) AND lot.available > 0 AND lot.lapses
      AND wallet.lapses_at > $2 AND wallet.lapses_at <= $3
    GROUP BY wallet.id
), warned AS (
    INSERT INTO members_expirywarning (id, program_id, wallet_id, expires_at, points, warned_at)
    SELECT {NEW_ID}, $4, wallet_id, expires_at, points, $5 FROM going
    ON CONFLICT (wallet_id, expires_at) DO NOTHING
    RETURNING id, wallet_id, expires_at, points
), told AS (
    INSERT INTO core_event (program_id, member_id, type, data, occurred_at, recorded_at)
    SELECT wallet.program_id, wallet.member_id, 'points.expiring', jsonb_build_object(
            'warning_id', warned.id, 'wallet_type', type.key, 'points', warned.points,
            'balance', wallet.available,
            'expires_at', to_char(warned.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
            'last_day', ((warned.expires_at - interval '1 microsecond') AT TIME ZONE $6::text)::date),
        $5, $5
    FROM warned JOIN members_wallet AS wallet ON wallet.id = warned.wallet_id
    JOIN members_wallettype AS type ON type.id = wallet.type_id
    ORDER BY warned.expires_at, wallet.id
)
SELECT count(*) FROM warned
"""


def warn(program: Program, *, at: datetime) -> Iterator[int]:
    """
    Warn of all that goes within the days that its kind of points says, in chunks of one commit each.

    What is due already is warned of only if it waits for that. A broken-off round is made up for by
    the next one.

    :returns: how many warnings each chunk gave
    """
    warning = WalletType.objects.filter(program=program, warns_days_before__isnull=False)
    for wallet_type in warning.order_by("pk"):
        for sql in (_DATED, _LAPSING):
            yield from _walk(program, wallet_type, sql, at)


def _walk(program: Program, wallet_type: WalletType, sql: str, at: datetime) -> Iterator[int]:
    zone = ZoneInfo(program.time_zone)
    last_day = at.astimezone(zone).date() + timedelta(days=wallet_type.warns_days_before or 0)
    span = (LONG_AGO if wallet_type.expires_only_if_warned else at, midnight_after(last_day, zone))
    position = (LONG_AGO, UUID(int=0))
    while True:
        with transaction.atomic():
            with planned_by_values():
                found = fetch(sql, [wallet_type.pk, *span, *position, LOTS_AT_A_TIME])
            warned = _warn(program, sorted({wallet_id for wallet_id, _ in found}), span, at)
        if warned:
            yield warned
        if len(found) < LOTS_AT_A_TIME:
            return
        position = (found[-1][1], found[-1][0])


def _warn(program: Program, wallet_ids: list[UUID], span: tuple[datetime, datetime], at: datetime) -> int:
    if not wallet_ids:
        return 0
    sweeping.hold(wallet_ids)  # a member's events are in order
    with planned_by_values():
        ((warned,),) = fetch(_WARN, [wallet_ids, *span, program.pk, at, program.time_zone])
    return int(warned)


def mark_delivered(event_numbers: Sequence[int], *, at: datetime) -> None:
    """Note that receivers have taken these events `points.expiring`; what was noted before stays."""
    if event_numbers:
        fetch(
            "UPDATE members_expirywarning AS warning SET delivered_at = $2 FROM core_event AS event"
            " WHERE event.number = ANY($1) AND event.type = 'points.expiring'"
            " AND warning.id = (event.data->>'warning_id')::uuid AND warning.delivered_at IS NULL",
            [list(event_numbers), at],
        )
