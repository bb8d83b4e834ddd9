"""What the docs show."""

from typing import Any, Final

REGISTRATION: Final[dict[str, Any]] = {
    "identifiers": [
        {"kind": "card", "value": "1001"},
        {"kind": "email", "value": "ada@example.org"},
    ],
    "first_name": "Ada",
    "last_name": "Lovelace",
    "birth_date": "1990-12-10",
    "attributes": {"favourite_store": "Berlin Mitte"},
}

MEMBER: Final[dict[str, Any]] = {
    "id": "01976c1e-5d7a-7000-8000-3a52e6e1d0b4",
    "status": "active",
    "merged_into_id": None,
    **REGISTRATION,
    "enrolled_at": "2026-06-01T12:00:00Z",
}

KNOWN_BY: Final[dict[str, Any]] = {
    "id": "01976c1e-5d7a-7000-8000-2f1c0b9a8d7e",
    "member_id": MEMBER["id"],
    "kind": "phone",
    "value": "+491701234567",
}

EXPORT: Final[dict[str, Any]] = {
    "member_id": MEMBER["id"],
    "made_at": "2026-06-01T12:00:00Z",
    "parts": {
        "records": [
            {
                "id": MEMBER["id"],
                "status": "active",
                "merged_into_id": None,
                "first_name": "Ada",
                "last_name": "Lovelace",
                "birth_date": "1990-12-10",
                "attributes": {"favourite_store": "Berlin Mitte"},
                "enrolled_at": "2026-06-01T12:00:00+00:00",
                "recorded_at": "2026-06-01T12:00:01+00:00",
            }
        ],
        "identifiers": [KNOWN_BY],
        "blocks": [],
    },
}

ERASED: Final[dict[str, Any]] = {
    "id": MEMBER["id"],
    "status": "erased",
    "merged_into_id": None,
    "identifiers": [],
    "first_name": "",
    "last_name": "",
    "birth_date": None,
    "attributes": {},
    "enrolled_at": "2026-06-01T12:00:00Z",
}

STATEMENT: Final[dict[str, Any]] = {
    "wallet_type": "points",
    "recorded_from": "2026-06-01T00:00:00+02:00",
    "recorded_before": None,
    "opening": {"available": 1240, "pending": 0, "held": 0, "owed": 0},
    "closing": {"available": 752, "pending": 0, "held": 0, "owed": 0},
    "sums": {"earn": 12, "spend": -500},
    "data": [
        {
            "id": "01976c1e-5d7a-7000-8000-5be1a0c4d7f1",
            "kind": "spend",
            "points": -500,
            "description": "Reward Free coffee",
            "cause": "redemption:01976c1e-5d7a-7000-8000-90ab2c4d6e8f:spend",
            "transaction_id": None,
            "effective_at": "2026-06-01T12:05:00Z",
            "recorded_at": "2026-06-01T12:05:00Z",
            "after": {"available": 752, "pending": 0, "held": 0, "owed": 0},
        },
        {
            "id": "01976c1e-5d7a-7000-8000-4ad09f3c6b52",
            "kind": "earn",
            "points": 12,
            "description": "Purchase at berlin-mitte: A point for each euro",
            "cause": "sale:01976c1e-5d7a-7000-8000-77d0c1f9a2e6:earn:points",
            "transaction_id": "01976c1e-5d7a-7000-8000-77d0c1f9a2e6",
            "effective_at": "2026-06-01T12:00:00Z",
            "recorded_at": "2026-06-01T12:00:01Z",
            "after": {"available": 1252, "pending": 0, "held": 0, "owed": 0},
        },
    ],
    "next": None,
    "previous": None,
}

BALANCE: Final[dict[str, Any]] = {
    "at": "2026-06-01T00:00:00+02:00",
    "wallets": [{"type": "points", "available": 1240, "pending": 0, "held": 0, "owed": 0}],
}
