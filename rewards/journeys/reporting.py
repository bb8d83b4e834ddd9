"""
Events that partners report: what only the program itself may see is refused, guessing codes is slow.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Final

from django.core.cache import cache
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core.errors import DomainError
from loyalty.core.models import Program
from members.ledger import store
from members.references import member_of, reference
from rewards.deciding import rules
from rewards.deciding.activities import CustomEvent
from rewards.deciding.awarding import activity_facts
from rewards.deciding.recorded import Also, Recorded
from rewards.journeys import earning, event_types
from rewards.redeeming import guessing

CODE_ENTERED: Final = "code.entered"
WRONG_BY_MEMBER: Final = 10
WRONG_BY_PARTNER: Final = 1_000
"""All its members together: members are quickly registered by whoever wants to try more codes."""


class TooManyCodes(DomainError):
    """The member, or all of yours, entered many wrong codes: try again later, whatever the code is."""

    code: ClassVar[str] = "too_many_codes"
    status: ClassVar[int] = 429
    title = gettext_lazy("Too many codes were tried")


def report(
    event: CustomEvent, *, program: Program, source: str, actor: str, at: datetime, also: Also | None = None
) -> Recorded:
    """
    Book what a partner says that a member did.

    :raises InvalidInput: if its type is what only the program itself sees, or lacks what it is about
    :raises TooManyCodes: if the member, or the partner for all, has entered too many wrong codes lately
    :raises DomainError: as `earning.record()`
    """
    admit(event, program=program, source=source)
    return earning.record(event, program=program, source=source, actor=actor, at=at, also=also)


def report_many(
    reported: Sequence[CustomEvent], *, program: Program, source: str, actor: str, at: datetime
) -> list[Recorded | DomainError]:
    """Book many events in their order: for each its result or the refusal, as `report()` has them."""
    refusals = [_refusal(event, program, source) for event in reported]
    admitted = [event for event, refusal in zip(reported, refusals, strict=True) if refusal is None]
    booked = iter(earning.record_many(admitted, program=program, source=source, actor=actor, at=at))
    return [next(booked) if refusal is None else refusal for refusal in refusals]


def _refusal(event: CustomEvent, program: Program, source: str) -> DomainError | None:
    try:
        admit(event, program=program, source=source)
    except DomainError as refusal:
        return refusal
    return None


def admit(event: CustomEvent, *, program: Program, source: str) -> None:
    """Refuse what nobody reports, what is not as it was described, and too many wrong codes."""
    event_types.check(event, program=program)
    if event.type == CODE_ENTERED:
        _slow_down(event, program, source)


def _slow_down(event: CustomEvent, program: Program, source: str) -> None:
    """Count wrong codes; after too many of them a right one gets the same answer as another wrong one."""
    (found,) = store.load(program.pk, [reference(event.member)])
    limits = {
        f"wrong-codes:{program.pk}:{member_of(found, event.member).member_id}": WRONG_BY_MEMBER,
        f"wrong-codes:{program.pk}:partner:{source}": WRONG_BY_PARTNER,
    }
    is_wrong = not _counts(event, program)
    for key, most in limits.items():
        # What a member tries in vain is not counted further: one alone must not stop all others.
        if _tried(key, more=int(is_wrong)) >= most + is_wrong:
            raise TooManyCodes(
                _("Too many codes were tried. Wait for a quarter of an hour."),
                retry_after=guessing.FORGOTTEN_AFTER_SECONDS,
            )


def _counts(event: CustomEvent, program: Program) -> bool:
    """Whether any campaign listens to that code; the program's limits are another matter."""
    facts = activity_facts(event, "")
    running = rules.of(program).in_force(event.occurred_at)
    triggers = (campaign.definition.trigger for campaign in running)
    return any(trigger.kind == "code_entered" and trigger.is_met_by(facts) for trigger in triggers)


def _tried(key: str, *, more: int) -> int:
    return guessing.count(key) if more else int(cache.get(key, 0))
