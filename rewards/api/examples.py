"""What the docs show."""

from typing import Any, Final

MEMBER_ID: Final = "01976c1e-5d7a-7000-8000-3a52e6e1d0b4"

STATUS: Final[dict[str, Any]] = {
    "id": MEMBER_ID,
    "status": "active",
    "first_name": "Ada",
    "wallets": [
        {
            "type": "points",
            "name": "Points",
            "available": 1240,
            "pending": 0,
            "held": 0,
            "next_expiry": {"expires_at": "2026-12-31T23:00:00+00:00", "points": 180},
        }
    ],
    "tiers": [
        {
            "ladder": "status",
            "tier": "silver",
            "name": "Silver",
            "progress": 1740,
            "next_tier": "gold",
            "points_to_next": 3260,
        }
    ],
    "rewards": [{"key": "free-coffee", "name": "Free coffee", "wallet_type": "points", "price": 500}],
}
