"""
Members who bring friends: known from a registration, counted once the friend's first purchase stays.

A partner that registers a friend says in the attribute `referred_by` who brought them, as an id, as
`card:1001`, or as the number of a card. That is all that is needed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from loyalty.core import events
from loyalty.core.db import fetch
from loyalty.core.errors import NotFound
from loyalty.core.models import Event, Program
from members import references
from members.ledger import store
from members.models import Member, MemberStatus
from rewards.happenings import occasions
from rewards.models import Referral, ReferralStatus

ATTRIBUTE: Final = "referred_by"
AT_ONCE: Final = 200


def register(found: Sequence[Event], *, program: Program, at: datetime) -> None:
    """Remember who brought whom, from `member.registered` events; a friend is brought by one member."""
    ids = [event.member_id for event in found if event.member_id]
    friends = Member.objects.of(program).filter(pk__in=ids, attributes__has_key=ATTRIBUTE).order_by("pk")
    rows = [row for friend in friends if (row := _referral(friend, at))]
    Referral.objects.bulk_create(rows, ignore_conflicts=True)


def _referral(friend: Member, at: datetime) -> Referral | None:
    member = _named(friend.attributes[ATTRIBUTE], friend.program)
    if member is None:
        return None
    reason = why_not(member, friend)
    return Referral(
        program_id=friend.program_id,
        member=member,
        friend=friend,
        status=ReferralStatus.REFUSED if reason else ReferralStatus.WAITING,
        reason=reason,
        registered_at=friend.enrolled_at,
        decided_at=at if reason else None,
    )


def _named(value: Any, program: Program) -> Member | None:
    """The member that an attribute means; nobody if it means nobody."""
    text = str(value).strip()
    for asked in (text, f"card:{text}"):
        try:
            reference = references.read(asked)
        except NotFound:
            continue
        means = (
            Q(pk=reference.value)
            if reference.by == "id"
            else Q(identifiers__kind=reference.kind, identifiers__value=reference.value)
        )
        if member := Member.objects.of(program).filter(means).first():
            return member
    return None


def why_not(member: Member, friend: Member) -> str:
    """Empty, if the one brought the other: whoever brought somebody was a member before."""
    if _is_same_person(member, friend):
        return "self_referral"
    return "" if member.enrolled_at <= friend.enrolled_at else "member_before"


def _is_same_person(member: Member, friend: Member) -> bool:
    """By id, after a merge, by name and birth date, or by an e-mail address with another tag."""
    if member.pk == friend.pk or friend.merged_into_id == member.pk:
        return True
    mine, theirs = (
        (one.first_name.casefold(), one.last_name.casefold(), one.birth_date) for one in (member, friend)
    )
    if all(mine) and mine == theirs:
        return True
    return bool(_addresses(member) & _addresses(friend))


def _addresses(member: Member) -> set[str]:
    """E-mail addresses without what people add to have several of one: `ada+shop@example.org`."""
    values = member.identifiers.filter(kind="email").values_list("value", flat=True)
    return {f"{value.split('@')[0].split('+')[0]}@{value.split('@')[1]}" for value in values}


def settle(program: Program, *, at: datetime) -> int:
    """Decide on those whose friend has bought and kept something for long enough; how many counted."""
    after, total = UUID(int=0), 0
    while page := _due(program, after, at):
        total += _settle(program, [referral_id for referral_id, _ in page], dict(page), at)
        after = page[-1][0]
    return total


_DUE: Final = """
SELECT referral.id, first.occurred_at FROM rewards_referral referral CROSS JOIN LATERAL (
    SELECT occurred_at FROM rewards_activity
    WHERE member_id = referral.friend_id AND kind = 'sale' AND amount > returned_amount AND occurred_at <= $3
    ORDER BY occurred_at LIMIT 1) AS first
WHERE referral.program_id = $1 AND referral.status = 'waiting' AND referral.id > $2
ORDER BY referral.id LIMIT $4"""


def _due(program: Program, after: UUID, at: datetime) -> list[tuple[UUID, datetime]]:
    bought_until = at - timedelta(days=program.referral_days)
    return [(row[0], row[1]) for row in fetch(_DUE, [program.pk, after, bought_until, AT_ONCE])]


@transaction.atomic
def _settle(program: Program, ids: Sequence[UUID], bought: dict[UUID, datetime], at: datetime) -> int:
    """What another worker has in hand is left to it."""
    rows = list(
        Referral.objects.waiting()
        .filter(program=program, pk__in=ids)
        .select_for_update(of=("self",), skip_locked=True)
        .select_related("member", "friend")
        .order_by("pk")
    )
    counted = []
    for row in rows:
        row.member = survivor(row.member)
        row.reason = _refusal(row)
        row.status = ReferralStatus.REFUSED if row.reason else ReferralStatus.QUALIFIED
        row.decided_at = at
        if not row.reason:
            counted.append((row, bought[row.pk] + timedelta(days=program.referral_days)))
    Referral.objects.bulk_update(rows, ["status", "reason", "decided_at"])
    _publish(counted, program, at)
    qualified = [
        occasions.referral_qualified(member_id=row.member.pk, friend=row.friend, occurred_at=moment)
        for row, moment in counted
    ]
    occasions.book(qualified, program=program, at=at)
    return len(counted)


def survivor(member: Member) -> Member:
    """Who has what was theirs, if they were merged into another member."""
    while member.merged_into is not None:
        member = member.merged_into
    return member


def _refusal(row: Referral) -> str:
    if row.member.status != MemberStatus.ACTIVE:
        return "member_inactive"
    return "self_referral" if _is_same_person(row.member, row.friend) else ""


def _publish(counted: Sequence[tuple[Referral, datetime]], program: Program, at: datetime) -> None:
    if not counted:
        return
    store.lock(row.member.pk for row, _ in counted)
    events.publish(
        events.NewEvent(
            type="referral.qualified",
            program_id=program.pk,
            member_id=row.member.pk,
            occurred_at=moment,
            recorded_at=at,
            data={"friend_id": str(row.friend_id), "referral_id": str(row.pk)},
        )
        for row, moment in counted
    )
