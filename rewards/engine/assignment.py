"""
Which part of a campaign's audience a member belongs to, for good and without being remembered.

The first four bytes of a SHA-256, so that PostgreSQL can say the same of all members:

    ('x' || left(encode(sha256(convert_to('control:' || key || ':' || member_id, 'UTF8')), 'hex'), 8))
        ::bit(32)::bigint % 10000
"""

from __future__ import annotations

from hashlib import sha256

PARTS = 10_000
"""Of ten thousand parts, `percent` takes the first hundred times as many."""

CONTROL = "control"
VARIANT = "variant"


def part(campaign_key: str, member_id: str, purpose: str) -> int:
    """
    From 0 to 9,999: the same for a member and a campaign whatever its version.

    `purpose` keeps apart what must not depend on each other: who is held out, and who gets which variant.
    """
    digest = sha256(f"{purpose}:{campaign_key}:{member_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % PARTS


def is_held_out(campaign_key: str, member_id: str, percent: int) -> bool:
    """Whether the member is of the control group, who get nothing so that others are compared."""
    return percent > 0 and part(campaign_key, member_id, CONTROL) < percent * 100
