"""What members agreed to and what they took back: written down once each, never changed."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext as _

from loyalty.core.db import fetch
from loyalty.core.errors import InvalidInput
from loyalty.core.models import Program
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
    is_once: bool = False,
) -> Consent:
    """
    Write down that a member agreed to a purpose, or does so no longer.

    Publishes `consent.granted` or `consent.withdrawn`. What counts is what was said last, by
    `occurred_at`: what is reported late changes nothing of that.

    :param version: of the text that was agreed to
    :param source: where it was said, as `till-12`
    :param evidence: proof, by name; it goes when the member is erased
    :param is_once: the very same, of the same moment, is not written down again; it is the answer
    :raises InvalidInput: if it was said before 1900, or later than now
    :raises members.references.MemberIsMerged: if the member was merged into another one
    :raises members.references.MemberIsErased: if the member was erased
    """
    said_at = occurred_at or at
    if not enrolment.EARLIEST <= said_at <= at + enrolment.CLOCKS_DIFFER_BY:
        raise InvalidInput(_("A consent is given between 1900 and now."), pointer="#/occurred_at")
    said_at = said_at.astimezone(UTC)
    with transaction.atomic():
        present = details.hold(member)
        references.check_alive(present)
        wanted: dict[str, Any] = {
            "member": present,
            "purpose": purpose,
            "is_granted": is_granted,
            "version": version,
            "source": source,
            "actor": actor,
            "occurred_at": said_at,
        }
        if is_once and (written := _written(wanted, evidence or {})):
            return written
        consent = Consent.objects.create(program_id=present.program_id, recorded_at=at, **wanted)
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
            occurred_at=said_at.isoformat(),
        )
    return consent


def _written(wanted: Mapping[str, Any], evidence: Mapping[str, Any]) -> Consent | None:
    for consent in Consent.objects.filter(**wanted).select_related("evidence"):
        proof = getattr(consent, "evidence", None)
        if (proof.details if proof else {}) == evidence:
            return consent
    return None


def present(record_ids: Sequence[UUID]) -> list[Consent]:
    """What one person said last of each purpose, by purpose; the ids are those of their records."""
    said = Consent.objects.filter(member__in=record_ids)
    newest = said.order_by("purpose", "-occurred_at", "-id").distinct("purpose")
    return list(newest.select_related("evidence"))


def overview(record_ids: Any, *, at_most: int) -> tuple[list[Consent], list[Consent]]:
    """
    What one person said last of each purpose, by purpose, and the newest of all that they said; in one query.

    `record_ids` are the ids of their records, or a look-up of them.
    """
    by_purpose = Window(
        RowNumber(), partition_by=F("purpose"), order_by=[F("occurred_at").desc(), F("id").desc()]
    )
    by_age = Window(RowNumber(), order_by=F("id").desc())
    said = Consent.objects.filter(member__in=record_ids).annotate(from_last=by_purpose, from_newest=by_age)
    shown = said.filter(Q(from_last=1) | Q(from_newest__lte=at_most)).select_related("evidence")
    found = list(shown.order_by("-id"))
    present = [consent for consent in found if consent.from_last == 1]  # type: ignore[attr-defined]  # annotated
    newest = [consent for consent in found if consent.from_newest <= at_most]  # type: ignore[attr-defined]
    return sorted(present, key=attrgetter("purpose")), newest


# From one to the next along the index, however many members said something about each.
_PURPOSES: Final = """
WITH RECURSIVE known(purpose) AS (
    SELECT min(purpose) FROM members_consent WHERE program_id = $1
    UNION ALL
    SELECT (SELECT min(purpose) FROM members_consent WHERE program_id = $1 AND purpose > known.purpose)
    FROM known WHERE known.purpose IS NOT NULL
)
SELECT purpose FROM known WHERE purpose IS NOT NULL"""


def purposes(program: Program) -> list[str]:
    """What members of the program were ever asked about, by name."""
    return [purpose for (purpose,) in fetch(_PURPOSES, [program.pk])]
