"""Books the ledger's operations, each at its moment: the histories that finance counts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import transaction

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from members.ledger import operations, store
from members.ledger.chain import Cause
from members.ledger.operations import Change, Grant, TakeBack
from members.ledger.plan import Plan
from members.ledger.state import Account, WalletState
from members.models import Lot, Member, WalletType

Decide = Callable[[WalletState, Cause], Change | None]


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), tzinfo=UTC)


@dataclass
class Desk:
    """What staff and tills do to members' points on a day, through the ledger's own operations."""

    program: Program
    kind: WalletType
    day: date = date(2026, 1, 10)
    booked: int = field(default=0)

    def later(self, *, days: int) -> None:
        self.day += timedelta(days=days)

    def grants(self, member: Member, points: int, *, kind: str = "earn", **more: Any) -> Change | None:
        given = [Grant(points=points, **more)]
        return self.books(member, lambda w, cause: operations.grant(w, grants=given, cause=cause, kind=kind))

    def spends(self, member: Member, points: int) -> Change | None:
        return self.books(member, lambda w, cause: operations.spend(w, points=points, cause=cause))

    def expires(self, member: Member) -> Change | None:
        return self.books(member, lambda w, cause: operations.expire(w, cause=cause))

    def adjusts_down(self, member: Member, points: int) -> Change | None:
        return self.books(member, lambda w, cause: operations.adjust_down(w, points=points, cause=cause))

    def unlocks(self, member: Member) -> Change | None:
        def decide(wallet: WalletState, cause: Cause) -> Change | None:
            waiting = [lot.id for lot in wallet.lots if lot.pending]
            if not waiting:
                return None
            return operations.unlock(wallet, lot_ids=waiting, cause=cause)

        return self.books(member, decide)

    def holds(self, member: Member, points: int) -> Change | None:
        return self.books(member, lambda w, cause: operations.hold(w, points=points, cause=cause))

    def settles(self, member: Member, *, points: int) -> Change | None:
        """Use so many of what is held, if so many are; the rest stays held."""

        def decide(wallet: WalletState, cause: Cause) -> Change | None:
            if wallet.held < points:
                return None
            held = {lot.id: lot.held for lot in wallet.lots if lot.held}
            return operations.settle(wallet, held=held, points=points, cause=cause)

        return self.books(member, decide)

    def takes_back(self, member: Member, change: Change, points: int, *, policy: str) -> None:
        share = TakeBack(total=points, before=0)

        def decide(wallet: WalletState, cause: Cause) -> Change | None:
            shares = {change.new_lots[0].id: share}
            return operations.reverse(wallet, shares=shares, cause=cause, policy=policy).change

        self.books(member, decide)

    def restores(self, member: Member, points: int, *, source: str) -> Change | None:
        """Give back up to so many points of the first lot that lost some to that bucket."""

        def decide(wallet: WalletState, cause: Cause) -> Change | None:
            for lot in wallet.lots:
                # Points that were passed on are in the bucket, too, and nothing that was spent.
                most = wallet.lifetime_spent if source == "redeemed" else points
                if lost := min(getattr(lot, source), points, most):
                    return operations.restore(wallet, back={lot.id: lost}, cause=cause, source=source)
            return None

        return self.books(member, decide)

    def passes_on(self, giver: Member, taker: Member, points: int, *, fee: int = 0) -> None:
        out = self.books(
            giver, lambda w, cause: operations.transfer_out(w, points=points, fee=fee, cause=cause)
        )
        assert out is not None
        given = operations.passed_on(out, source="transfer")
        self.books(taker, lambda w, cause: operations.grant(w, grants=given, cause=cause, kind="transfer_in"))

    def merges(self, gone: Member, kept: Member) -> None:
        out = self.books(gone, lambda w, cause: operations.move_out(w, cause=cause))
        if out is not None:
            given = operations.passed_on(out, source="merge")
            self.books(kept, lambda w, cause: operations.grant(w, grants=given, cause=cause, kind="merge"))

    def books(self, member: Member, decide: Decide) -> Change | None:
        self.booked += 1
        at = noon(self.day)
        cause = Cause(key=f"step:{self.booked}", actor="test", effective_at=at, recorded_at=at)
        with transaction.atomic():
            account = self._account(member)
            wallet = account.wallet_of(self.kind.pk) or WalletState(
                id=new_id(),
                program_id=self.program.pk,
                member_id=member.pk,
                type_id=self.kind.pk,
                is_new=True,
            )
            change = decide(wallet, cause)
            if change is not None:
                plan = Plan([account])
                plan.apply(change)
                store.write(plan, program_id=self.program.pk)
        return change

    def _account(self, member: Member) -> Account:
        found = store.load(self.program.pk, [("id", str(member.pk))])
        lots = list(Lot.objects.filter(member=member).values_list("pk", flat=True))
        (account,) = store.with_lots([account for account in found if account], lots)
        return account
