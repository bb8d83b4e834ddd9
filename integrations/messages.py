"""What partners are told of an event, the same by webhook and in the feed."""

from datetime import datetime
from typing import Final

import orjson

LIMIT_BYTES: Final = 20_000


def body(*, type: str, occurred_at: datetime, number: int, data: str) -> bytes:
    """
    A message, below 20 kB. `sequence` grows with each event of a member.

    Data that would not fit are left out, and the message says so.

    :param data: JSON text of an object
    """
    message = {"type": type, "timestamp": occurred_at, "sequence": number, "data": orjson.Fragment(data)}
    told = orjson.dumps(message)
    if len(told) < LIMIT_BYTES:
        return told
    kept = {key: value for key, value in orjson.loads(data).items() if key == "member_id"}
    return orjson.dumps(message | {"data": kept, "is_truncated": True})
