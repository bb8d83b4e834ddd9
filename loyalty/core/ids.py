"""Identifiers that are made without asking the database."""

from datetime import datetime
from typing import Final
from uuid import UUID

from uuid_utils.compat import uuid7 as _uuid7


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): ordered by the moment it was made, so that indexes grow at their end."""
    return _uuid7()


NEW_ID: Final = (
    "encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING"
    " substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),"
    " 52, 1), 53, 1), 'hex')::uuid"
)
"""The same as an expression of SQL: PostgreSQL has a function for it only from version 18 on."""


def first_id_of(moment: datetime) -> UUID:
    """
    A UUID that is less than every id made from that moment on, and greater than all made before it.

    Nothing was made before 1970.
    """
    return UUID(int=max(int(moment.timestamp() * 1000), 0) << 80)
