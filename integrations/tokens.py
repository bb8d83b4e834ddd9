"""
Access tokens of OAuth clients, by the client credentials grant (RFC 6749, section 4.4).

A library for OAuth would bring clients, tokens and an admin of its own beside ours: without partner,
program, expiry, overlapping rotation or audit, and with a password hash that costs half a second for
a secret that is random anyway. This is the one grant that systems without a person need.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest

from django.utils.translation import gettext as _

from integrations import credentials, prefixed
from integrations.models import AccessToken, Credential, CredentialKind
from integrations.models.token import LASTS_AT_MOST
from integrations.prefixed import Prefix


class UnknownClient(Exception):
    """There is no client with that id and that secret, or it no longer works."""


class ScopeNotHeld(Exception):
    """The client asked for a scope that it does not have."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A token as its client is told of it, this once; `lasts` in seconds."""

    token: str
    lasts: int
    scopes: list[str]


def client(*, client_id: str, secret: str, at: datetime) -> Credential:
    """
    The client that has proved itself.

    :raises UnknownClient: without saying what of it is wrong
    """
    if prefixed.read(secret) != Prefix.CLIENT_SECRET:
        raise UnknownClient
    clients = Credential.objects.valid(at).filter(kind=CredentialKind.OAUTH_CLIENT)
    known = clients.select_related("partner__program", "quota")
    found = known.filter(digest=prefixed.digest(secret)).first()
    if found is None or not compare_digest(found.client_id.encode(), client_id.encode()):
        raise UnknownClient
    return found


def grant(credential: Credential, *, scopes: Iterable[str] | None, at: datetime) -> Grant:
    """
    A token for some of the client's scopes or (None) all of them.

    It ends after an hour, or with its credential if that is earlier.

    :raises ScopeNotHeld: with the scopes that the client does not have
    """
    wanted = credential.scopes if scopes is None else sorted(set(scopes))
    if missing := [scope for scope in wanted if scope not in credential.scopes]:
        raise ScopeNotHeld(_("The client does not have: {scopes}").format(scopes=" ".join(missing)))
    ends_at = min(at + LASTS_AT_MOST, credential.expires_at or at + LASTS_AT_MOST)
    token = prefixed.new(Prefix.ACCESS_TOKEN, program=credential.partner.program)
    AccessToken.objects.create(
        credential=credential,
        digest=prefixed.digest(token),
        scopes=wanted,
        created_at=at,
        expires_at=ends_at,
    )
    credentials.note_use(credential.pk, used_at=credential.last_used_at, at=at)
    return Grant(token, int((ends_at - at).total_seconds()), wanted)


def revoke(credential: Credential, *, token: str) -> None:
    """End one of the client's tokens (RFC 7009); of another's, and of one that has ended, nothing is done."""
    tokens = AccessToken.objects.filter(credential__client_id=credential.client_id)
    tokens.filter(digest=prefixed.digest(token)).delete()


def prune(*, at: datetime) -> int:
    """Delete tokens that have ended; returns how many."""
    deleted, _by_model = AccessToken.objects.filter(expires_at__lte=at).delete()
    return deleted
