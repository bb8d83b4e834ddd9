"""
Signatures of webhooks by Standard Webhooks 1.0.

See https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from uuid import UUID

from standardwebhooks import Webhook

SECRET_BYTES: Final = 32


def new_secret() -> str:
    """A signing secret for one endpoint: `whsec_` and 32 random bytes in base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(message_id: UUID | str, *, body: bytes, keys: Sequence[str], at: datetime) -> dict[str, str]:
    """
    What proves to a receiver that a message is ours, and fresh.

    :param message_id: the same for every attempt to deliver the message
    :param keys: the endpoint's secrets; more than one while they rotate, the newest first
    :param at: the moment of this attempt
    """
    if not keys:
        raise ValueError("A message must be signed with a secret.")
    moment, text = at.astimezone(UTC), body.decode()
    signatures = [_signer(key).sign(str(message_id), moment, text) for key in keys]
    return {
        "webhook-id": str(message_id),
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


@lru_cache(maxsize=1024)
def _signer(key: str) -> Webhook:
    return Webhook(key)
