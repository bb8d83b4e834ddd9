"""Identifiers that are made without asking the database."""

from uuid import UUID

from uuid_utils.compat import uuid7 as _uuid7


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): ordered by the moment it was made, so that indexes grow at their end."""
    return _uuid7()
