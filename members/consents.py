"""What members agreed to and what they took back: written down once each, never changed."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from loyalty.core.errors import InvalidInput
from members import details, enrolment, references
from members.models import Consent, ConsentEvidence, Member


def record(
    member: Member,
    *,
    purpose: str,
    is_granted: bool,
    occurred_at: datetime | None = None,
    version: str = "",
    source: str = "",
    evidence: Mapping[str, Any] | None = None,
    actor: str,
    at: datetime,
) -> Consent:
    """
    Write down that a member agreed to a purpose, or does so no longer.

    Publishes `consent.granted` or `consent.withdrawn`. What counts is what was said last, by
    `occurred_at`: what is reported late changes nothing of that.

    :param version: of the text that was agreed to
    :param source: where it was said, as `till-12`
    :param evidence: proof, by name; it goes when the member is erased
    :raises InvalidInput: if it was said before 1900, or later than now
    :raises members.references.MemberIsMerged: if the member was merged into another one
    :raises members.references.MemberIsErased: if the member was erased
    """
    said_at = (occurred_at or at).astimezone(UTC)
    if not enrolment.EARLIEST <= said_at <= at + enrolment.CLOCKS_DIFFER_BY:
        raise InvalidInput(_("A consent is given between 1900 and now."), pointer="#/occurred_at")
    with transaction.atomic():
        present = details.hold(member)
        references.check_alive(present)
        consent = Consent.objects.create(
            program_id=present.program_id,
            member=present,
            purpose=purpose,
            is_granted=is_granted,
            version=version,
            source=source,
            actor=actor,
            occurred_at=said_at,
            recorded_at=at,
        )
        if evidence:
            ConsentEvidence.objects.create(consent=consent, details=dict(evidence))
        details.tell(
            present,
            "consent.granted" if is_granted else "consent.withdrawn",
            actor=actor,
            at=at,
            consent_id=str(consent.pk),
            purpose=purpose,
            text_version=version,
            said_at=said_at.isoformat(),
        )
    return consent


def present(record_ids: Sequence[UUID]) -> list[Consent]:
    """What one person said last of each purpose, by purpose; the ids are those of their records."""
    said = Consent.objects.filter(member__in=record_ids)
    newest = said.order_by("purpose", "-occurred_at", "-id").distinct("purpose")
    return list(newest.select_related("evidence"))
