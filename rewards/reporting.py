"""
Events that partners report: what only the program itself may see is refused, guessing codes is slow.
"""

from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from django.core.cache import cache
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core.errors import DomainError, InvalidInput
from loyalty.core.models import Program
from members.ledger import store
from members.references import member_of, reference
from rewards import earning, rules
from rewards.activities import CustomEvent
from rewards.awarding import activity_facts
from rewards.engine.triggers import REPORTED, RESERVED
from rewards.recorded import Also, Recorded

CODE_ENTERED: Final = "code.entered"
WRONG_CODES_AT_MOST: Final = 10
FORGOTTEN_AFTER_SECONDS: Final = 15 * 60
_NEEDED: Final = {CODE_ENTERED: "code", "store.checked_in": "store"}
"""What an event of that type is about, among its attributes."""


class TooManyCodes(DomainError):
    """The member entered many codes that do not count: try again later, whatever the code is."""

    code: ClassVar[str] = "too_many_codes"
    status: ClassVar[int] = 429
    title = gettext_lazy("Too many codes were tried")


def report(
    event: CustomEvent, *, program: Program, source: str, actor: str, at: datetime, also: Also | None = None
) -> Recorded:
    """
    Book what a partner says that a member did.

    :raises InvalidInput: if its type is what only the program itself sees, or lacks what it is about
    :raises TooManyCodes: if the member has entered too many wrong codes lately
    :raises DomainError: as `earning.record()`
    """
    if event.type in RESERVED - REPORTED:
        raise InvalidInput(
            _("“%(type)s” is what Regulars itself sees; nobody reports it.") % {"type": event.type},
            pointer="#/type",
        )
    needed = _NEEDED.get(event.type)
    if needed and not (isinstance(text := event.attributes.get(needed), str) and text.strip()):
        raise InvalidInput(
            _("An event “%(type)s” says which: a text in its attribute “%(name)s”.")
            % {"type": event.type, "name": needed},
            pointer=f"#/attributes/{needed}",
        )
    if event.type == CODE_ENTERED:
        _slow_down(event, program)
    return earning.record(event, program=program, source=source, actor=actor, at=at, also=also)


def _slow_down(event: CustomEvent, program: Program) -> None:
    """Count wrong codes; after too many of them a right one gets the same answer as another wrong one."""
    (found,) = store.load(program.pk, [reference(event.member)])
    member_id = member_of(found, event.member).member_id
    is_wrong = not _counts(event, program)
    tried = _tried(program, member_id, more=int(is_wrong))
    if tried > WRONG_CODES_AT_MOST or (tried == WRONG_CODES_AT_MOST and not is_wrong):
        raise TooManyCodes(
            _("Too many codes were tried. Wait for a quarter of an hour."),
            retry_after=FORGOTTEN_AFTER_SECONDS,
        )


def _counts(event: CustomEvent, program: Program) -> bool:
    """Whether any campaign listens to that code; the program's limits are another matter."""
    facts = activity_facts(event, "")
    running = rules.of(program).in_force(event.occurred_at)
    triggers = (campaign.definition.trigger for campaign in running)
    return any(trigger.kind == "code_entered" and trigger.is_met_by(facts) for trigger in triggers)


def _tried(program: Program, member_id: UUID, *, more: int) -> int:
    key = f"wrong-codes:{program.pk}:{member_id}"
    if not more:
        return int(cache.get(key, 0))
    cache.add(key, 0, FORGOTTEN_AFTER_SECONDS)
    return int(cache.incr(key))
