"""Who calls the API, found with one statement."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from integrations import credentials
from integrations.calls import Recognised
from loyalty.core import db
from loyalty.core.api import idempotency
from loyalty.core.api.auth import Caller
from loyalty.core.api.refusals import Unauthenticated
from loyalty.core.models import Program

USE_IS_NOTED_EVERY: Final = timedelta(minutes=1)

logger = structlog.get_logger(__name__)

_PROGRAM: Final = [field.attname for field in Program._meta.concrete_fields]

# Also looks for the answer to an earlier call with the same Idempotency-Key: one round trip less.
_FIND: Final = f"""
SELECT credential.id, credential.scopes, credential.expires_at, credential.revoked_at,
       credential.last_used_at, partner.id, partner.key, partner.is_active,
       quota.calls_per_minute, quota.calls_per_hour,
       answer.fingerprint, answer.status, answer.body,
       {", ".join(f"program.{name}" for name in _PROGRAM)}
FROM integrations_credential AS credential
JOIN integrations_partner AS partner ON partner.id = credential.partner_id
JOIN core_program AS program ON program.id = partner.program_id
LEFT JOIN integrations_quota AS quota ON quota.credential_id = credential.id
LEFT JOIN core_idempotencyrecord AS answer ON answer.partner_id = partner.id AND answer.key = $2
WHERE credential.digest = $1
"""

# Of several calls at once, one notes it; the others step over the locked row and do not wait.
_NOTE_USE: Final = """
UPDATE integrations_credential SET last_used_at = $2
WHERE id = (SELECT id FROM integrations_credential WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED)
"""


class ApiKeyAuthentication(BaseAuthentication):
    """
    `Authorization: Bearer rk_…`, and nowhere else.

    Nothing is cached: a key that was revoked is refused from the next call on.
    """

    def authenticate(self, request: Request) -> tuple[Caller, Caller] | None:
        """
        The caller, as `request.auth`; None if there is no credential.

        :raises Unauthenticated: if there is one that is not valid
        """
        given = request._request.META.get("HTTP_AUTHORIZATION")
        if not given:
            return None
        caller = _caller(_key(given), request._request)
        structlog.contextvars.bind_contextvars(
            program=caller.program.key, partner=caller.partner_key, credential=str(caller.credential_id)
        )
        return caller, caller

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _key(header: str) -> str:
    scheme, _space, key = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated(_("Send the API key as Authorization: Bearer."))
    if not credentials.is_well_formed(key):
        raise Unauthenticated(_("This is no API key: it is incomplete or mistyped."))
    return key


def _caller(key: str, request: HttpRequest) -> Caller:
    rows = db.fetch(_FIND, [credentials.digest(key), _idempotency_key(request)])
    if not rows:
        raise Unauthenticated(_("The API key is unknown."))
    found, scopes, expires_at, revoked_at, used_at, partner, partner_key, is_active, *limits_and_rest = rows[
        0
    ]
    per_minute, per_hour, *rest = limits_and_rest
    moment = timezone.now()
    program = Program.from_db("default", _PROGRAM, rest[3:])
    request.recognised = Recognised(program.pk, partner, found)  # type: ignore[attr-defined]
    _refuse_if_over(moment, expires_at=expires_at, revoked_at=revoked_at, is_active=is_active)
    _note_use(found, used_at, moment)
    if rest[0] is not None:
        request.stored_answer = idempotency.StoredAnswer(*rest[:3])  # type: ignore[attr-defined]
    return Caller(program, partner, partner_key, found, frozenset(scopes), per_minute, per_hour)


def _idempotency_key(request: HttpRequest) -> str | None:
    try:
        return idempotency.header(request)
    except idempotency.InvalidIdempotencyKey:
        return None  # refused where a key is needed, ignored elsewhere


def _refuse_if_over(
    moment: datetime, *, expires_at: datetime | None, revoked_at: datetime | None, is_active: bool
) -> None:
    if revoked_at is not None:
        raise Unauthenticated(_("The API key was revoked."))
    if expires_at is not None and expires_at <= moment:
        raise Unauthenticated(_("The API key has expired."))
    if not is_active:
        raise Unauthenticated(_("The partner of this API key is switched off."))


def _note_use(credential_id: UUID, used_at: datetime | None, moment: datetime) -> None:
    if used_at is not None and moment - used_at < USE_IS_NOTED_EVERY:
        return
    parameters: list[Any] = [credential_id, moment]
    try:
        db.fetch(_NOTE_USE, parameters)
    except DatabaseError:  # a note that is nice to have never costs a call
        logger.warning("could not note the use of an API key", exc_info=True)
