"""
The journey of a return: take back from the recorded grant what the returned part of it gave.

Nothing is evaluated again: today's campaigns have no say in yesterday's sale. Of each lot that the
sale gave, the same share goes back as of the sale's amount, counted over all of its returns
together, so that several partial returns end exactly at the whole.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db import IntegrityError
from msgspec import Struct
from msgspec.structs import replace

from loyalty.core import events
from loyalty.core.db import Batch, fetch, settled, violated
from loyalty.core.errors import DomainError, InvalidInput
from loyalty.core.ids import new_id
from loyalty.core.models import Program
from members import terms
from members.ledger import operations, store
from members.ledger.chain import Cause
from members.ledger.operations import Change, Reversal, TakeBack
from members.ledger.plan import Plan
from members.ledger.state import Account, WalletState
from members.terms import Terms
from members.tiers import climbed
from rewards.activities import Return
from rewards.awarding import outcome
from rewards.earning import (
    CLOCKS_MAY_DIFFER_BY,
    RACES,
    AlreadyReported,
    Recorded,
    check_currency,
    read_recorded,
)
from rewards.models import Activity as ActivityRow


class UnknownSale(DomainError):
    """This partner has reported no sale with that external id."""

    code: ClassVar[str] = "unknown_sale"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "No such sale"


class ReturnedTooMuch(DomainError):
    """The returns of a sale cannot be worth more than the sale."""

    code: ClassVar[str] = "returned_too_much"
    title: ClassVar[str] = "More was returned than was sold"


class SoldThen(Struct, frozen=True):
    """The sale that a return is about; the fields are columns, in this order."""

    id: UUID
    amount: Decimal
    returned_amount: Decimal
    occurred_at: datetime
    return_count: int


class _Request(Struct, frozen=True, kw_only=True):
    returned: Return
    program: Program
    terms: Terms
    source: str
    actor: str
    at: datetime


Also = Callable[[Batch, Recorded], None]

_DONE: Final = (
    "done.id, done.kind, done.external_id, done.member_id, done.occurred_at, done.recorded_at, done.points,"
    " done.awards::text, done.outcome::text, done.fingerprint"
)
_FIND: Final = f"""
SELECT {_DONE}, sale.id, sale.amount, sale.returned_amount, sale.occurred_at,
       (SELECT count(*) FROM rewards_activity other WHERE other.original_id = sale.id),
       {store.ACCOUNT_COLUMNS}
FROM (VALUES ($3::text, $4::text)) AS asked(sale_external_id, external_id)
LEFT JOIN rewards_activity sale ON sale.program_id = $1 AND sale.source = $2
     AND sale.external_id = asked.sale_external_id AND sale.kind = 'sale'
LEFT JOIN members_member member ON member.id = sale.member_id
LEFT JOIN rewards_activity done ON done.program_id = $1 AND done.source = $2
     AND done.external_id = asked.external_id AND done.kind = 'return'"""


def record(
    returned: Return, *, program: Program, source: str, actor: str, at: datetime, also: Also | None = None
) -> Recorded:
    """
    Book a return, once. Without an amount, all that is left of the sale comes back.

    What the member has spent of them meanwhile comes from the other points; what those do not cover
    is written off (`within_balance`), and the entry says how many.

    :raises UnknownSale: if this partner reported no such sale
    :raises ReturnedTooMuch: if the returns of the sale would exceed it
    :raises InvalidInput: wrong currency, a time in the future or before the sale
    :raises AlreadyReported: if the external id was reported before with other content
    """
    request = _Request(
        returned=returned, program=program, terms=terms.of(program), source=source, actor=actor, at=at
    )

    def attempt(is_locking: bool) -> Recorded:
        return _attempt(request, also, is_locking=is_locking)

    return settled(attempt, races=RACES)


def _attempt(request: _Request, also: Also | None, *, is_locking: bool) -> Recorded:
    done, sale, account = _find(request)
    if is_locking and account:
        store.lock([account.member_id])
        done, sale, account = _find(request)
    if done:
        return done
    if sale is None or account is None:
        raise UnknownSale(
            f"You reported no sale “{request.returned.sale_external_id}”.", pointer="#/sale_external_id"
        )
    amount = check(request.returned, sale, program=request.program, at=request.at)
    (account,) = store.with_lots_of([account], sale.id, keeps_due=request.terms.keeps_due)
    return _Step(request, sale, account, amount).write(also)


def _find(request: _Request) -> tuple[Recorded | None, SoldThen | None, Account | None]:
    returned = request.returned
    (row,) = fetch(
        _FIND, [request.program.pk, request.source, returned.sale_external_id, returned.external_id]
    )
    done, sale, account = row[:10], row[10:15], row[15:]
    if done[0] is not None:
        if done[9] != returned.fingerprint:
            raise AlreadyReported(
                f"“{returned.external_id}” was reported before, with other content.", pointer="#/external_id"
            )
        return read_recorded(done[:9]), None, None
    if sale[0] is None:
        return None, None, None
    return None, SoldThen(*sale), store.read_account(request.program.pk, account)


def check(returned: Return, sale: SoldThen, *, program: Program, at: datetime) -> Decimal:
    """
    The amount that comes back, if it can.

    :raises InvalidInput: wrong currency, a time in the future or before the sale
    :raises ReturnedTooMuch: if the returns of the sale would exceed it
    """
    if returned.occurred_at > at + CLOCKS_MAY_DIFFER_BY:
        raise InvalidInput("This cannot have happened yet.", pointer="#/occurred_at")
    if returned.occurred_at < sale.occurred_at:
        raise InvalidInput("Nothing comes back before it was sold.", pointer="#/occurred_at")
    left = sale.amount - sale.returned_amount
    if returned.amount is None:
        amount = left
    else:
        check_currency(returned.amount, program, "#/amount/currency")
        amount = returned.amount.value
    if amount == 0 and left > 0:
        raise InvalidInput("A return is of more than nothing.", pointer="#/amount/amount")
    # What cost nothing comes back whole, and once.
    if amount > left or (left == 0 and sale.return_count):
        raise _too_much(left, program)
    return amount


def _too_much(left: Decimal, program: Program) -> ReturnedTooMuch:
    return ReturnedTooMuch(f"Of this sale {left} {program.currency} can still come back.", pointer="#/amount")


def share_of(points: int, sale: SoldThen, amount: Decimal) -> TakeBack:
    """
    How many of a lot's points go back once that amount has come back, and how many did before.

    Rounded down over all returns together: the last one takes what the earlier roundings left.
    """
    if sale.amount == 0:
        return TakeBack(total=points, before=0)
    sold, before = _cents(sale.amount), _cents(sale.returned_amount)
    return TakeBack(total=points * (before + _cents(amount)) // sold, before=points * before // sold)


def _cents(amount: Decimal) -> int:
    return int(amount.scaleb(2))


class _Step:
    """What one return changes, gathered and written."""

    def __init__(self, request: _Request, sale: SoldThen, account: Account, amount: Decimal) -> None:
        self.request = request
        self.sale = sale
        self.amount = amount
        self.activity_id = new_id()
        self.plan = Plan([account])
        self.account = account
        self.events: list[events.NewEvent] = []
        self.taken: list[dict[str, Any]] = []

    def write(self, also: Also | None) -> Recorded:
        for wallet in self.account.wallets:
            self._take_back(wallet)
        if not self.plan.wallets and self.account.wallets:
            # Two returns of one sale must see each other even where no points move.
            self.plan.touch(self.account.wallets[0])
        recorded = self._recorded()
        batch = Batch()
        store.add_to(batch, self.plan, program_id=self.request.program.pk)
        batch.insert(ActivityRow, _ROW_FIELDS, [self._row(recorded)])
        # Added, not set: the constraint then holds even where no wallet keeps two returns apart.
        batch.add(ActivityRow, ("id", "returned_amount"), [(self.sale.id, self.amount)])
        events.add_to(batch, self.events)
        if also:
            also(batch, recorded)
        try:
            batch.write()
        except IntegrityError as error:
            if violated(error) == "no_more_is_returned_than_was_sold":
                raise _too_much(self.sale.amount - self.sale.returned_amount, self.request.program) from error
            raise
        return recorded

    def _take_back(self, wallet: WalletState) -> None:
        given = (lot for lot in wallet.lots if lot.activity_id == self.sale.id)
        shares = {lot.id: share_of(lot.points, self.sale, self.amount) for lot in given}
        reversal = operations.reverse(
            wallet,
            shares=shares,
            cause=self._cause(wallet),
            policy=self.request.terms.of_type(wallet.type_id).return_policy,
        )
        if shares:
            self._note(wallet, reversal)
        if reversal.change:
            self.plan.apply(reversal.change)
            self._keep(reversal.change.wallet)
            self._tell(reversal.change)
        for ladder in self.request.terms.ladders:
            if ladder.wallet_type_id == wallet.type_id:
                self._step_down(ladder.id, sum(share.total - share.before for share in shares.values()))

    def _cause(self, wallet: WalletState) -> Cause:
        return Cause(
            key=f"return:{self.activity_id}:reverse:{wallet.type_id}",
            actor=self.request.actor,
            effective_at=self.request.returned.occurred_at,
            recorded_at=self.request.at,
        )

    def _keep(self, wallet: WalletState) -> None:
        kept = tuple(wallet if known.id == wallet.id else known for known in self.account.wallets)
        self.account = replace(self.account, wallets=kept)

    def _step_down(self, ladder_id: UUID, points: int) -> None:
        ladder = next(known for known in self.request.terms.ladders if known.id == ladder_id)
        before = next((t for t in self.account.tiers if t.ladder_id == ladder_id), None)
        if before and points:
            after = climbed(before, ladder, points=-points, at=self.request.at)
            self.plan.move_tier(after, member_id=self.account.member_id)

    def _key(self, wallet: WalletState) -> str:
        wallet_types = self.request.terms.wallet_types.values()
        return next(known.key for known in wallet_types if known.id == wallet.type_id)

    def _note(self, wallet: WalletState, reversal: Reversal) -> None:
        """What the partner is told, also where nothing could be taken back any more."""
        points = reversal.change.entry.points if reversal.change else 0
        reason = f"{self.amount} of {self.sale.amount} came back"
        if reversal.written_off:
            reason += f"; {reversal.written_off} points were spent and are written off"
        self.taken.append({"wallet_type": self._key(wallet), "points": points, "reason": reason})

    def _tell(self, change: Change) -> None:
        key = self._key(change.wallet)
        self.events.append(
            events.NewEvent(
                type="points.reversed",
                program_id=self.request.program.pk,
                member_id=self.account.member_id,
                occurred_at=self.request.returned.occurred_at,
                recorded_at=self.request.at,
                data={
                    "entry_id": str(change.entry.id),
                    "activity_id": str(self.activity_id),
                    "external_id": self.request.returned.external_id,
                    "wallet_type": key,
                    "points": -change.entry.points,
                    "balance": change.entry.available_after,
                },
            )
        )

    def _recorded(self) -> Recorded:
        spendable = {known.key for known in self.request.terms.wallet_types.values() if known.is_spendable}
        told = outcome(self.account, self.request.terms)
        return Recorded(
            id=self.activity_id,
            kind="return",
            external_id=self.request.returned.external_id,
            member_id=self.account.member_id,
            occurred_at=self.request.returned.occurred_at.astimezone(UTC),
            recorded_at=self.request.at.astimezone(UTC),
            points=sum(taken["points"] for taken in self.taken if taken["wallet_type"] in spendable),
            awards=tuple(self.taken),
            wallets=tuple(told["wallets"]),
            tier=told["tier"],
        )

    def _row(self, recorded: Recorded) -> Sequence[Any]:
        request = self.request
        return (
            recorded.id, request.program.pk, recorded.member_id, request.source, recorded.external_id,
            "return", "", "", self.amount, 0, (), {}, self.sale.id, {},
            recorded.awards, {"wallets": recorded.wallets, "tier": recorded.tier}, recorded.points,
            request.returned.fingerprint, recorded.occurred_at, recorded.recorded_at,
        )  # fmt: skip


_ROW_FIELDS: Final = (
    "id", "program", "member", "source", "external_id",
    "kind", "event_type", "store", "amount", "returned_amount", "lines", "attributes", "original", "facts",
    "awards", "outcome", "points", "fingerprint", "occurred_at", "recorded_at",
)  # fmt: skip
