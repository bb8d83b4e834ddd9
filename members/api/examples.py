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
    "merged_into": None,
    **REGISTRATION,
    "enrolled_at": "2026-06-01T12:00:00Z",
}
