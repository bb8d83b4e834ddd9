"""
People are forgotten when they ask for it, and the books stay.

Note [Forgetting]
~~~~~~~~~~~~~~~~~
The ledger, the event log and the audit tables hold no personal data, so that they can be kept as they
are. What holds some is emptied or deleted here, for the member and for all records that were merged
into theirs: names, birth date, attributes and identifiers; notes on adjustments, blocks and approvals;
the evidence of consents; what forms and notes of the admin say; answers that are kept for repeated
calls. Apps above forget what they know by a `Keeper`.

It happens in one commit and cannot be undone. Points that are left are nobody's, and expire.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import transaction

from loyalty.core import audit, events
from loyalty.core.db import Batch, Moved, fetch, settled
from loyalty.core.models import Program
from members import comparing, details, holds, households, merging, pooling, references, segments, terms
from members.ledger import operations, store
from members.ledger.chain import Cause
from members.ledger.operations import Change
from members.ledger.plan import Plan
from members.ledger.state import WalletState
from members.ledger.telling import told
from members.models import Hold, Household, HouseholdMember, Member, MemberStatus

ERASED: Final = "member erased"


class Keeper(NamedTuple):
    """What an app above keeps about people, by the ids of one person's records."""

    tell: Callable[[Sequence[UUID]], dict[str, list[Any]]]
    """All of it, by name; see `members.dossier`."""
    forget: Callable[[Sequence[UUID]], None]
    """Empties what is personal; called in the transaction of the erasure."""


keepers: Final[list[Keeper]] = []


def erase(member: Member, *, actor: str, at: datetime) -> Member:
    """
    Forget who a member is, for good. See Note [Forgetting].

    :raises members.references.MemberIsErased: if they were erased before
    :raises members.references.MemberIsMerged: if the record went into another one: erase that
    """

    def attempt(_is_locking: bool) -> Member:
        with transaction.atomic():
            ids = records(member)
            details.hold_all(pooling.with_givers(ids))
            present = details.hold(member)
            if records(member) != ids:
                raise Moved
            references.check_alive(present)
            _erase(present, ids, actor=actor, at=at)
            return present

    return settled(attempt, races=())


def records(member: Member) -> list[UUID]:
    """The ids of a person's records: the member's own, and those that were merged into it."""
    found = Member.objects.filter(pk__in=comparing.one_person(member))
    return sorted(found.values_list("pk", flat=True))


def _erase(member: Member, ids: list[UUID], *, actor: str, at: datetime) -> None:
    _give_up_points(member.program, ids, actor=actor, at=at)
    _leave_household(member, actor=actor, at=at)
    segments.forget(member.program, ids, at=at)
    names = {str(one) for one in Member.objects.filter(pk__in=ids) if one.first_name and one.last_name}
    audit.forget(Member, ids, names=sorted(names))
    for statement in _FORGET:
        fetch(statement, [ids])
    for keeper in keepers:
        keeper.forget(ids)
    Member.objects.filter(pk=member.pk).update(status=MemberStatus.ERASED)
    member.refresh_from_db()
    details.tell(member, "member.erased", actor=actor, at=at, record_ids=[str(one) for one in ids])


def _give_up_points(program: Program, ids: Collection[UUID], *, actor: str, at: datetime) -> None:
    # What they were kept for finds them free when its own time is over.
    for hold in Hold.objects.open().filter(member__in=ids).order_by("pk"):
        holds.release(hold.pk, kept_for=hold.kept_for, program=program, source="", actor=actor, at=at)
    accounts = merging.loaded(program, ids)
    plan = Plan(accounts)
    changes = [
        change
        for account in accounts
        for wallet in account.wallets
        for change in _emptied(wallet, actor=actor, at=at)
    ]
    for change in changes:
        plan.apply(change)
    batch = Batch()
    store.add_to(batch, plan, program_id=program.pk)
    known = terms.of(program)
    events.add_to(batch, [_told(change, known.of_type(change.wallet.type_id).key) for change in changes])
    batch.write()


def _emptied(wallet: WalletState, *, actor: str, at: datetime) -> list[Change]:
    """What is pending will not come, and what is available is over."""
    changes: list[Change] = []
    pending = [lot.id for lot in wallet.lots if lot.pending]
    if pending:
        cause = _cause(wallet, "pending", actor=actor, at=at)
        changes.append(operations.cancel_pending(wallet, lot_ids=pending, cause=cause))
        wallet = changes[-1].wallet
    if over := operations.forfeit(wallet, cause=_cause(wallet, "available", actor=actor, at=at)):
        changes.append(over)
    return changes


def _cause(wallet: WalletState, what: str, *, actor: str, at: datetime) -> Cause:
    key = f"erase:{wallet.id}:{what}"
    return Cause(key=key, actor=actor, reason=ERASED, effective_at=at, recorded_at=at)


def _told(change: Change, wallet_type: str) -> events.NewEvent:
    moved = sum(posting.points for posting in change.entry.postings)
    return told(change, wallet_type=wallet_type, points=moved)


def _leave_household(member: Member, *, actor: str, at: datetime) -> None:
    place = HouseholdMember.objects.filter(member=member).first()
    if place is None:
        return
    households.leave(member, actor=actor, at=at)
    # Whoever was the last there has often given it the family's name.
    Household.objects.filter(pk=place.household_id, dissolved_at__isnull=False).update(name="")


_FORGET: Final = (
    "DELETE FROM members_identifier WHERE member_id = ANY($1)",
    "DELETE FROM members_consentevidence AS evidence USING members_consent AS consent"
    " WHERE evidence.consent_id = consent.id AND consent.member_id = ANY($1)",
    "UPDATE members_block SET note = '', lift_note = ''"
    " WHERE member_id = ANY($1) AND (note <> '' OR lift_note <> '')",
    "UPDATE members_adjustment SET note = '' WHERE member_id = ANY($1) AND note <> ''",
    "UPDATE core_approval SET note = '', decision_note = ''"
    " WHERE subject_id = ANY($1) AND (note <> '' OR decision_note <> '')",
    "UPDATE members_merge SET left_behind = '[]'"
    " WHERE (survivor_id = ANY($1) OR duplicate_id = ANY($1)) AND left_behind <> '[]'",
    # What is repeated is answered as it would be read now; it must not make the person anew.
    """UPDATE core_idempotencyrecord SET body = body
    || '{"status": "erased", "identifiers": [], "first_name": "", "last_name": "", "birth_date": null}'
    || '{"attributes": {}}'
    WHERE body ? 'identifiers' AND body ->> 'id' = ANY($1::uuid[]::text[])""",
    """UPDATE core_idempotencyrecord SET body = body
    || CASE WHEN body ? 'value' THEN '{"value": ""}' ELSE '{"evidence": {}}' END::jsonb
    WHERE body ?| ARRAY['value', 'evidence'] AND body ->> 'member_id' = ANY($1::uuid[]::text[])""",
    "UPDATE members_member SET first_name = '', last_name = '', birth_date = NULL, attributes = '{}'"
    " WHERE id = ANY($1)",
)
