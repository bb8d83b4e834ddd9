"""What the docs show."""

from typing import Any, Final

MEMBER_ID: Final = "01976c1e-5d7a-7000-8000-3a52e6e1d0b4"

STATUS: Final[dict[str, Any]] = {
    "id": MEMBER_ID,
    "status": "active",
    "merged_into_id": None,
    "first_name": "Ada",
    "wallets": [
        {
            "type": "points",
            "name": "Points",
            "available": 1240,
            "pending": 0,
            "held": 0,
            "next_expiry": {"expires_at": "2026-12-31T23:00:00Z", "points": 180},
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
    "rewards": [
        {
            "key": "free-coffee",
            "name": "Free coffee",
            "wallet_type": "points",
            "price": 500,
            "minimum_basket": None,
        }
    ],
    "challenges": [
        {
            "key": "ten-coffees",
            "name": "Ten coffees",
            "description": "Every tenth coffee is on us.",
            "progress": 7,
            "goal": 10,
            "completions": 2,
            "is_repeatable": True,
        }
    ],
    "badges": [{"key": "early-bird", "name": "Early bird", "earned_at": "2026-03-09T07:12:00Z"}],
    "offers": [
        {
            "campaign": "silver-weeks",
            "name": "Silver weeks",
            "text": "For every sale of at least €50.00: 100 points.",
            "is_personal": True,
            "ends_at": "2026-06-30T22:00:00Z",
            "not_with": [],
        }
    ],
}

SALE: Final[dict[str, Any]] = {
    "kind": "sale",
    "external_id": "till-7/2026-06-01/000123",
    "occurred_at": "2026-06-01T14:00:00+02:00",
    "member": {"kind": "card", "value": "1001"},
    "amount": {"amount": "12.50", "currency": "EUR"},
    "store": "berlin-mitte",
    "lines": [
        {
            "id": "1",
            "sku": "beans-250",
            "amount": {"amount": "12.50", "currency": "EUR"},
            "quantity": "2",
            "category": "coffee",
        }
    ],
}

RECORDED: Final[dict[str, Any]] = {
    "id": "01976c1e-5d7a-7000-8000-77d0c1f9a2e6",
    "kind": "sale",
    "external_id": SALE["external_id"],
    "member_id": MEMBER_ID,
    "occurred_at": "2026-06-01T14:00:00+02:00",
    "recorded_at": "2026-06-01T12:00:01Z",
    "points": 12,
    "awards": [
        {
            "wallet_type": "points",
            "points": 12,
            "reason": "1 point for each 1.00 EUR",
            "campaign": "base",
            "version_id": "01976c1e-5d7a-7000-8000-1d3f5b7c9e20",
        }
    ],
    "wallets": [{"type": "points", "available": 1252, "pending": 0, "held": 0}],
    "tier": "silver",
    "messages": ["One more stamp, and the next coffee is on us."],
    "gifts": [
        {
            "kind": "challenge_progress",
            "campaign": "stamps",
            "key": "coffee-card",
            "progress": 9,
            "goal": 10,
            "completions": 0,
        }
    ],
}

RETURN: Final[dict[str, Any]] = {
    "kind": "return",
    "external_id": "till-7/2026-06-03/000045",
    "occurred_at": "2026-06-03T10:00:00+02:00",
    "sale_external_id": SALE["external_id"],
    "lines": [{"id": "1", "quantity": "1"}],
}

RETURNED: Final[dict[str, Any]] = {
    "id": "01976c1e-5d7a-7000-8000-44b1c8e0f3d7",
    "kind": "return",
    "external_id": RETURN["external_id"],
    "member_id": MEMBER_ID,
    "occurred_at": "2026-06-03T10:00:00+02:00",
    "recorded_at": "2026-06-03T08:00:01Z",
    "points": -6,
    "awards": [{"wallet_type": "points", "points": -6, "reason": "6.25 of 12.50 came back"}],
    "wallets": [{"type": "points", "available": 1296, "pending": 0, "held": 0}],
    "tier": "silver",
    "messages": [],
    "gifts": [],
    "returned": {
        "sale_id": RECORDED["id"],
        "amount": {"amount": "6.25", "currency": "EUR"},
        "lines": [{"id": "1", "quantity": "1", "amount": {"amount": "6.25", "currency": "EUR"}}],
        "taken": [
            {
                "wallet_type": "points",
                "points": 6,
                "owed": 6,
                "written_off": 0,
                "debt": 0,
                "campaigns": [{"campaign": "base", "points": 6}],
            }
        ],
        "given_back": [
            {
                "wallet_type": "points",
                "hold_id": "01976c1e-5d7a-7000-8000-5e2f8a91c0b6",
                "points": 50,
                "expired": 0,
                "debt_paid": 0,
            }
        ],
    },
}

WAITING: Final[dict[str, Any]] = {
    "id": "01976c1e-5d7a-7000-8000-44b1c8e0f3d7",
    "kind": "return",
    "status": "waiting",
    "external_id": RETURN["external_id"],
    "sale_external_id": SALE["external_id"],
    "occurred_at": "2026-06-03T08:00:00Z",
    "recorded_at": "2026-06-03T08:00:01Z",
}

BOOKED: Final[dict[str, Any]] = {
    "status": "booked",
    "corrected_by": None,
    "corrects": None,
    "source": "till",
    "attributes": {},
    "used": None,
}

SALE_OF_NOBODY: Final[dict[str, Any]] = {name: value for name, value in SALE.items() if name != "member"}

KEPT: Final[dict[str, Any]] = {
    "id": "01976c1e-5d7a-7000-8000-66e3a0c4d2b9",
    "kind": "sale",
    "status": "unclaimed",
    "external_id": SALE["external_id"],
    "occurred_at": "2026-06-01T12:00:00Z",
    "recorded_at": "2026-06-01T12:00:01Z",
    "claimable_until": "2026-07-01T12:00:00Z",
    "transaction_id": None,
}

USED: Final[dict[str, Any]] = {
    "checkout_id": "01976c1e-5d7a-7000-8000-7ab4c09d12e5",
    "points": [
        {
            "hold_id": "01976c1e-5d7a-7000-8000-81f3a6b7c8d9",
            "wallet_type": "points",
            "points": 300,
            "came_back": 300,
        }
    ],
    "rewards": [
        {
            "redemption_id": "01976c1e-5d7a-7000-8000-90ab2c4d6e8f",
            "reward": "five-off",
            "points": 500,
            "status": "returned",
            "has_come_back": True,
            "kept_because": "",
        },
        {
            "redemption_id": "01976c1e-5d7a-7000-8000-a1bc3d4e5f60",
            "reward": "free-coffee",
            "points": 200,
            "status": "fulfilled",
            "has_come_back": False,
            "kept_because": "fulfilled",
        },
    ],
    "vouchers": [
        {
            "voucher_id": "01976c1e-5d7a-7000-8000-b2cd4e5f6071",
            "reward": "ten-percent",
            "status": "issued",
            "has_come_back": True,
        }
    ],
}

EXPLAINED: Final[dict[str, Any]] = {
    **RECORDED,
    **BOOKED,
    "amount": SALE["amount"],
    "store": SALE["store"],
    "lines": SALE["lines"],
    "verdicts": [
        {"campaign": "base", "name": "A point for each euro", "matched": True, "points": 12, "reasons": []},
        {
            "campaign": "big-basket",
            "name": "50 points from 50 euros",
            "matched": False,
            "points": 0,
            "reasons": ["37.50 EUR short"],
        },
    ],
}

RETURN_EXPLAINED: Final[dict[str, Any]] = {
    **RETURNED,
    **BOOKED,
    "lines": [{**SALE["lines"][0], "quantity": "1", "amount": RETURNED["returned"]["amount"]}],
    "amount": RETURNED["returned"]["amount"],
    "store": SALE["store"],
    "verdicts": [],
}

EVENT: Final[dict[str, Any]] = {
    "kind": "event",
    "external_id": "app-login-2026-06-01-4711",
    "occurred_at": "2026-06-01T09:30:00+02:00",
    "type": "app.login",
    "member": {"kind": "email", "value": "ada@example.org"},
}

EVENT_RECORDED: Final[dict[str, Any]] = {
    **RECORDED,
    "kind": "event",
    "external_id": EVENT["external_id"],
    "occurred_at": "2026-06-01T09:30:00+02:00",
    "points": 0,
    "awards": [],
}

REDEMPTION: Final[dict[str, Any]] = {
    "member": {"kind": "card", "value": "1001"},
    "reward": "free-coffee",
}

REDEEMED: Final[dict[str, Any]] = {
    "id": "01976c1e-5d7a-7000-8000-90ab2c4d6e8f",
    "member_id": MEMBER_ID,
    "reward": "free-coffee",
    "points": 500,
    "balance": 752,
    "voucher_code": "7KQ4WZ9P2M",
    "voucher_expires_at": "2026-08-30T12:00:00Z",
    "redeemed_at": "2026-06-01T12:00:00Z",
}
