"""Who calls the API, found with one statement."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final
from urllib.parse import unquote

import structlog
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from integrations import credentials, prefixed
from integrations.calls import Recognised
from integrations.prefixed import Prefix
from loyalty.core import db
from loyalty.core.api import idempotency, refusals
from loyalty.core.api.auth import Caller
from loyalty.core.api.refusals import InvalidCredential
from loyalty.core.models import Program

_PROGRAM: Final = [field.attname for field in Program._meta.concrete_fields]

# Also looks for the answer to an earlier call with the same Idempotency-Key: one round trip less.
_FIND: Final = f"""
SELECT {{bearer}}, credential.id, credential.kind, credential.scopes, credential.expires_at,
       credential.revoked_at, credential.last_used_at, credential.client_id,
       partner.id, partner.key, partner.is_active, quota.calls_per_minute, quota.calls_per_hour,
       answer.fingerprint, answer.status, answer.body,
       {", ".join(f"program.{name}" for name in _PROGRAM)}
FROM {{table}}
JOIN integrations_partner AS partner ON partner.id = credential.partner_id
JOIN core_program AS program ON program.id = partner.program_id
LEFT JOIN integrations_quota AS quota ON quota.credential_id = credential.id
LEFT JOIN core_idempotencyrecord AS answer ON answer.partner_id = partner.id AND answer.key = $2
WHERE {{found}}
"""
_FIND_BY: Final = {
    Prefix.API_KEY: _FIND.format(
        bearer="NULL::varchar[], NULL::timestamptz",
        table="integrations_credential AS credential",
        found="credential.digest = $1 AND credential.kind = 'api_key'",
    ),
    Prefix.ACCESS_TOKEN: _FIND.format(
        bearer="token.scopes, token.expires_at",
        table="integrations_accesstoken AS token"
        " JOIN integrations_credential AS credential ON credential.id = token.credential_id",
        found="token.digest = $1",
    ),
}
_IN_ADDRESS: Final = re.compile(r"(?:^|&)access_token=|r[kst]_(?:live|test)_[0-9A-Za-z]{40}")


class CredentialInAddress(refusals.BadRequest):
    """
    An API key or a token stands in the address. Send it in `Authorization: Bearer`, and have it revoked.

    Addresses are kept in logs and histories, so that it is no secret any more.
    """

    code = "credential_in_address"
    title = gettext_lazy("A credential must not be in the address")


class BearerAuthentication(BaseAuthentication):
    """
    `Authorization: Bearer` with an API key (`rk_…`) or an access token (`rt_…`), and nowhere else.

    Nothing is cached: what was revoked is refused from the next call on.
    """

    def authenticate(self, request: Request) -> tuple[Caller, Caller] | None:
        """
        The caller, as `request.auth`; None if there is no credential.

        :raises CredentialInAddress: if there is one where everybody can read it
        :raises InvalidCredential: if there is one that is not valid
        """
        meta = request._request.META
        if (query := meta.get("QUERY_STRING")) and _IN_ADDRESS.search(unquote(query)):
            raise CredentialInAddress(_("Send it as Authorization: Bearer, and have this one revoked."))
        given = meta.get("HTTP_AUTHORIZATION")
        if not given:
            return None
        caller = _caller(_bearer(given), request._request)
        structlog.contextvars.bind_contextvars(
            program=caller.program.key, partner=caller.partner_key, credential=str(caller.credential_id)
        )
        return caller, caller

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _bearer(header: str) -> str:
    scheme, _space, text = header.partition(" ")
    if scheme.lower() != "bearer":
        raise InvalidCredential(_("Send the API key or access token as Authorization: Bearer."))
    return text


def _caller(text: str, request: HttpRequest) -> Caller:
    rows = db.fetch(_statement(text), [prefixed.digest(text), _idempotency_key(request)])
    if not rows:
        raise InvalidCredential(_("This API key or access token is unknown, or has ended."))
    granted, ends_at, found, kind, scopes, expires_at, revoked_at, used_at, client_id, *rest = rows[0]
    partner, partner_key, is_active, per_minute, per_hour, fingerprint, status, body, *columns = rest
    program = Program.from_db("default", _PROGRAM, columns)
    moment = timezone.now()
    request.recognised = Recognised(program.pk, partner, found)  # type: ignore[attr-defined]
    _refuse_if_over(moment, ends=(expires_at, ends_at), revoked_at=revoked_at, is_active=is_active)
    if not prefixed.is_for(text, program):
        raise InvalidCredential(_("This is for another kind of program: live or sandbox."))
    credentials.note_use(found, used_at=used_at, at=moment)
    if fingerprint is not None:
        request.stored_answer = idempotency.StoredAnswer(  # type: ignore[attr-defined]
            fingerprint, status, body
        )
    held = frozenset(scopes if granted is None else granted).intersection(scopes)
    limits = (per_minute, per_hour)
    return Caller(program, partner, partner_key, found, held, kind, ends_at, *limits, client_id)


def _statement(text: str) -> str:
    match prefixed.read(text):
        case Prefix.API_KEY | Prefix.ACCESS_TOKEN as prefix:
            return _FIND_BY[prefix]
        case Prefix.CLIENT_SECRET:
            raise InvalidCredential(_("This is a client secret: get an access token at /oauth/token."))
    raise InvalidCredential(_("This is no API key or access token: it is incomplete or mistyped."))


def _idempotency_key(request: HttpRequest) -> str | None:
    try:
        return idempotency.header(request)
    except idempotency.InvalidIdempotencyKey:
        return None  # refused where a key is needed, ignored elsewhere


def _refuse_if_over(
    moment: datetime, *, ends: Iterable[datetime | None], revoked_at: datetime | None, is_active: bool
) -> None:
    if revoked_at is not None:
        raise InvalidCredential(_("The credential was revoked."))
    if any(end is not None and end <= moment for end in ends):
        raise InvalidCredential(_("The API key or access token has expired."))
    if not is_active:
        raise InvalidCredential(_("The partner of this credential is switched off."))
