"""A transfer: points from one member to another, with their dates."""

from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Struct

from loyalty.core.db import settled
from loyalty.core.errors import DomainError, InvalidInput
from loyalty.core.ids import new_id
from loyalty.core.models import Program
from members import terms
from members.ledger import store
from members.ledger.plan import Plan
from members.ledger.state import Account
from members.models import Transfer
from members.references import MemberReference, member_of, reference
from members.terms import WalletTerms
from members.transfers import rules
from members.transfers.rules import TransferToOneself
from members.transfers.writing import Also, Move, Transferred, Writing

RACES: Final = ("one_wallet_per_member_and_type",)
"""Two who send to a member who has no such wallet yet both make one."""


class AlreadySent(DomainError):
    """This very transfer was made before."""

    code: ClassVar[str] = "transfer_already_made"
    title = gettext_lazy("These points were passed on already")


class Request(Struct, frozen=True, kw_only=True):
    """Who gives whom how many of which points (by their key)."""

    sender: MemberReference
    recipient: MemberReference
    wallet_type: str
    points: int
    program: Program
    source: str
    actor: str
    at: datetime
    transfer_id: UUID


def send(
    *,
    sender: MemberReference,
    recipient: MemberReference,
    wallet_type: str,
    points: int,
    program: Program,
    source: str,
    actor: str,
    at: datetime,
    transfer_id: UUID | None = None,
    also: Also | None = None,
) -> Transferred:
    """
    Pass points on to another member: those that expire first, and each keeps its expiry.

    They are the same points with another owner: they count neither towards tiers nor as earned.
    With a `transfer_id` that a form was given, its second press is refused as `AlreadySent`.

    :raises AlreadySent: if there is a transfer with that id
    :raises InvalidInput: no such kind of points, or none to be sent
    :raises members.references.UnknownMember: if the program has no such sender or recipient
    :raises members.references.MemberIsBlocked: if one of the two is blocked
    :raises members.references.MemberIsMerged: if one of the two was merged into another member
    :raises TransferNotAllowed: if the program's policy for these points forbids it
    :raises TransferToOneself: if both are the same
    :raises TransferTooSmall: below the minimum
    :raises TransferLimitReached: above what the sender may still pass on this month
    :raises members.ledger.operations.InsufficientPoints: if the sender has fewer
    """
    request = Request(
        sender=sender,
        recipient=recipient,
        wallet_type=wallet_type,
        points=points,
        program=program,
        source=source,
        actor=actor,
        at=at,
        transfer_id=transfer_id or new_id(),
    )

    def attempt(_is_locking: bool) -> Transferred:
        with transaction.atomic():
            return _attempt(request, also)

    return settled(attempt, races=RACES)


def _attempt(request: Request, also: Also | None) -> Transferred:
    kind = kind_of_points(request.wallet_type, program=request.program)
    if request.points < 1:
        raise InvalidInput(_("A transfer is of one point or more."), pointer="#/points")
    store.lock(account.member_id for account in _both(request))
    if Transfer.objects.filter(pk=request.transfer_id).exists():
        raise AlreadySent
    sender, recipient = _both(request)
    if sender.member_id == recipient.member_id:
        raise TransferToOneself(pointer="#/recipient")
    household_id = rules.check(
        sender_id=sender.member_id,
        recipient_id=recipient.member_id,
        points=request.points,
        kind=kind,
        program=request.program,
        at=request.at,
    )
    sender, recipient = store.with_open_lots(
        [sender, recipient], type_id=kind.id, keeps_due=terms.of(request.program).keeps_due
    )
    move = Move(
        id=request.transfer_id,
        sender=sender.wallet_or_new(kind.id, program_id=request.program.pk),
        recipient=recipient.wallet_or_new(kind.id, program_id=request.program.pk),
        points=request.points,
        fee=0 if household_id else rules.fee_of(request.points, kind),
        household_id=household_id,
    )
    writing = Writing(
        program=request.program, kind=kind, source=request.source, actor=request.actor, at=request.at
    )
    plan = Plan([sender, recipient])
    transferred = writing.add(move, plan)
    writing.write(plan, also=also, transferred=transferred)
    return transferred


def kind_of_points(key: str, *, program: Program) -> WalletTerms:
    """:raises InvalidInput: if the program has no such kind of points"""
    try:
        return terms.of(program).wallet_types[key]
    except KeyError:
        detail = _("The program has no kind of points “{key}”.").format(key=key)
        raise InvalidInput(detail, pointer="#/wallet_type") from None


def _both(request: Request) -> tuple[Account, Account]:
    asked = (request.sender, request.recipient)
    sender, recipient = store.load(request.program.pk, [reference(member) for member in asked])
    return (
        member_of(sender, request.sender, pointer="#/sender"),
        member_of(recipient, request.recipient, pointer="#/recipient"),
    )
