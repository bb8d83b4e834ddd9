"""What is known of people by what they bought, did, got and won: told to them, and forgotten with them."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import pgtrigger
from django.db import connection

from members import dossier
from members.dossier import listed
from members.privacy import Keeper

PARTS: Final = {
    "activities": listed(
        "id, member_id, source, external_id, kind, event_type, store, amount::text, lines, attributes, facts,"
        " awards, outcome, points, occurred_at, recorded_at",
        "rewards_activity WHERE member_id = ANY($1)",
        "occurred_at, id",
    ),
    "checkouts": listed(
        "id, member_id, source, status, basket, quote, total::text, payments, receipt, opened_at, closed_at",
        "rewards_checkout WHERE member_id = ANY($1)",
        "id",
    ),
    "undone_sales": listed(
        "u.id, sale_id, undo_id, replacement_id, reason, u.actor, undone_at",
        "rewards_undoing u JOIN rewards_activity a ON a.id = u.sale_id WHERE a.member_id = ANY($1)",
        "u.id",
    ),
    "redemptions": listed(
        "r.id, r.member_id, w.key AS reward, r.points, r.source, r.status, r.reason, r.tracking,"
        " r.redeemed_at, v.code AS voucher, v.status AS voucher_status, v.expires_at AS voucher_expires_at",
        "rewards_redemption r JOIN rewards_reward w ON w.id = r.reward_id"
        " LEFT JOIN rewards_voucher v ON v.redemption_id = r.id WHERE r.member_id = ANY($1)",
        "r.id",
    ),
    "badges": listed(
        "member_id, b.key AS badge, b.name, earned_at",
        "rewards_memberbadge m JOIN rewards_badge b ON b.id = m.badge_id WHERE member_id = ANY($1)",
        "earned_at, b.key",
    ),
    "challenges": listed(
        "member_id, c.key AS challenge, added, progress, completions, made_at",
        "rewards_challengeprogress p JOIN rewards_challenge c ON c.id = p.challenge_id"
        " WHERE member_id = ANY($1)",
        "p.id",
    ),
    "draws": listed(
        "member_id, d.key AS draw, entries, entered_at",
        "rewards_drawentry e JOIN rewards_prizedraw d ON d.id = e.draw_id WHERE member_id = ANY($1)",
        "e.id",
    ),
    "prizes": listed(
        "member_id, d.key AS draw, place",
        "rewards_drawwinner w JOIN rewards_prizedraw d ON d.id = w.draw_id WHERE member_id = ANY($1)",
        "d.key, place",
    ),
    "referrals": listed(
        "member_id, friend_id, status, reason, registered_at, decided_at",
        "rewards_referral WHERE member_id = ANY($1) OR friend_id = ANY($1)",
        "id",
    ),
    "referral_codes": listed(
        "member_id, code, made_at", "rewards_referralcode WHERE member_id = ANY($1)", "id"
    ),
    "limits": listed(
        "member_id, c.key AS campaign, period, times, points",
        "rewards_campaigncount n JOIN rewards_campaign c ON c.id = n.campaign_id WHERE member_id = ANY($1)",
        "c.key, period",
    ),
    "campaign_audiences": listed(
        "member_id, c.key AS campaign, a.starts_at, a.taken_at",
        "rewards_campaignaudiencemember m JOIN rewards_campaignaudience a ON a.id = m.audience_id"
        " JOIN rewards_campaign c ON c.id = a.campaign_id WHERE member_id = ANY($1)",
        "a.taken_at, c.key",
    ),
}


def _tell(ids: Sequence[UUID]) -> dict[str, list[Any]]:
    return dossier.read(PARTS, ids)


# What was bought stays, as returns and the books need it. What partners said besides may be anything
# about the person, and so may the member's attributes that the rules saw. What they gave cannot be worked
# out again without: `forgotten` says so.
_FORGET: Final = (
    """UPDATE rewards_activity SET attributes = '{}',
        facts = facts #- ARRAY['member', 'birth_date'] #- ARRAY['member', 'attributes']
            || '{"forgotten": true}'
    WHERE member_id = ANY(%s)
        AND (attributes <> '{}' OR jsonb_exists_any(facts -> 'member', ARRAY['birth_date', 'attributes']))""",
    # As it was reported, before anybody said whose it was.
    """UPDATE rewards_unclaimedsale SET body = body || '{"attributes": {}}'
    WHERE body -> 'attributes' <> '{}'
        AND activity_id IN (SELECT id FROM rewards_activity WHERE member_id = ANY(%s))""",
    """UPDATE rewards_checkout SET basket = basket || '{"attributes": {}}'
    WHERE member_id = ANY(%s) AND basket -> 'attributes' <> '{}'""",
    "UPDATE rewards_redemption SET reason = '', tracking = ''"
    " WHERE member_id = ANY(%s) AND (reason <> '' OR tracking <> '')",
    # The same stands in answers that are kept for repeats.
    """UPDATE core_idempotencyrecord SET body = body || '{"reason": "", "tracking": ""}'
    WHERE body ? 'tracking' AND body ->> 'member_id' = ANY(%s::uuid[]::text[])""",
    """UPDATE rewards_undoing SET reason = '' WHERE reason <> ''
    AND sale_id IN (SELECT id FROM rewards_activity WHERE member_id = ANY(%s))""",
)
# They keep what was done as it was done. Only what somebody wrote to it goes, and only here.
_KEEPS: Final = ("rewards.Checkout:a_closed_checkout_stays_as_it_is", "rewards.Undoing:append_only")


def _forget(ids: Sequence[UUID]) -> None:
    # Through Django's cursor, which the triggers are told by.
    with pgtrigger.ignore(*_KEEPS), connection.cursor() as cursor:
        for statement in _FORGET:
            cursor.execute(statement, [list(ids)])


KEEPER: Final = Keeper(tell=_tell, forget=_forget)
