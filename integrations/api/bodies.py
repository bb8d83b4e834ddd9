"""What partners are told about themselves."""

from datetime import datetime
from typing import Self
from uuid import UUID

import msgspec

from integrations.models import Credential
from loyalty.core.api.auth import Caller


class CallersProgram(msgspec.Struct):
    """The program that the API key works in."""

    key: str
    name: str
    kind: str
    currency: str
    time_zone: str


class CallersPartner(msgspec.Struct):
    """The partner that the API key belongs to."""

    key: str
    name: str


class CallersCredential(msgspec.Struct):
    """The API key, as far as it may be shown."""

    id: UUID
    name: str
    begins_with: str
    expires_at: datetime | None


class Whoami(msgspec.Struct):
    """Who is calling, and what they may do."""

    program: CallersProgram
    partner: CallersPartner
    credential: CallersCredential
    scopes: list[str]

    @classmethod
    def of(cls, credential: Credential, *, caller: Caller) -> Self:
        program, partner = caller.program, credential.partner
        return cls(
            program=CallersProgram(
                program.key, program.name, program.kind, program.currency, program.time_zone
            ),
            partner=CallersPartner(partner.key, partner.name),
            credential=CallersCredential(
                credential.pk, credential.name, credential.prefix, credential.expires_at
            ),
            scopes=sorted(caller.scopes),
        )
