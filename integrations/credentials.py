"""
API keys: made, recognised, rotated and revoked.

A key is `rk_live_` or `rk_test_`, 43 base62 characters from 32 random bytes, and a checksum of 6, so
that a mistyped key is refused, and a leaked one found by scanners, without a look at the database.
"""

import re
import secrets
import string
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from zlib import crc32

import pghistory
from django.db import transaction
from django.utils.translation import gettext as _

from integrations.models import Credential, Partner, Quota
from loyalty.core.api.auth import SCOPES
from loyalty.core.errors import InvalidInput
from loyalty.core.models import ProgramKind, User

OVERLAP: Final = timedelta(hours=24)

_DIGITS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_FORM: Final = re.compile(r"rk_(?:live|test)_[0-9A-Za-z]{49}")
_CHECKSUM_LENGTH: Final = 6


def issue(
    *,
    partner: Partner,
    name: str,
    scopes: Iterable[str],
    by: User | None,
    expires_at: datetime | None = None,
) -> tuple[Credential, str]:
    """
    A new API key: what is kept of it, and the key itself, which is never shown again.

    :raises InvalidInput: if there is no such scope
    """
    wanted = sorted(set(scopes))
    if unknown := [scope for scope in wanted if scope not in SCOPES]:
        raise InvalidInput(_("There is no scope {scope}.").format(scope=", ".join(unknown)))
    key = _new_key("live" if partner.program.kind == ProgramKind.LIVE else "test")
    with _audited(by):
        credential = Credential.objects.create(
            partner=partner,
            name=name,
            prefix=key[:16],
            digest=digest(key),
            scopes=wanted,
            expires_at=expires_at,
        )
    return credential, key


def rotate(
    credential: Credential, *, by: User | None, at: datetime, overlap: timedelta = OVERLAP
) -> tuple[Credential, str]:
    """A new key in place of an old one, which works on for the overlap, never longer than it would have."""
    with transaction.atomic(), _audited(by):
        locked = Credential.objects.select_for_update(of=("self",)).select_related("partner__program")
        old = locked.get(pk=credential.pk)
        successor = issue(partner=old.partner, name=old.name, scopes=old.scopes, by=by)
        old.expires_at = min(at + overlap, old.expires_at or at + overlap)
        old.save(update_fields=["expires_at"])
        for quota in Quota.objects.filter(credential=old):
            limit(successor[0], per_minute=quota.calls_per_minute, per_hour=quota.calls_per_hour, by=by)
    return successor


def revoke(credential: Credential, *, by: User | None, at: datetime) -> None:
    """The key stops working with the next call. Revoking it again changes nothing."""
    with _audited(by):
        Credential.objects.filter(pk=credential.pk, revoked_at=None).update(revoked_at=at)


def limit(credential: Credential, *, per_minute: int | None, per_hour: int | None, by: User | None) -> None:
    """Let a credential call more or less often than others from the next call on; None: as often as they."""
    with _audited(by):
        Quota.objects.update_or_create(
            credential=credential, defaults={"calls_per_minute": per_minute, "calls_per_hour": per_hour}
        )


def digest(key: str) -> bytes:
    """What is stored of a key. It is random, so that one round of a plain hash is enough."""
    return sha256(key.encode()).digest()


def is_well_formed(key: str) -> bool:
    """Whether this can be a key at all: its form and its checksum."""
    return _FORM.fullmatch(key) is not None and _checksum(key[:-_CHECKSUM_LENGTH]) == key[-_CHECKSUM_LENGTH:]


def _new_key(kind: str) -> str:
    body = f"rk_{kind}_{_base62(secrets.token_bytes(32), length=43)}"
    return body + _checksum(body)


def _checksum(body: str) -> str:
    return _base62(crc32(body.encode()).to_bytes(4), length=_CHECKSUM_LENGTH)


def _base62(value: bytes, *, length: int) -> str:
    number, digits = int.from_bytes(value), ""
    while number:
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    return digits.rjust(length, "0")


def _audited(by: User | None) -> pghistory.context:
    return pghistory.context(user=by.pk) if by else pghistory.context(actor="system")
