"""What the docs show of checkouts."""

from typing import Any, Final

from rewards.api.examples import MEMBER_ID


def _euros(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


CONTENTS: Final[dict[str, Any]] = {
    "lines": [
        {"id": "1", "sku": "beans-250", "amount": _euros("12.50"), "quantity": "2", "category": "coffee"},
        {"id": "2", "sku": "delivery", "amount": _euros("3.50")},
    ],
    "store": "web-shop",
    "points": [{"wallet_type": "points", "points": 300}],
    "rewards": ["five-off"],
    "lives_for_seconds": 900,
}
REQUEST: Final[dict[str, Any]] = {"member": {"kind": "card", "value": "1001"}, **CONTENTS}

_AWARD: Final[dict[str, Any]] = {
    "wallet_type": "points",
    "points": 8,
    "reason": "1 point per €1.00 of €8.00",
    "campaign": "base",
    "version_id": "01976c1e-5d7a-7000-8000-1d3f5b7c9e20",
}
_WALLET: Final[dict[str, Any]] = {"type": "points", "available": 460, "pending": 0, "held": 800}
_EARNS: Final[dict[str, Any]] = {
    "member_id": MEMBER_ID,
    "points": 8,
    "awards": [_AWARD],
    "wallets": [_WALLET],
    "tier": "silver",
    "tier_before": "silver",
    "messages": [],
    "gifts": [],
    "near": [],
}
OPEN: Final[dict[str, Any]] = {
    "id": "01976c1e-5d7a-7000-8000-c7e3a1b5d902",
    "status": "open",
    "member_id": MEMBER_ID,
    "opened_at": "2026-06-01T12:00:00Z",
    "expires_at": "2026-06-01T12:15:00Z",
    "closed_at": None,
    "lines": [
        {
            "id": "1",
            "sku": "beans-250",
            "quantity": "2",
            "amount": _euros("12.50"),
            "discount": _euros("3.91"),
            "paid_with_points": _euros("2.34"),
            "total": _euros("6.25"),
        },
        {
            "id": "2",
            "sku": "delivery",
            "quantity": "1",
            "amount": _euros("3.50"),
            "discount": _euros("1.09"),
            "paid_with_points": _euros("0.66"),
            "total": _euros("1.75"),
        },
    ],
    "subtotal": _euros("16.00"),
    "discount": _euros("5.00"),
    "paid_with_points": _euros("3.00"),
    "total": _euros("8.00"),
    "points": [
        {
            "wallet_type": "points",
            "points": 300,
            "amount": _euros("3.00"),
            "lines": {"1": 234, "2": 66},
            "hold_id": "01976c1e-5d7a-7000-8000-b1c2d3e4f506",
            "brought": 0,
        }
    ],
    "rewards": [
        {
            "reward": "five-off",
            "wallet_type": "points",
            "points": 500,
            "discount": _euros("5.00"),
            "redemption_id": "01976c1e-5d7a-7000-8000-90ab2c4d6e8f",
            "brought": 0,
        }
    ],
    "vouchers": [],
    "options": [
        {
            "wallet_type": "points",
            "name": "Points",
            "available": 752,
            "points": 752,
            "amount": _euros("7.52"),
        }
    ],
    "earns": _EARNS,
    "payments": [],
    "transaction": None,
}
PURCHASE: Final[dict[str, Any]] = {
    "external_id": "order-2026-004711",
    "payments": [{"method": "card", "amount": _euros("8.00")}],
}
CONFIRMED: Final[dict[str, Any]] = {
    **OPEN,
    "status": "confirmed",
    "closed_at": "2026-06-01T12:04:10Z",
    "payments": PURCHASE["payments"],
    "transaction": {
        "id": "01976c1e-5d7a-7000-8000-77d0c1f9a2e6",
        "kind": "sale",
        "external_id": PURCHASE["external_id"],
        "member_id": MEMBER_ID,
        "occurred_at": "2026-06-01T12:04:10Z",
        "recorded_at": "2026-06-01T12:04:10Z",
        "points": 8,
        "awards": [_AWARD],
        "wallets": [{**_WALLET, "held": 0}],
        "tier": "silver",
        "messages": [],
        "gifts": [],
    },
}
ABANDONED: Final[dict[str, Any]] = {**OPEN, "status": "abandoned", "closed_at": "2026-06-01T12:03:00Z"}
LISTED: Final[dict[str, Any]] = {
    "id": OPEN["id"],
    "status": "confirmed",
    "member_id": MEMBER_ID,
    "source": "web-shop",
    "opened_at": OPEN["opened_at"],
    "expires_at": OPEN["expires_at"],
    "closed_at": CONFIRMED["closed_at"],
    "total": OPEN["total"],
    "external_id": PURCHASE["external_id"],
    "transaction_id": CONFIRMED["transaction"]["id"],
}
