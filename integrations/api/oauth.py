"""
Tokens for OAuth clients: the client credentials grant (RFC 6749, section 4.4), revocation (RFC 7009) and
where both are (RFC 8414).

OAuth libraries know these answers by heart, so that errors here have the form of RFC 6749, section 5.2,
and are no problem documents.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import ClassVar, Final
from urllib.parse import parse_qsl, unquote_plus

import structlog
from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from integrations import tokens
from integrations.calls import Recognised
from integrations.models import Credential
from loyalty.core.api import problem, refusals, rendering, throttling
from loyalty.core.api.auth import SCOPES, Caller
from loyalty.core.api.refusals import TooManyRequests

FORM: Final = "application/x-www-form-urlencoded"
LONGEST_BODY: Final = 10_000
MOST_FIELDS: Final = 20
# An error_description is ASCII without quotes and backslashes (RFC 6749, section 5.2).
_NOT_SAID: Final = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")
# The same without blanks is what scopes are made of (section 3.3).
_SCOPES: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")
# What must not be kept on the way (RFC 6749, section 5.1).
_NOT_KEPT: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}

logger = structlog.get_logger(__name__)

Proof = tuple[str, str]


class Refused(Exception):
    """A refusal in the words of RFC 6749."""

    code: ClassVar[str]
    status: ClassVar[int] = 400


class InvalidRequest(Refused):
    code = "invalid_request"


class InvalidClient(Refused):
    code = "invalid_client"
    status = 401


class InvalidScope(Refused):
    code = "invalid_scope"


class UnsupportedGrantType(Refused):
    code = "unsupported_grant_type"


def _in_the_words_of_oauth(
    view: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    @wraps(view)
    def answered(request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            answer = problem.response(refusals.MethodNotAllowed(), request)
            answer.headers["Allow"] = "POST"
            return answer
        try:
            return view(request)
        except Refused as refusal:
            return _refusal(refusal)
        except TooManyRequests as refusal:
            return problem.response(refusal, request)
        except OperationalError as error:
            logger.warning("database unavailable", exc_info=error)
            return problem.response(refusals.Unavailable(), request)

    return answered


@csrf_exempt
@_in_the_words_of_oauth
def token(request: HttpRequest) -> HttpResponse:
    """An access token for an OAuth client that names itself in the Basic header or in the body."""
    fields, at = _fields(request), timezone.now()
    client = _client(request, fields, at)
    if fields.get("grant_type") != "client_credentials":
        raise _wrong_grant_type(fields)
    _admit(request, client)
    try:
        granted = tokens.grant(client, scopes=_scopes(fields), at=at)
    except tokens.ScopeNotHeld as error:
        raise InvalidScope(str(error)) from None
    body = {
        "access_token": granted.token,
        "token_type": "Bearer",
        "expires_in": granted.lasts,
        "scope": " ".join(granted.scopes),
    }
    return rendering.answer(body, headers=_NOT_KEPT)


@csrf_exempt
@_in_the_words_of_oauth
def revoke(request: HttpRequest) -> HttpResponse:
    """End a token of the client before its time; of what is no token of its own, nothing is said."""
    fields = _fields(request)
    client = _client(request, fields, timezone.now())
    if "token" not in fields:
        raise InvalidRequest(_("The token is missing."))
    _admit(request, client)
    tokens.revoke(client, token=fields["token"])
    return HttpResponse(headers=_NOT_KEPT)


@require_safe
def metadata(request: HttpRequest) -> HttpResponse:
    """What a client needs to know about this authorization server (RFC 8414, section 2)."""
    ways = ["client_secret_basic", "client_secret_post"]
    body = {
        "issuer": settings.BASE_URL,
        "token_endpoint": settings.BASE_URL + reverse("oauth-token"),
        "revocation_endpoint": settings.BASE_URL + reverse("oauth-revoke"),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ways,
        "revocation_endpoint_auth_methods_supported": ways,
        "scopes_supported": sorted(SCOPES),
        "service_documentation": settings.BASE_URL + reverse("docs"),
    }
    return rendering.answer(body)


def _admit(request: HttpRequest, client: Credential) -> None:
    """
    Count this as a call of the client, so that one that asks for a token each time is held up.

    :raises TooManyRequests: with how long to wait
    """
    partner, quota = client.partner, getattr(client, "quota", None)
    caller = Caller(
        program=partner.program,
        partner_id=partner.pk,
        partner_key=partner.key,
        credential_id=client.pk,
        scopes=frozenset(client.scopes),
        credential_kind=client.kind,
        calls_per_minute=quota and quota.calls_per_minute,
        calls_per_hour=quota and quota.calls_per_hour,
        client_id=client.client_id,
    )
    structlog.contextvars.bind_contextvars(
        program=partner.program.key, partner=partner.key, credential=str(client.pk)
    )
    # For the log of calls, which the middleware writes.
    who = Recognised(partner.program_id, partner.pk, client.pk)
    request.recognised = who  # type: ignore[attr-defined]
    throttling.admit(request, caller)


def _fields(request: HttpRequest) -> dict[str, str]:
    """
    The parameters in the body, each once; those without a value count as left out (section 3.1).

    :raises InvalidRequest: if there are any in the address, where secrets would end up in logs
    """
    if request.META.get("QUERY_STRING"):
        raise InvalidRequest(_("Send all parameters in the body, none in the address."))
    if request.content_type != FORM:
        raise InvalidRequest(_("Send the body as Content-Type: %s.") % FORM)
    if "HTTP_TRANSFER_ENCODING" in request.META:
        raise InvalidRequest(_("Send the body with a Content-Length, not in chunks."))
    if int(request.META.get("CONTENT_LENGTH") or 0) > LONGEST_BODY:
        raise InvalidRequest(_("The body is too large."))
    try:
        text = request.body.decode()
        pairs = parse_qsl(text, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:  # which a UnicodeDecodeError is, too
        raise InvalidRequest(_("The body is no form in UTF-8, or has too many fields.")) from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise InvalidRequest(_("A parameter is there twice."))
    return fields


def _client(request: HttpRequest, fields: Mapping[str, str], at: datetime) -> Credential:
    client_id, secret = _proof(request, fields)
    try:
        return tokens.client(client_id=client_id, secret=secret, at=at)
    except tokens.UnknownClient:
        raise InvalidClient(_("There is no such client, or it no longer works.")) from None


def _proof(request: HttpRequest, fields: Mapping[str, str]) -> Proof:
    """How the client proves itself: in exactly one of the two ways of section 2.3.1."""
    header = request.META.get("HTTP_AUTHORIZATION")
    if header and "client_secret" in fields:
        raise InvalidRequest(_("Send client id and secret in the header or in the body, not in both."))
    if not header:
        if "client_id" not in fields or "client_secret" not in fields:
            raise InvalidClient(_("Send client id and secret, in a Basic header or in the body."))
        return fields["client_id"], fields["client_secret"]
    proof = _basic(header)
    if fields.get("client_id", proof[0]) != proof[0]:
        raise InvalidRequest(_("The client ids in the header and in the body differ."))
    return proof


def _basic(header: str) -> Proof:
    scheme, _space, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient(_("Send client id and secret as Authorization: Basic."))
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidClient(_("The Basic header is broken.")) from None
    client_id, _colon, secret = decoded.partition(":")
    return unquote_plus(client_id), unquote_plus(secret)


def _wrong_grant_type(fields: Mapping[str, str]) -> Refused:
    if "grant_type" not in fields:
        return InvalidRequest(_("The grant_type is missing: client_credentials."))
    return UnsupportedGrantType(_("The only grant_type is client_credentials."))


def _scopes(fields: Mapping[str, str]) -> list[str] | None:
    if "scope" not in fields:
        return None
    if not _SCOPES.fullmatch(fields["scope"]):
        raise InvalidScope(_("Scopes are names with one blank between two of them."))
    return fields["scope"].split(" ")


def _refusal(refusal: Refused) -> HttpResponse:
    headers = dict(_NOT_KEPT)
    if isinstance(refusal, InvalidClient):
        headers["WWW-Authenticate"] = 'Basic realm="Regulars", charset="UTF-8"'
    body = {"error": refusal.code, "error_description": _NOT_SAID.sub("?", str(refusal))}
    return rendering.answer(body, status=refusal.status, headers=headers)
