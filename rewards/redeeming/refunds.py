"""The points of a redemption that is given up, back into the lots that they were taken from."""

from collections.abc import Collection
from uuid import UUID

from msgspec.structs import replace

from loyalty.core import events
from loyalty.core.db import Batch
from members import terms
from members.ledger import operations, store, telling
from members.ledger.chain import Cause
from members.ledger.operations import Change
from members.ledger.plan import Plan
from members.ledger.state import Account, WalletState
from members.models import Hold
from rewards.models import Redemption
from rewards.redeeming.states import Context


def give_back(redemption: Redemption, context: Context, *, heir: UUID) -> None:
    """
    Put what was spent back, with its old dates; what has expired meanwhile expires again at once.

    `heir` is who has the member's points now: after a merge, they go on to them. The wallets of both
    are held already.
    """
    back = store.moved_by(_spent_by(redemption), program_id=context.program.pk, destination="redeemed")
    assert sum(back.values()) == redemption.points, "what was paid is what it cost"
    refund = _Refund(redemption, context, _accounts(redemption, context, heir, back))
    refund.book(back, heir)
    batch = Batch()
    store.add_to(batch, refund.plan, program_id=context.program.pk)
    if redemption.hold_id:
        batch.update(Hold, ("id", "restored"), [(redemption.hold_id, redemption.points)])
    events.add_to(batch, refund.events)
    batch.write()


def _spent_by(redemption: Redemption) -> str:
    """The cause of the entry that spent the points."""
    if redemption.hold_id:
        return f"hold:{redemption.hold_id}:settle"
    return f"redemption:{redemption.pk}:spend"


def _accounts(
    redemption: Redemption, context: Context, heir: UUID, lot_ids: Collection[UUID]
) -> dict[UUID, Account]:
    program = context.program
    asked = [("id", str(member_id)) for member_id in dict.fromkeys([redemption.member_id, heir])]
    loaded = [account for account in store.load(program.pk, asked) if account is not None]
    keeps_due = terms.of(program).keeps_due
    return {
        account.member_id: account for account in store.with_lots(loaded, list(lot_ids), keeps_due=keeps_due)
    }


class _Refund:
    """The changes of one refund, each from what the one before it left."""

    def __init__(self, redemption: Redemption, context: Context, accounts: dict[UUID, Account]) -> None:
        self._redemption = redemption
        self._context = context
        self._accounts = accounts
        self._terms = terms.of(context.program)
        self.plan = Plan(accounts.values())
        self.events: list[events.NewEvent] = []

    def book(self, back: dict[UUID, int], heir: UUID) -> None:
        wallets = self._accounts[self._redemption.member_id].wallets
        wallet = next(known for known in wallets if any(lot.id in back for lot in known.lots))
        restored = operations.restore(wallet, back=back, cause=self._cause("restore"))
        self._add(restored, points=self._redemption.points)
        final, lot_ids = restored.wallet, set(back)
        if heir != self._redemption.member_id:
            final, lot_ids = self._pass_on(final, lot_ids, heir)
        if not final.keeps_due:
            expired = operations.expire(final, cause=self._cause("expire"), lot_ids=lot_ids)
            if expired:
                self._add(expired)

    def _pass_on(self, wallet: WalletState, lot_ids: set[UUID], heir: UUID) -> tuple[WalletState, set[UUID]]:
        program_id = self._context.program.pk
        into = self._accounts[heir].wallet_or_new(wallet.type_id, program_id=program_id)
        if into.is_new:
            kind = self._terms.of_type(wallet.type_id)
            into = replace(into, lapses_at=self._terms.lapses_at(kind, self._context.at))
        left = operations.move_out(wallet, lot_ids=lot_ids, cause=self._cause("out"))
        if left is None:  # all of it has paid what the member owed
            return into, set()
        self._add(left)
        grants = operations.passed_on(left, source="merge")
        came = operations.grant(into, grants=grants, cause=self._cause("in"), kind="merge")
        self._add(came)
        return came.wallet, {lot.id for lot in came.new_lots}

    def _cause(self, what: str) -> Cause:
        return Cause(
            key=f"redemption:{self._redemption.pk}:{what}",
            actor=self._context.actor,
            reason=f"reward:{self._redemption.reward.key}",
            effective_at=self._context.at,
            recorded_at=self._context.at,
        )

    def _add(self, change: Change, *, points: int | None = None) -> None:
        self.plan.apply(change)
        key = self._terms.of_type(change.wallet.type_id).key
        about = {"redemption_id": str(self._redemption.pk), "reward": self._redemption.reward.key}
        self.events.append(telling.told(change, wallet_type=key, points=points, **about))
