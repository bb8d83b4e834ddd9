"""
What a member's activity does to points that live by it.

Note [Counted activities]
~~~~~~~~~~~~~~~~~~~~~~~~~
A sale, an event that earns something, and spending keep a member's points alive where the kind of
points says so: they move the date of the whole wallet, never back. One that arrives late counts from
when it happened. Points whose date is over are the next expiry run's; an activity that comes before
that run has taken them saves them, as the member is back.
"""

from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from members.ledger.operations import Change
from members.ledger.state import Account, WalletState
from members.terms import Terms


def renewed(account: Account, terms: Terms, active_at: datetime) -> tuple[Account, list[WalletState]]:
    """The account after an activity, and those of its wallets whose date that has moved."""
    if not terms.lapsing:
        return account, []
    moved = [after for w in account.wallets if (after := renewed_wallet(w, terms, active_at)) is not w]
    by_id: dict[UUID, WalletState] = {wallet.id: wallet for wallet in moved}
    return replace(account, wallets=tuple(by_id.get(w.id, w) for w in account.wallets)), moved


def renewing(change: Change, terms: Terms, active_at: datetime) -> Change:
    """A change by which the member was active: spending."""
    return replace(change, wallet=renewed_wallet(change.wallet, terms, active_at))


def renewed_wallet(wallet: WalletState, terms: Terms, active_at: datetime) -> WalletState:
    """The wallet after an activity: the same one if its date stays as it is."""
    wallet_type = terms.lapsing.get(wallet.type_id)
    lapses_at = None if wallet_type is None else terms.lapses_at(wallet_type, active_at)
    if lapses_at is None or (wallet.lapses_at is not None and wallet.lapses_at >= lapses_at):
        return wallet
    return replace(wallet, lapses_at=lapses_at)
