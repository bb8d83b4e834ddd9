"""Points as a means of payment: reserved at a checkout, then settled or released; load, decide, write."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _
from msgspec import Struct
from msgspec.structs import replace

from loyalty.core import events
from loyalty.core.db import Batch, fetch, settled
from loyalty.core.errors import DomainError
from loyalty.core.models import Program
from members import households, paying, pooling, terms, transfers
from members.ledger import operations, reservations, store, telling
from members.ledger.operations import InsufficientPoints
from members.ledger.plan import Plan
from members.ledger.renewal import renewing
from members.ledger.reservations import Found, HoldState
from members.ledger.state import Account, WalletState
from members.models import Hold, HoldStatus, MemberStatus
from members.paying import Context, Decision, MoreThanHeld, Payment
from members.references import MemberIsBlocked, MemberReference, member_of, reference
from members.terms import WalletTerms
from members.transfers import Transferred

DEFAULT_LIFE: Final = timedelta(minutes=15)
LONGEST_LIFE: Final = timedelta(days=7)
CHUNK: Final = 200
"""Members whose overdue holds are ended at a time."""


class UnknownWalletType(DomainError):
    """The program has no such kind of points."""

    code: ClassVar[str] = "unknown_wallet_type"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "No such kind of points"


class PointsNotSpendable(DomainError):
    """Points of this kind only count, towards a tier for example; they cannot be spent."""

    code: ClassVar[str] = "points_not_spendable"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "These points cannot be spent"


class UnknownHold(DomainError):
    """The program has no hold with that id."""

    code: ClassVar[str] = "unknown_hold"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "No such hold"


class Held(Struct, frozen=True, kw_only=True):
    """
    What a partner is told of a hold.

    `available` are the points that the member can spend now, `brought` those of the hold that others of
    the household added.
    """

    hold: HoldState
    wallet_type: str
    available: int
    brought: int


Also = Callable[[Batch, Held], None]
"""Adds rows that must be written in the same statement, such as the stored answer of the call."""


def place(
    *,
    member: MemberReference,
    wallet_type: str,
    points: int,
    lives_for: timedelta = DEFAULT_LIFE,
    kept_for: str = "",
    from_household: bool = False,
    program: Program,
    source: str,
    actor: str,
    at: datetime,
    also: Also | None = None,
) -> Held:
    """
    Reserve points of a kind (by its key), first-expiring first, for some time.

    `kept_for` names what the hold is a part of, as redemption:<id>. Only who names it too can end
    such a hold, and has to: it is not ended by `expire_overdue()`. With `from_household`, what the member
    lacks comes from the others of the household who share theirs: see Note [Brought points] in
    `members.pooling`.

    :raises UnknownMember: if no member of the program has that identifier
    :raises MemberIsBlocked: if the member may not spend
    :raises UnknownWalletType: if the program has no such kind of points
    :raises PointsNotSpendable: if points of that kind cannot be spent
    :raises members.ledger.operations.InsufficientPoints: if fewer are available
    :raises members.transfers.TransferNotAllowed: if the household may not share these points
    """
    assert timedelta(0) < lives_for <= LONGEST_LIFE, "a hold lives for up to a week"
    context = Context(program=program, source=source, actor=actor, at=at)

    def decide(wallet: WalletState, kind: WalletTerms) -> Decision:
        hold = replace(paying.new_hold(wallet, points, context, lives_for), kept_for=kept_for)
        change = operations.hold(wallet, points=points, cause=paying.cause_of(hold, "hold", context))
        told = telling.told(
            change,
            wallet_type=kind.key,
            points=points,
            hold_id=str(hold.id),
            expires_at=hold.expires_at.isoformat(),
        )
        return Decision(hold=hold, changes=(change,), events=(told,))

    if from_household:
        return _begin_together(member, wallet_type, points, context, decide, also)
    return _begin(member, wallet_type, context, decide, also)


def spend(
    *,
    member: MemberReference,
    wallet_type: str,
    points: int,
    sale_external_id: str = "",
    lines: Mapping[str, int] | None = None,
    from_household: bool = False,
    program: Program,
    source: str,
    actor: str,
    at: datetime,
    also: Also | None = None,
) -> Held:
    """
    Pay with points at once: what a hold is that is settled as a whole in the moment of its placing.

    :raises InvalidInput: if the lines do not add up, or no sale is named for them
    :raises UnknownMember: and the other refusals of `place()`
    """
    context = Context(program=program, source=source, actor=actor, at=at)
    payment = Payment(points=points, sale_external_id=sale_external_id, lines=dict(lines or {}))
    paying.check(payment)

    def decide(wallet: WalletState, kind: WalletTerms) -> Decision:
        hold = paying.new_hold(wallet, points, context, DEFAULT_LIFE)
        cause = paying.cause_of(hold, "settle", context, reason=paying.reason_of(payment))
        spent = operations.spend(wallet, points=points, cause=cause)
        change = renewing(spent, terms.of(program), at)
        hold = paying.closed(hold, HoldStatus.SETTLED, payment, context)
        return Decision(hold=hold, changes=(change,), events=(paying.event_of(change, hold, kind.key),))

    if from_household:
        return _begin_together(member, wallet_type, points, context, decide, also)
    return _begin(member, wallet_type, context, decide, also)


def settle(
    hold_id: UUID,
    *,
    points: int | None = None,
    sale_external_id: str = "",
    lines: Mapping[str, int] | None = None,
    kept_for: str = "",
    program: Program,
    source: str,
    actor: str,
    at: datetime,
    also: Also | None = None,
) -> Held:
    """
    Spend held points, all of them if not said otherwise; the rest is released.

    What is left of points that others of the household added goes back to them.

    A repeat is answered with the hold as it was settled.

    :raises UnknownHold: if the program has no such hold
    :raises HoldIsKept: if it is kept for something else
    :raises HoldIsClosed: if it has ended in another way, or its time is over
    :raises MoreThanHeld: if there are fewer points in it
    :raises InvalidInput: if the lines do not add up, or no sale is named for them
    :raises MemberIsBlocked: if the member may not spend
    """
    context = Context(program=program, source=source, actor=actor, at=at)

    def decide(found: Found) -> Decision | None:
        paying.must_be_kept_for(found.hold, kept_for)
        wanted = found.hold.points if points is None else points
        payment = Payment(points=wanted, sale_external_id=sale_external_id, lines=dict(lines or {}))
        paying.check(payment)
        if paying.is_settled_so(found.hold, payment, source):
            return None
        paying.must_be_open(found.hold, at)
        if found.account.status in (MemberStatus.BLOCKED, MemberStatus.ERASED):
            raise MemberIsBlocked("The member is blocked: no points are earned or spent.")
        if wanted > found.hold.points:
            detail = f"The hold has {found.hold.points} points, not {wanted}."
            raise MoreThanHeld(detail, pointer="#/points", held=found.hold.points)
        return paying.end(
            found, paying.closed(found.hold, HoldStatus.SETTLED, payment, context), payment, context
        )

    return _close(hold_id, context, decide, also)


def release(
    hold_id: UUID,
    *,
    kept_for: str = "",
    program: Program,
    source: str,
    actor: str,
    at: datetime,
    also: Also | None = None,
) -> Held:
    """
    Give held points free again. What has expired meanwhile expires at once.

    What others of the household added goes back to them.

    A hold whose points are free already, because it was released or has expired, is left as it is.

    :raises UnknownHold: if the program has no such hold
    :raises HoldIsKept: if it is kept for something else
    :raises HoldIsClosed: if it was settled
    """
    context = Context(program=program, source=source, actor=actor, at=at)

    def decide(found: Found) -> Decision | None:
        paying.must_be_kept_for(found.hold, kept_for)
        if found.hold.status in (HoldStatus.RELEASED, HoldStatus.EXPIRED):
            return None
        if found.hold.status == HoldStatus.SETTLED:
            raise paying.ended(found.hold, "settled")
        how = HoldStatus.EXPIRED if found.hold.is_overdue(at) else HoldStatus.RELEASED
        return paying.end(found, paying.closed(found.hold, how, None, context), None, context)

    return _close(hold_id, context, decide, also)


def prolong(hold_id: UUID, *, expires_at: datetime, kept_for: str, program: Program, at: datetime) -> None:
    """
    Keep an open hold until then. It ends with what it is kept for, so no job can come in between.

    :raises UnknownHold: if the program has no such hold that is kept for that
    :raises HoldIsClosed: if it has ended, or its time is over
    """
    assert connection.in_atomic_block, "what a hold is kept for is locked by its owner"
    rows = Hold.objects.of(program).open().filter(pk=hold_id, kept_for=kept_for)
    if not rows.filter(expires_at__gt=at).update(expires_at=expires_at):
        found = _find_hold(hold_id, program).hold
        paying.must_be_kept_for(found, kept_for)
        raise paying.ended(found, "expired" if found.is_overdue(at) else found.status)


def expire_overdue(program: Program, *, at: datetime) -> Iterator[int]:
    """
    Give the points of overdue holds free, a chunk of members at a time: how many holds each ended.

    Each chunk is one commit. A run that was broken off goes on where it stopped when it is run again.
    """
    context = Context(program=program, source="", actor="system:holds", at=at)
    while member_ids := reservations.who_is_overdue(program, at=at, limit=CHUNK):
        with transaction.atomic():
            store.lock(pooling.with_givers(member_ids))
            ended = _expire(member_ids, context)
        yield ended


_FIND_MEMBER: Final = f"""
SELECT {store.ACCOUNT_COLUMNS}, {store.open_lots_column("wallet.id")}
FROM (VALUES ($2::text, $3::text)) AS asked(kind, value)
{store.ACCOUNT_JOINS}
LEFT JOIN members_wallet wallet ON wallet.member_id = member.id AND wallet.type_id = $4"""


def _begin(
    member: MemberReference,
    wallet_type: str,
    context: Context,
    decide: Callable[[WalletState, WalletTerms], Decision],
    also: Also | None,
) -> Held:
    kind = _spendable(context.program, wallet_type)

    def attempt(is_locking: bool) -> Held:
        account = _find_member(member, kind, context.program)
        if is_locking:
            store.lock([account.member_id])
            account = _find_member(member, kind, context.program)
        wallet = account.wallet_of(kind.id)
        if wallet is None:
            raise InsufficientPoints(_("The wallet has no points yet."), available=0)
        return _write(account, decide(wallet, kind), also, is_new=True)

    return settled(attempt, races=())


def _begin_together(
    member: MemberReference,
    wallet_type: str,
    points: int,
    context: Context,
    decide: Callable[[WalletState, WalletTerms], Decision],
    also: Also | None,
) -> Held:
    """In one commit, so that what is brought together and not held after all stays where it was."""
    kind = _spendable(context.program, wallet_type)

    def attempt(_is_locking: bool) -> Held:
        with transaction.atomic():
            account = _find_member(member, kind, context.program)
            brought = households.draw(
                member_id=account.member_id,
                kind=kind,
                points=points,
                program=context.program,
                source=context.source,
                actor=context.actor,
                at=context.at,
            )
            account = _find_member(member, kind, context.program)
            wallet = account.wallet_of(kind.id)
            assert wallet is not None, "who has too few was refused, and others' points make a wallet"
            return _write(account, decide(wallet, kind), also, is_new=True, brought=brought)

    return settled(attempt, races=transfers.RACES)


def _spendable(program: Program, key: str) -> WalletTerms:
    kind = terms.of(program).wallet_types.get(key)
    if kind is None:
        detail = _("The program has no kind of points “{key}”.").format(key=key)
        raise UnknownWalletType(detail, pointer="#/wallet_type")
    if not kind.is_spendable:
        detail = _("“{key}” cannot be spent.").format(key=key)
        raise PointsNotSpendable(detail, pointer="#/wallet_type")
    return kind


def _find_member(member: MemberReference, kind: WalletTerms, program: Program) -> Account:
    (row,) = fetch(_FIND_MEMBER, [program.pk, *reference(member), kind.id])
    *columns, lots = row
    account = member_of(store.read_account(program.pk, columns), member)
    return store.filled(account, kind.id, lots, keeps_due=terms.of(program).keeps_due)


def _close(
    hold_id: UUID, context: Context, decide: Callable[[Found], Decision | None], also: Also | None
) -> Held:
    def attempt(is_locking: bool) -> Held:
        found = _find_hold(hold_id, context.program)
        if is_locking:
            store.lock([found.hold.member_id])
            found = _find_hold(hold_id, context.program)
        decision = decide(found)
        if decision is None:
            return _as_it_is(found, context.program)
        if found.brought and decision.hold.settled < decision.hold.points:
            return _close_and_send_back(found.hold, context, decide, also)
        return _write(found.account, decision, also, is_new=False, added=found.brought)

    return settled(attempt, races=())


def _close_and_send_back(
    hold: HoldState, context: Context, decide: Callable[[Found], Decision | None], also: Also | None
) -> Held:
    """As decided, under the locks of all whose points move; what others had added and is free goes back."""
    with transaction.atomic():
        store.lock(pooling.with_givers([hold.member_id]))
        found = _find_hold(hold.id, context.program)
        if (decision := decide(found)) is None:
            return _as_it_is(found, context.program)
        _write(found.account, decision, None, is_new=False)
        pooling.send_back(hold.id, actor=context.actor, at=context.at)
        held = find(hold.id, program=context.program)
        if also:
            batch = Batch()
            also(batch, held)
            batch.write()
        return held


def find(hold_id: UUID, *, program: Program) -> Held:
    """
    A hold of the program, open or closed.

    :raises UnknownHold: if there is none
    """
    return _as_it_is(_find_hold(hold_id, program), program)


def _as_it_is(found: Found, program: Program) -> Held:
    key = terms.of(program).of_type(found.wallet.type_id).key
    return Held(hold=found.hold, wallet_type=key, available=found.wallet.available, brought=found.brought)


def _find_hold(hold_id: UUID, program: Program) -> Found:
    found = reservations.find(hold_id, program=program)
    if found is None:
        raise UnknownHold(_("There is no hold {hold_id}.").format(hold_id=hold_id))
    return found


def _write(
    account: Account,
    decision: Decision,
    also: Also | None,
    *,
    is_new: bool,
    brought: Sequence[Transferred] = (),
    added: int = 0,
) -> Held:
    """`brought` is new, `added` so many points that were brought when the hold was placed."""
    hold, wallet = decision.hold, decision.changes[-1].wallet
    plan, batch = Plan([account]), Batch()
    for change in decision.changes:
        plan.apply(change)
    store.add_to(batch, plan, program_id=hold.program_id)
    if is_new:
        reservations.add_new(batch, hold)
    else:
        reservations.add_closed(batch, [hold])
    if brought:
        pooling.add_to(batch, hold.id, brought, program_id=hold.program_id)
    events.add_to(batch, decision.events)
    held = Held(
        hold=hold,
        wallet_type=decision.events[0].data["wallet_type"],
        available=wallet.available,
        brought=added + sum(one.arrived for one in brought),
    )
    if also:
        also(batch, held)
    batch.write()
    return held


def _expire(member_ids: list[UUID], context: Context) -> int:
    program = context.program
    loaded = store.load(program.pk, [("id", str(member_id)) for member_id in member_ids])
    accounts = store.with_open_lots(
        [account for account in loaded if account], keeps_due=terms.of(program).keeps_due
    )
    owners = {account.member_id: account for account in accounts}
    wallets = {wallet.id: wallet for account in accounts for wallet in account.wallets}
    plan, batch, decisions, shared = Plan(accounts), Batch(), list[Decision](), list[UUID]()
    for hold, held, brought in reservations.find_overdue(accounts, program=program, at=context.at):
        found = Found(
            hold=hold,
            account=owners[hold.member_id],
            wallet=wallets[hold.wallet_id],
            held=held,
            brought=brought,
        )
        shared += [hold.id] if brought else []
        decision = paying.end(found, paying.closed(hold, HoldStatus.EXPIRED, None, context), None, context)
        wallets[hold.wallet_id] = decision.changes[-1].wallet
        decisions.append(decision)
        for change in decision.changes:
            plan.apply(change)
    store.add_to(batch, plan, program_id=program.pk)
    reservations.add_closed(batch, [decision.hold for decision in decisions])
    events.add_to(batch, [told for decision in decisions for told in decision.events])
    batch.write()
    for hold_id in shared:
        pooling.send_back(hold_id, actor=context.actor, at=context.at)
    return len(decisions)
