"""What the docs show."""

from typing import Any, Final

WHOAMI: Final[dict[str, Any]] = {
    "program": {
        "key": "coffee",
        "name": "Corner Coffee Club",
        "kind": "live",
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
    },
    "partner": {"key": "till", "name": "Tills"},
    "credential": {
        "id": "01976c1e-5d7a-7000-8000-5f1f2a6b0c11",
        "kind": "api_key",
        "name": "Tills in the north",
        "begins_with": "rk_live_8JtQm2xZ",
        "client_id": None,
        "expires_at": None,
        "token_expires_at": None,
    },
    "scopes": ["members:read", "members:write", "transactions:write"],
    "limits": [
        {"name": "burst", "calls": 3_000, "seconds": 60},
        {"name": "hour", "calls": 100_000, "seconds": 3600},
    ],
}
