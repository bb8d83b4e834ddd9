"""Changes of what is known about a member."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from loyalty.core.errors import InvalidInput
from loyalty.core.models import Event
from members import attributes, enrolment, references
from members.ledger import store
from members.models import Identifier, Member

CHANGEABLE: Final = ("first_name", "last_name", "birth_date", "attributes")
Agree = Callable[[Member], None]


def hold(member: Member) -> Member:
    """
    The member as they are now, who stays so until the transaction ends.

    The member's row before the wallets, as merges and first sales take them. The row is locked against
    changes, not against being pointed at: sales do not wait for it.
    """
    present = Member.objects.select_for_update(no_key=True).get(pk=member.pk)
    store.lock([member.pk])
    present.program = member.program
    return present


def hold_all(member_ids: Collection[UUID]) -> None:
    """
    Hold members and what they have.

    The members first, as those do who change one's details or status; sales do not wait for that.
    """
    list(Member.objects.select_for_update(no_key=True).filter(pk__in=member_ids).order_by("pk").values("pk"))
    store.lock(member_ids)


def change(
    member: Member, *, given: Mapping[str, Any], actor: str, at: datetime, agree: Agree | None = None
) -> Member:
    """
    Change what is given of a member's `CHANGEABLE` fields; the rest stays.

    Of attributes, too, only those that are given change; one that is given as None goes. What is
    known already changes nothing, and nobody is told.

    :param agree: sees the member as they are, held, and may refuse
    :raises members.references.MemberIsMerged: if the member was merged into another one
    :raises members.references.MemberIsErased: if the member was erased
    :raises InvalidInput: if a birth date cannot be, or an attribute is not as the program declared it
    """
    with transaction.atomic():
        present = hold(member)
        references.check_alive(present)
        if agree is not None:
            agree(present)
        wanted = _wanted(present, given, at=at)
        changed = [name for name, value in wanted.items() if getattr(present, name) != value]
        if not changed:
            return present
        filled = [name for name in changed if not getattr(present, name)]
        for name in changed:
            setattr(present, name, wanted[name])
        present.save(update_fields=changed)
        tell_changed(present, fields=changed, filled=filled, actor=actor, at=at)
    return present


def _wanted(present: Member, given: Mapping[str, Any], *, at: datetime) -> dict[str, Any]:
    wanted = {name: given[name] for name in CHANGEABLE if name in given}
    _check_birth_date(wanted.get("birth_date"), present, at=at)
    if told := wanted.get("attributes"):
        kinds = attributes.declared(present.program)
        merged = {**present.attributes, **told}
        wanted["attributes"] = {name: value for name, value in merged.items() if value is not None}
        # What was told before the program declared it is in nobody's way.
        wrong = attributes.misfit(told, kinds) or attributes.misfit(wanted["attributes"], {})
        if wrong is not None:
            raise wrong
    elif "attributes" in wanted:
        del wanted["attributes"]
    return wanted


def _check_birth_date(born: date | None, member: Member, *, at: datetime) -> None:
    if born is not None and (detail := enrolment.wrong_birth_date(born, program=member.program, at=at)):
        raise InvalidInput(detail, pointer="#/birth_date")


def tell_changed(
    member: Member,
    *,
    fields: Iterable[str],
    actor: str,
    at: datetime,
    filled: Iterable[str] = (),
    added: Sequence[Identifier] = (),
    removed: Sequence[Identifier] = (),
) -> None:
    """
    Publish that details of the member changed, in the transaction that changes them.

    `filled` are the fields of which nothing was known before, `added` the identifiers that are new,
    `removed` those that are gone. The event names the fields and not their contents: events are kept
    for good, people can be forgotten. Holding the wallets keeps the member's events in the order in
    which they happened.
    """
    store.lock([member.pk])
    tell(
        member,
        "member.updated",
        actor=actor,
        at=at,
        fields=sorted(set(fields)),
        filled=sorted(set(filled)),
        identifiers_added=[{"id": str(one.pk), "kind": one.kind} for one in added],
        identifiers_removed=[{"id": str(one.pk), "kind": one.kind} for one in removed],
    )


def tell(member: Member, event_type: str, *, actor: str, at: datetime, **data: Any) -> None:
    """Publish something about a member whose wallets are held; no personal data."""
    Event.objects.create(
        program=member.program,
        member_id=member.pk,
        type=event_type,
        data={**data, "actor": actor},
        occurred_at=at,
    )
