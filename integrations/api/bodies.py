"""What partners are told about themselves."""

from typing import Literal, Self
from uuid import UUID

import msgspec

from integrations.models import Credential
from loyalty.core.api import throttling
from loyalty.core.api.auth import Caller
from loyalty.core.clock import Moment


class CallersProgram(msgspec.Struct):
    """The program that the credential works in."""

    key: str
    name: str
    kind: str
    currency: str
    time_zone: str


class CallersPartner(msgspec.Struct):
    """The partner that the credential belongs to."""

    key: str
    name: str


class CallersCredential(msgspec.Struct):
    """The API key or OAuth client, as far as it may be shown."""

    id: UUID
    kind: Literal["api_key", "oauth_client"]
    name: str
    begins_with: str
    """Of the API key or client secret."""
    client_id: str | None
    expires_at: Moment | None
    token_expires_at: Moment | None
    """When the access token of this call ends."""


class CallersLimit(msgspec.Struct):
    """How many calls the credential may make in a window of so many seconds."""

    name: str
    """As in the headers `RateLimit-Policy` and `RateLimit`, which say how many are left."""
    calls: int
    seconds: int


class Whoami(msgspec.Struct):
    """Who is calling, and what they may do."""

    program: CallersProgram
    partner: CallersPartner
    credential: CallersCredential
    scopes: list[str]
    limits: list[CallersLimit]

    @classmethod
    def of(cls, credential: Credential, *, caller: Caller) -> Self:
        program, partner = caller.program, credential.partner
        return cls(
            program=CallersProgram(
                program.key, program.name, program.kind, program.currency, program.time_zone
            ),
            partner=CallersPartner(partner.key, partner.name),
            credential=CallersCredential(
                id=credential.pk,
                kind="oauth_client" if credential.client_id else "api_key",
                name=credential.name,
                begins_with=credential.prefix,
                client_id=credential.client_id or None,
                expires_at=credential.expires_at,
                token_expires_at=caller.token_expires_at,
            ),
            scopes=sorted(caller.scopes),
            limits=[
                CallersLimit(window.name, window.calls, window.seconds)
                for window in throttling.windows_of(caller)
            ],
        )
