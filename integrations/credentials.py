"""Credentials of partners, API keys and OAuth clients alike: made, rotated and revoked."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pghistory
import structlog
from django.db import DatabaseError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations import prefixed
from integrations.models import Credential, CredentialKind, Partner, Quota
from integrations.prefixed import Prefix
from loyalty.core import db
from loyalty.core.api.auth import SCOPES
from loyalty.core.errors import DomainError, InvalidInput
from loyalty.core.models import User

OVERLAP: Final = timedelta(hours=24)
USE_IS_NOTED_EVERY: Final = timedelta(minutes=1)

logger = structlog.get_logger(__name__)


class CredentialRevoked(DomainError):
    """The credential was revoked or has expired: make a new one instead of rotating it."""

    code = "credential_revoked"
    status = 409
    title = gettext_lazy("The credential no longer works")


def issue(
    *,
    partner: Partner,
    name: str,
    scopes: Iterable[str],
    by: User | None,
    kind: str = CredentialKind.API_KEY,
    expires_at: datetime | None = None,
) -> tuple[Credential, str]:
    """
    A new credential, and its API key or client secret, which is never shown again.

    :raises InvalidInput: if there is no such scope
    """
    wanted = sorted(set(scopes))
    if unknown := [scope for scope in wanted if scope not in SCOPES]:
        raise InvalidInput(_("There is no scope {scope}.").format(scope=", ".join(unknown)))
    is_client = kind == CredentialKind.OAUTH_CLIENT
    return _make(
        partner,
        by=by,
        name=name,
        kind=kind,
        client_id=prefixed.new_client_id(partner.program) if is_client else "",
        scopes=wanted,
        expires_at=expires_at,
    )


def _make(partner: Partner, *, by: User | None, kind: str, **known: Any) -> tuple[Credential, str]:
    prefix = Prefix.CLIENT_SECRET if kind == CredentialKind.OAUTH_CLIENT else Prefix.API_KEY
    text = prefixed.new(prefix, program=partner.program)
    with _audited(by):
        credential = Credential.objects.create(
            partner=partner,
            kind=kind,
            prefix=text[: prefixed.SHOWN],
            digest=prefixed.digest(text),
            **known,
        )
    return credential, text


def rotate(
    credential: Credential, *, by: User | None, at: datetime, overlap: timedelta = OVERLAP
) -> tuple[Credential, str]:
    """
    A new credential in place of an old one, which works on for the overlap, never longer than it would have.

    An OAuth client keeps its client id: its secret is what changes.

    :raises CredentialRevoked: if the old one has ended already
    """
    with transaction.atomic(), _audited(by):
        locked = Credential.objects.select_for_update(of=("self",)).select_related("partner__program")
        old = locked.get(pk=credential.pk)
        if not old.works_at(at):
            raise CredentialRevoked(_("What no longer works cannot be rotated."))
        successor = _make(
            old.partner, by=by, kind=old.kind, name=old.name, client_id=old.client_id, scopes=old.scopes
        )
        old.expires_at = min(at + overlap, old.expires_at or at + overlap)
        old.save(update_fields=["expires_at"])
        for quota in Quota.objects.filter(credential=old):
            limit(successor[0], per_minute=quota.calls_per_minute, per_hour=quota.calls_per_hour, by=by)
    return successor


def revoke(credential: Credential, *, by: User | None, at: datetime) -> None:
    """It stops working with the next call, and so do its tokens. Revoking it again changes nothing."""
    with _audited(by):
        Credential.objects.filter(pk=credential.pk, revoked_at=None).update(revoked_at=at)


def limit(credential: Credential, *, per_minute: int | None, per_hour: int | None, by: User | None) -> None:
    """Let a credential call more or less often than others from the next call on; None: as often as they."""
    with _audited(by):
        Quota.objects.update_or_create(
            credential=credential, defaults={"calls_per_minute": per_minute, "calls_per_hour": per_hour}
        )


# Of several calls at once, one notes it; the others step over the locked row and do not wait.
_NOTE_USE: Final = """
UPDATE integrations_credential SET last_used_at = $2
WHERE id = (SELECT id FROM integrations_credential WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED)
"""


def note_use(credential_id: UUID, *, used_at: datetime | None, at: datetime) -> None:
    """Remember when it was used last, to the minute; `used_at` is what is remembered so far."""
    if used_at is not None and at - used_at < USE_IS_NOTED_EVERY:
        return
    parameters: list[Any] = [credential_id, at]
    try:
        db.fetch(_NOTE_USE, parameters)
    except DatabaseError:  # a note that is nice to have never costs a call
        logger.warning("could not note the use of a credential", exc_info=True)


def _audited(by: User | None) -> pghistory.context:
    return pghistory.context(user=by.pk) if by else pghistory.context(actor="system")
