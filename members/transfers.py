"""
The journey of a transfer: points from one member to another, with their dates; and its undo.

Both members' wallets are held, in id order, before anything is read: see Note [The lock] in
`members.ledger.store`.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Struct
from msgspec.structs import replace

from loyalty.core import events
from loyalty.core.clock import Moment
from loyalty.core.db import Batch, settled
from loyalty.core.errors import DomainError, InvalidInput
from loyalty.core.ids import new_id
from loyalty.core.models import Program
from members import terms
from members.ledger import operations, store
from members.ledger.chain import Cause
from members.ledger.operations import Change
from members.ledger.plan import Plan
from members.ledger.state import Account, WalletState
from members.ledger.telling import told
from members.models import HouseholdMember, LotSource, MemberStatus, Transfer, TransferScope
from members.references import MemberReference, member_of, merged, reference
from members.terms import WalletTerms

RACES: Final = ("one_wallet_per_member_and_type",)
"""Two who send to a member who has no such wallet yet both make one."""


class TransferNotAllowed(DomainError):
    """The program does not let these points go to that member."""

    code: ClassVar[str] = "transfer_not_allowed"
    title = gettext_lazy("These points cannot be passed on")


class TransferToOneself(DomainError):
    """Sender and recipient are the same member."""

    code: ClassVar[str] = "transfer_to_oneself"
    title = gettext_lazy("Sender and recipient are the same")


class TransferTooSmall(DomainError):
    """Fewer points than the program lets members pass on at once; `minimum` says how many."""

    code: ClassVar[str] = "transfer_below_minimum"
    title = gettext_lazy("Too few points to pass on")


class TransferLimitReached(DomainError):
    """The sender may not pass on so many points this month; `left` says how many still."""

    code: ClassVar[str] = "transfer_limit_reached"
    title = gettext_lazy("The monthly limit is reached")


class AlreadySent(DomainError):
    """This very transfer was made before."""

    code: ClassVar[str] = "transfer_already_made"
    title = gettext_lazy("These points were passed on already")


class Transferred(Struct, frozen=True, kw_only=True):
    """What a partner is told about a transfer. `points` left the sender, `arrived` is what came of them."""

    id: UUID
    sender_id: UUID
    recipient_id: UUID
    wallet_type: str
    points: int
    fee: int
    arrived: int
    balance: int
    sent_at: Moment


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


Also = Callable[[Batch, Transferred], None]
"""Adds rows that must be written in the same statement, such as the stored answer of the call."""


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
    household_id = _check(request, kind, sender.member_id, recipient.member_id)
    sender, recipient = store.with_open_lots(
        [sender, recipient], type_id=kind.id, keeps_due=terms.of(request.program).keeps_due
    )
    move = Move(
        id=request.transfer_id,
        sender=sender.wallet_or_new(kind.id, program_id=request.program.pk),
        recipient=recipient.wallet_or_new(kind.id, program_id=request.program.pk),
        points=request.points,
        fee=0 if household_id else fee_of(request.points, kind),
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


def _check(request: Request, kind: WalletTerms, sender_id: UUID, recipient_id: UUID) -> UUID | None:
    """The household that both are in, if the program's policy allows the transfer."""
    household_id = HouseholdMember.objects.shared_by(sender_id, recipient_id)
    if kind.transfers_to == TransferScope.NOBODY:
        detail = _("{points} cannot be passed on to others.").format(points=kind.name)
        raise TransferNotAllowed(detail, pointer="#/wallet_type")
    if kind.transfers_to == TransferScope.HOUSEHOLD and household_id is None:
        detail = _("{points} can only be passed on within a household.").format(points=kind.name)
        raise TransferNotAllowed(detail, pointer="#/recipient")
    if request.points < kind.transfer_minimum:
        detail = _("At least {minimum} points are passed on at once.").format(minimum=kind.transfer_minimum)
        raise TransferTooSmall(detail, pointer="#/points", minimum=kind.transfer_minimum)
    left = None if household_id else left_this_month(sender_id, kind, program=request.program, at=request.at)
    if left is not None and request.points > left:
        detail = _("The limit is {limit} points a month; {left} are left.")
        raise TransferLimitReached(
            detail.format(limit=kind.transfer_monthly_limit, left=left), pointer="#/points", left=left
        )
    if household_id is None and fee_of(request.points, kind) == request.points:
        raise TransferTooSmall(_("The fee would leave nothing of these points."), pointer="#/points")
    return household_id


def left_this_month(member_id: UUID, kind: WalletTerms, *, program: Program, at: datetime) -> int | None:
    """
    How many points the member may still send in the calendar month of that moment; None without a limit.

    Months are those of the program's time zone. Nobody else sends meanwhile if the member's wallets are held.
    """
    if kind.transfer_monthly_limit is None:
        return None
    local = at.astimezone(ZoneInfo(program.time_zone))
    began = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
    sent = Transfer.objects.filter(sender=member_id, wallet_type=kind.id)
    used = sent.counted(since=began, until=began + relativedelta(months=1)).points_sent()
    return max(kind.transfer_monthly_limit - used, 0)


def fee_of(points: int, kind: WalletTerms) -> int:
    """The part of what is sent that the program keeps, rounded down."""
    return int(points * Decimal(kind.transfer_fee_percent) / 100)


class Move(Struct, frozen=True, kw_only=True):
    """One transfer that was allowed, not made yet; both wallets with their open lots."""

    id: UUID
    sender: WalletState
    recipient: WalletState
    points: int
    fee: int
    household_id: UUID | None


class Writing:
    """What transfers add to a plan: on both sides an entry with its event, and a row that links them."""

    def __init__(self, *, program: Program, kind: WalletTerms, source: str, actor: str, at: datetime) -> None:
        self.program = program
        self.kind = kind
        self.source = source
        self.actor = actor
        self.at = at
        self.rows: list[tuple[object, ...]] = []
        self.events: list[events.NewEvent] = []

    def add(self, move: Move, plan: Plan) -> Transferred:
        """:raises members.ledger.operations.InsufficientPoints: if the sender has too few"""
        out = operations.transfer_out(
            move.sender, points=move.points, fee=move.fee, cause=self._cause(move.id, "out")
        )
        recipient = self._ready(move, plan)
        into = operations.grant(
            living_on(recipient, move.sender, at=self.at),
            grants=operations.passed_on(out, source=LotSource.TRANSFER.value),
            cause=self._cause(move.id, "in"),
            kind="transfer_in",
        )
        plan.apply(out)
        plan.apply(into)
        transferred = self._transferred(move, out)
        self._tell(transferred, out, into)
        self.rows.append(self._row(move, transferred))
        return transferred

    def _ready(self, move: Move, plan: Plan) -> WalletState:
        """The recipient's wallet, without lapsed points that new ones would bring back to life."""
        wallet = move.recipient
        is_over = wallet.lapses_at is not None and wallet.lapses_at <= self.at
        if not is_over or wallet.keeps_due:
            return wallet
        expired = operations.expire(wallet, cause=self._cause(move.id, "expire"))
        if expired is None:
            return wallet
        plan.apply(expired)
        self.events.append(told(expired, wallet_type=self.kind.key))
        return expired.wallet

    def _cause(self, transfer_id: UUID, side: str) -> Cause:
        return Cause(
            key=f"transfer:{transfer_id}:{side}",
            actor=self.actor,
            effective_at=self.at,
            recorded_at=self.at,
        )

    def _transferred(self, move: Move, out: Change) -> Transferred:
        return Transferred(
            id=move.id,
            sender_id=move.sender.member_id,
            recipient_id=move.recipient.member_id,
            wallet_type=self.kind.key,
            points=move.points,
            fee=move.fee,
            arrived=move.points - move.fee,
            balance=out.wallet.available,
            sent_at=self.at,
        )

    def _tell(self, transferred: Transferred, out: Change, into: Change) -> None:
        transfer_id = str(transferred.id)
        self.events += [
            told(
                out,
                wallet_type=self.kind.key,
                transfer_id=transfer_id,
                fee=transferred.fee,
                recipient_id=str(transferred.recipient_id),
            ),
            told(
                into,
                wallet_type=self.kind.key,
                points=transferred.arrived,
                transfer_id=transfer_id,
                sender_id=str(transferred.sender_id),
            ),
        ]

    def _row(self, move: Move, transferred: Transferred) -> tuple[object, ...]:
        return (
            move.id, self.program.pk, move.sender.member_id, move.recipient.member_id, self.kind.id,
            move.household_id, move.points, move.fee, transferred.arrived, self.source, self.actor,
            self.at, "", 0, 0,
        )  # fmt: skip

    def write(self, plan: Plan, *, also: Also | None = None, transferred: Transferred | None = None) -> None:
        batch = Batch()
        store.add_to(batch, plan, program_id=self.program.pk)
        batch.insert(Transfer, _FIELDS, self.rows)
        events.add_to(batch, self.events)
        if also and transferred:
            also(batch, transferred)
        batch.write()


_FIELDS: Final = (
    "id", "program", "sender", "recipient", "wallet_type", "household", "points", "fee", "arrived",
    "source", "actor", "sent_at", "undone_by", "returned", "fee_returned",
)  # fmt: skip


def living_on(wallet: WalletState, source: WalletState, *, at: datetime) -> WalletState:
    """
    The wallet that points of another one come into, if they live as long as their member is active.

    They go by the new owner's activity from now on; who had none yet, or not for too long, starts
    from where the points came from.
    """
    if wallet.lapses_at is not None and wallet.lapses_at > at:
        return wallet
    return replace(wallet, lapses_at=source.lapses_at) if source.lapses_at else wallet


class TransferWasUndone(DomainError):
    """The transfer was undone before."""

    code: ClassVar[str] = "transfer_already_undone"
    title = gettext_lazy("The transfer was undone already")


class NothingIsLeft(DomainError):
    """Of the points that were passed on, the recipient has none any more."""

    code: ClassVar[str] = "nothing_left"
    title = gettext_lazy("Nothing is left of the transfer")


class Undone(Struct, frozen=True, kw_only=True):
    """What came of an undo: `returned` points and `fee` are the sender's again, `kept` are gone."""

    returned: int
    fee: int
    kept: int


def undo(transfer: Transfer, *, actor: str, at: datetime) -> Undone:
    """
    Give back what the recipient still has of a transfer, with the same part of the fee.

    The points go back into the lots that they came from. What has expired meanwhile does so at once.

    :raises TransferWasUndone: if it was undone before
    :raises NothingIsLeft: if the recipient has spent, lost or passed on all of them
    :raises members.references.MemberIsMerged: if the sender was merged into another member
    """
    with transaction.atomic():
        store.lock([transfer.sender_id, transfer.recipient_id])
        present = Transfer.objects.select_related("program", "wallet_type").get(pk=transfer.pk)
        if present.undone_at is not None:
            raise TransferWasUndone
        return _Undo(present, actor=actor, at=at).do()


class _Undo:
    def __init__(self, transfer: Transfer, *, actor: str, at: datetime) -> None:
        self.transfer = transfer
        self.actor = actor
        self.at = at
        self.key = transfer.wallet_type.key
        self.plan = Plan()
        self.events: list[events.NewEvent] = []

    def do(self) -> Undone:
        arrived = self._moved("in", "available")
        gone, kept = self._moved("out", "redeemed"), self._moved("out", "reversed")
        sender, recipient = self._wallets([*arrived, *gone, *kept])
        left = operations.move_out(recipient, lot_ids=arrived, kind="transfer_out", cause=self._cause("in"))
        if left is None:
            raise NothingIsLeft(_("The recipient has spent, lost or passed on all of these points."))
        returned = -left.entry.points
        fees = parts_of(kept, returned * sum(kept.values()) // self.transfer.arrived)
        self._apply(left)
        self._come_home(living_on(sender, recipient, at=self.at), left, fees)
        return self._write(returned, sum(fees.values()))

    def _moved(self, side: str, destination: str) -> dict[UUID, int]:
        cause = f"transfer:{self.transfer.pk}:{side}"
        return store.moved_by(cause, program_id=self.transfer.program_id, destination=destination)

    def _wallets(self, lot_ids: Collection[UUID]) -> tuple[WalletState, WalletState]:
        program = self.transfer.program
        ids = (self.transfer.sender_id, self.transfer.recipient_id)
        loaded = store.load(program.pk, [("id", str(member_id)) for member_id in ids])
        accounts = [account for account in loaded if account is not None]
        if accounts[0].status == MemberStatus.MERGED:
            raise merged(accounts[0].member_id)
        accounts = store.with_lots(accounts, lot_ids, keeps_due=terms.of(program).keeps_due)
        for account in accounts:
            self.plan.read(account)
        sender, recipient = (account.wallet_of(self.transfer.wallet_type_id) for account in accounts)
        assert sender is not None, "the points were in it"
        assert recipient is not None, "the points came into it"
        return sender, recipient

    def _cause(self, side: str) -> Cause:
        return Cause(
            key=f"transfer:{self.transfer.pk}:undo:{side}",
            actor=self.actor,
            reason="undone",
            effective_at=self.at,
            recorded_at=self.at,
        )

    def _apply(self, change: Change) -> None:
        self.plan.apply(change)
        self.events.append(told(change, wallet_type=self.key, transfer_id=str(self.transfer.pk), undone=True))

    def _come_home(self, wallet: WalletState, left: Change, fees: dict[UUID, int]) -> None:
        home = operations.come_home(
            wallet, left=left, fees=fees, kind="transfer_in", cause=self._cause("out")
        )
        self._apply(home)
        if wallet.keeps_due:
            return
        back = {posting.lot_id for posting in home.entry.postings}
        if expired := operations.expire(home.wallet, lot_ids=back, cause=self._cause("expire")):
            self._apply(expired)

    def _write(self, returned: int, fee: int) -> Undone:
        batch = Batch()
        store.add_to(batch, self.plan, program_id=self.transfer.program_id)
        batch.update(
            Transfer,
            ("id", "undone_at", "undone_by", "returned", "fee_returned"),
            [(self.transfer.pk, self.at, self.actor, returned, fee)],
        )
        events.add_to(batch, self.events)
        batch.write()
        return Undone(returned=returned, fee=fee, kept=self.transfer.arrived - returned)


def parts_of(lots: Mapping[UUID, int], points: int) -> dict[UUID, int]:
    """So many points out of those of these lots."""
    parts = {}
    for lot_id, most in lots.items():
        parts[lot_id] = min(most, points)
        points -= parts[lot_id]
    return parts
