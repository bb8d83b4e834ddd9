"""
What the program itself sees of its members, booked as activities that campaigns listen to.

An occasion has a key of its own, such as `birthday:<member>:2026`, which is the activity's outside
id: however often it is found, by whichever worker, it is booked once. One to which no running
campaign listens leaves nothing behind.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db import connection
from msgspec import Struct

from loyalty.core.errors import DomainError
from loyalty.core.models import Program
from members.models import Member
from members.references import MemberReference
from rewards.deciding import rules
from rewards.deciding.activities import CustomEvent
from rewards.deciding.recorded import AlreadyReported
from rewards.engine.triggers import SOURCE
from rewards.journeys import earning

ACTOR: Final = "system:occasions"

log = structlog.get_logger(__name__)


class Occasion(Struct, frozen=True, kw_only=True):
    """One of the reserved types of `rewards.engine.triggers`, for a member, once for each key."""

    type: str
    member_id: UUID
    key: str
    occurred_at: datetime
    attributes: Mapping[str, str | int | bool] = {}


def is_listened_to(event_type: str, *, program: Program, at: datetime) -> bool:
    """Whether any campaign that was running at that moment may give something for such an occasion."""
    return rules.of(program).in_force(at).listens_to("event", event_type)


def book(occasions: Sequence[Occasion], *, program: Program, at: datetime) -> int:
    """
    Book those that campaigns listen to, in one statement; how many of them were new.

    To be called once in a transaction: it holds the members' wallets, in their order. Who may not
    earn (blocked, merged, erased) gets nothing for it.
    """
    assert connection.in_atomic_block, "what was noticed, and how far one looked, is one commit"
    wanted = [
        _activity(occasion)
        for occasion in occasions
        if is_listened_to(occasion.type, program=program, at=occasion.occurred_at)
    ]
    if not wanted:
        return 0
    results = earning.record_many(wanted, program=program, source=SOURCE, actor=ACTOR, at=at)
    for activity, result in zip(wanted, results, strict=True):
        # Found once more, perhaps with other details: it is booked, and stays as it was.
        if isinstance(result, DomainError) and not isinstance(result, AlreadyReported):
            log.info("occasion_left_out", type=activity.type, key=activity.external_id, why=result.code)
    return sum(not isinstance(result, DomainError) and not result.is_repeat for result in results)


def _activity(occasion: Occasion) -> CustomEvent:
    return CustomEvent(
        external_id=occasion.key,
        occurred_at=occasion.occurred_at,
        type=occasion.type,
        member=MemberReference(kind="id", value=str(occasion.member_id)),
        attributes=dict(occasion.attributes),
    )


def referral_qualified(*, member_id: UUID, friend: Member, occurred_at: datetime) -> Occasion:
    """That the friend whom a member brought has bought something, and kept it."""
    return Occasion(
        type="referral.qualified",
        member_id=member_id,
        key=f"referral:{friend.pk}",
        occurred_at=occurred_at,
        attributes={"friend": str(friend.pk)},
    )
