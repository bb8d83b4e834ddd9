"""What one return changes: points given back and taken, tiers, the sale, what is told of it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from loyalty.core import events
from loyalty.core.db import Batch
from loyalty.core.ids import new_id
from loyalty.core.models import Program, ReturnsMethod
from members import tiers
from members.ledger import operations, store
from members.ledger.chain import Cause
from members.ledger.operations import Change, Reversal, TakeBack
from members.ledger.plan import Plan
from members.ledger.state import Account, LotState, WalletState
from members.ledger.telling import told
from members.models import Hold
from members.terms import Terms
from rewards.deciding import rules
from rewards.deciding.activities import Return
from rewards.deciding.awarding import outcome
from rewards.deciding.limiting import read_usage
from rewards.deciding.recorded import Recorded
from rewards.journeys.returns import owing, telling
from rewards.journeys.returns.found import Found, SoldThen
from rewards.journeys.returns.goods import Award, Back, money
from rewards.journeys.returns.owing import Charge, Grant
from rewards.journeys.returns.payments import GivenBack, given_back
from rewards.models import Activity, WaitingReturn, WaitingStatus


class Request(Struct, frozen=True, kw_only=True):
    """
    A return, and who reported it where and when.

    Or the undoing of a sale, as which it is told by an `event` of another type. With `keeps_payments`,
    points that paid for the sale stay where they are, as they pay for what comes in its place.
    """

    returned: Return
    program: Program
    terms: Terms
    source: str
    actor: str
    at: datetime
    sold_by: str = ""
    """The partner that reported the sale, if that is another one than `source`."""
    kind: Literal["return", "undo"] = "return"
    event: str = "sale.returned"
    keeps_payments: bool = False


class Booking:
    """One return of a sale: decided when it is made, written with `add_to()`."""

    def __init__(self, request: Request, found: Found, sale: SoldThen, coming_back: Back) -> None:
        assert found.account is not None
        assert found.holder is not None
        self.request = request
        self.sale = sale
        self.activity_id = found.waiting.id if found.waiting else new_id()
        self.waited = found.waiting is not None
        self.coming_back = coming_back
        self.back = sale.back + coming_back
        self.amount = money(coming_back.worth) if sale.goods.amount else Decimal(0)
        # A till's clock may be behind the server's: nothing comes back before it was sold.
        self.occurred_at = max(request.returned.occurred_at, sale.occurred_at)
        self.seller, self.holder = found.account.member_id, found.holder.member_id
        self.heirs = found.heirs
        self.accounts = {account.member_id: account for account in found.accounts}
        self.plan = Plan(found.accounts)
        self.events: list[events.NewEvent] = []
        self.restored: list[tuple[UUID, int]] = []
        self.given_back: list[dict[str, Any]] = []
        self.taken: list[dict[str, Any]] = []
        self.owed: dict[UUID, int] = {}
        self.charged: dict[UUID, int] = {}
        self.pending: dict[UUID, int] = {}
        self.written_off: dict[str, int] = {}
        # What is given back first can pay for what is taken then.
        if not request.keeps_payments:
            for one in given_back(sale, back=self.back):
                self._give_back(one)
        self._take_back()
        if not self.plan.wallets and self.plan.loaded:
            # Two returns of one sale must see each other even where no points move.
            self.plan.touch(next(iter(self.plan.loaded.values())))
        self.recorded = self._recorded()
        self.events.append(self._returned())

    @property
    def account(self) -> Account:
        """Who has the member's points now."""
        return self.accounts[self.holder]

    # Points that paid for what came back.

    def _give_back(self, one: GivenBack) -> None:
        payer = one.payment.member_id
        wallet = self._wallet(payer, one.payment.wallet_id)
        hold_id = one.payment.hold_id
        restored = operations.restore(wallet, back=one.by_lot, cause=self._cause(f"restore:{hold_id}"))
        self._book(restored, points=one.points)
        final, lot_ids = restored.wallet, set(one.by_lot)
        if (heir := self.heirs[payer]) != payer:
            final, lot_ids = self._pass_on(restored.wallet, lot_ids, hold_id, heir)
        due = self._cause(f"expire:{hold_id}", effective_at=self.request.at)
        expired = None if final.keeps_due else operations.expire(final, cause=due, lot_ids=lot_ids)
        if expired:
            self._book(expired)
        self.restored.append((hold_id, one.points))
        self.given_back.append(
            telling.given_back(one, wallet_type=self._key(wallet.type_id), restored=restored, expired=expired)
        )

    def _pass_on(
        self, wallet: WalletState, lot_ids: set[UUID], hold_id: UUID, heir: UUID
    ) -> tuple[WalletState, set[UUID]]:
        """What is given back to a member who was merged goes on to the other, whose activity it lives by."""
        mine = self.accounts[heir].wallet_of(wallet.type_id) or self._new_wallet(wallet.type_id, heir)
        left = operations.move_out(wallet, lot_ids=lot_ids, cause=self._cause(f"out:{hold_id}"))
        if left is None:
            return mine, set()
        self._book(left)
        grants = operations.passed_on(left, source="merge")
        came = operations.grant(mine, grants=grants, cause=self._cause(f"in:{hold_id}"), kind="merge")
        self._book(came)
        return came.wallet, {lot.id for lot in came.new_lots}

    # Points that the sale gave.

    def _take_back(self) -> None:
        lots = self._granted()
        grants = [self._grant(lot, key) for lot, key in lots]
        totals = self._totals(grants)
        before = self.sale.owed
        self.owed = {
            lot_id: more for lot_id, total in totals.items() if (more := total - before.get(lot_id, 0))
        }
        for key in sorted({grant.wallet_type for grant in grants}):
            self._reverse(key, [lot for lot, of in lots if of == key], totals)

    def _granted(self) -> list[tuple[LotState, str]]:
        """The lots that the sale itself gave, whoever has their points by now, with their wallet type."""
        return [
            (lot, self._key(wallet.type_id))
            for wallet in self.accounts[self.seller].wallets
            for lot in wallet.lots
            if lot.activity_id == self.sale.id and lot.origin_id is None
        ]

    def _grant(self, lot: LotState, key: str) -> Grant:
        stored = next((award for award in self.sale.awards if award.get("lot") == str(lot.id)), None)
        if stored is None:
            return Grant(lot_id=lot.id, wallet_type=key, award=Award(points=lot.points))
        return Grant(
            lot_id=lot.id,
            wallet_type=key,
            award=Award(points=lot.points, by_line=stored.get("line_points", {})),
            effect=(UUID(stored["version_id"]), stored["effect"]),
        )

    def _totals(self, grants: Sequence[Grant]) -> Mapping[UUID, int]:
        """By lot, what all returns of the sale together take back, by the method that the program has."""
        program, goods = self.request.program, self.sale.goods
        if program.returns_method == ReturnsMethod.PROPORTIONAL:
            return owing.proportional(grants, sale=goods, back=self.back, before=self.sale.owed)
        rest = owing.awards_of_rest(
            rules.of(program).in_force(self.sale.occurred_at),
            self.sale.seen(program),
            rounding=self.sale.facts["rounding"],
            sale=goods,
            back=self.back,
            usage=read_usage(self.sale.facts),
        )
        return owing.recalculated(grants, sale=goods, back=self.back, before=self.sale.owed, rest=rest)

    def _reverse(self, key: str, lots: Sequence[LotState], totals: Mapping[UUID, int]) -> None:
        wallet_type = self.request.terms.wallet_types[key]
        wanted = sum(self.owed.get(lot.id, 0) for lot in lots)
        wallet = self.account.wallet_of(wallet_type.id) or self._new_wallet(wallet_type.id, self.holder)
        shares: dict[UUID, TakeBack] = {}
        costs = {lot.id: self._charge(lot, totals[lot.id], wallet, shares) for lot in lots}
        missing = sum(cost.missing for cost in costs.values())
        reversal = operations.reverse(
            wallet,
            shares=shares,
            cause=self._cause(f"reverse:{wallet_type.id}"),
            policy=wallet_type.return_policy,
            elsewhere=missing - self._credit(key, costs, missing),
        )
        if reversal.written_off:
            self.written_off[key] = reversal.written_off
        if reversal.change:
            self._book(reversal.change)
        self._note(key, reversal, wanted)
        self._step_down(wallet_type.id, wanted)

    def _charge(self, lot: LotState, total: int, wallet: WalletState, shares: dict[UUID, TakeBack]) -> Charge:
        """
        What the lot costs; what is taken from the lot itself is put into `shares`.

        The lot and what merges made of it count as one.
        """
        family = [lot, *self._family(lot.id)]
        in_wallet = {known.id for known in wallet.lots}
        here = [one for one in family if one.id in in_wallet]
        cost = owing.charge(
            points=lot.points,
            total=total,
            before=self.sale.owed.get(lot.id, 0),
            charged=self.sale.charged.get(lot.id, 0),
            gone=sum(self.sale.gone(one) for one in family),
            left=sum(one.pending + one.available for one in here),
        )
        left = cost.own
        for one in here:
            taken = min(left, one.pending + one.available)
            accounted = one.reversed + one.expired
            shares[one.id] = TakeBack(total=accounted + taken, before=accounted)
            self.pending[one.id] = min(taken, one.pending)
            left -= taken
        self.charged[lot.id] = cost.own + cost.missing
        return cost

    def _credit(self, key: str, costs: Mapping[UUID, Charge], missing: int) -> int:
        """What earlier returns took too much counts now, as far as it was not written off anyway."""
        excess = sum(cost.excess for cost in costs.values())
        credit = left = min(missing, max(excess - self.sale.written_off(key), 0))
        for lot_id, cost in costs.items():
            used = min(left, cost.excess)
            self.charged[lot_id] -= used
            left -= used
        return credit

    def _family(self, lot_id: UUID) -> list[LotState]:
        """The lots that a lot's points were merged into, from member to member."""
        lots = [lot for account in self.accounts.values() for w in account.wallets for lot in w.lots]
        heirs = [lot for lot in lots if lot.origin_id == lot_id and lot.source == "merge"]
        return [*heirs, *(later for heir in heirs for later in self._family(heir.id))]

    def _step_down(self, type_id: UUID, points: int) -> None:
        if points:
            counted = tiers.moves(
                self.account, terms=self.request.terms, type_id=type_id, points=-points, at=self.request.at
            )
            for move in counted:
                self.plan.move_tier(move.after, member_id=self.holder)

    # What all of them do.

    def _cause(self, what: str, *, effective_at: datetime | None = None) -> Cause:
        return Cause(
            key=f"return:{self.activity_id}:{what}",
            actor=self.request.actor,
            effective_at=effective_at or self.occurred_at,
            recorded_at=self.request.at,
        )

    def _wallet(self, member_id: UUID, wallet_id: UUID) -> WalletState:
        return next(w for w in self.accounts[member_id].wallets if w.id == wallet_id)

    def _new_wallet(self, type_id: UUID, member_id: UUID) -> WalletState:
        known = self.request.terms
        return WalletState(
            id=new_id(),
            program_id=self.request.program.pk,
            member_id=member_id,
            type_id=type_id,
            lapses_at=known.lapses_at(known.of_type(type_id), self.request.at),
            is_new=True,
        )

    def _book(self, change: Change, *, points: int | None = None) -> None:
        self.plan.apply(change)
        account = self.accounts[change.wallet.member_id]
        others = tuple(known for known in account.wallets if known.id != change.wallet.id)
        self.accounts[account.member_id] = replace(account, wallets=(*others, change.wallet))
        self.events.append(
            told(
                change,
                wallet_type=self._key(change.wallet.type_id),
                points=points,
                activity_id=str(self.activity_id),
                external_id=self.request.returned.external_id,
            )
        )

    def _returned(self) -> events.NewEvent:
        """That goods came back, whether or not it cost points."""
        return events.NewEvent(
            type=self.request.event,
            program_id=self.request.program.pk,
            member_id=self.holder,
            occurred_at=self.occurred_at,
            recorded_at=self.request.at,
            data={
                "activity_id": str(self.activity_id),
                "external_id": self.request.returned.external_id,
                "sale_id": str(self.sale.id),
                "amount": f"{self.amount:.2f}",
                "is_whole": self.sale.goods.is_back(self.back),
            },
        )

    def _key(self, type_id: UUID) -> str:
        return self.request.terms.of_type(type_id).key

    def _note(self, key: str, reversal: Reversal, wanted: int) -> None:
        """What the partner is told, also where nothing could be taken back any more."""
        campaigns = {award["lot"]: award["campaign"] for award in self.sale.awards if "lot" in award}
        of_type = {str(lot.id) for lot, of in self._granted() if of == key}
        owed = {str(lot_id): points for lot_id, points in self.owed.items() if str(lot_id) in of_type}
        by_campaign = [(campaigns.get(lot_id, ""), points) for lot_id, points in owed.items()]
        self.taken.append(telling.taken(reversal, wallet_type=key, wanted=wanted, by_campaign=by_campaign))

    # Writing.

    def _recorded(self) -> Recorded:
        spendable = {known.key for known in self.request.terms.wallet_types.values() if known.is_spendable}
        after = outcome(self.account, self.request.terms)
        awards = [telling.award(taken, amount=self.amount, sale=self.sale) for taken in self.taken]
        return Recorded(
            id=self.activity_id,
            kind=self.request.kind,
            external_id=self.request.returned.external_id,
            member_id=self.holder,
            occurred_at=self.occurred_at.astimezone(UTC),
            recorded_at=self.request.at.astimezone(UTC),
            points=-sum(taken["points"] for taken in self.taken if taken["wallet_type"] in spendable),
            awards=tuple(awards),
            wallets=tuple(after["wallets"]),
            tier=after["tier"],
            returned={
                "sale_id": str(self.sale.id),
                **telling.goods(self.coming_back, self.amount, self.sale, self.request.program.currency),
                "taken": self.taken,
                "given_back": self.given_back,
            },
        )

    def add_to(self, batch: Batch) -> None:
        store.add_to(batch, self.plan, program_id=self.request.program.pk)
        batch.insert(Activity, _ROW_FIELDS, [self._row()])
        # Added, not set: the constraints then hold even where no wallet keeps two returns apart.
        batch.add(Activity, ("id", "returned_amount"), [(self.sale.id, self.amount)])
        batch.add(Hold, ("id", "restored"), self.restored)
        if self.waited:
            applied = (self.activity_id, WaitingStatus.APPLIED.value, self.activity_id)
            batch.update(WaitingReturn, ("id", "status", "activity"), [applied])
        events.add_to(batch, self.events)

    def _row(self) -> Sequence[Any]:
        request, recorded = self.request, self.recorded
        facts = {
            "method": request.program.returns_method,
            "back": self.coming_back.to_json(),
            "owed": _stored(self.owed),
            "charged": _stored(self.charged),
            "pending": _stored(self.pending),
            "written_off": self.written_off,
        }
        lines = telling.lines(self.coming_back, self.sale, request.program.currency)
        told = {"wallets": recorded.wallets, "tier": recorded.tier, "returned": recorded.returned}
        return (
            recorded.id, request.program.pk, recorded.member_id, request.source, recorded.external_id,
            request.kind, "", self.sale.store, self.amount, 0, lines, {}, self.sale.id, facts,
            recorded.awards, told, recorded.points,
            request.returned.fingerprint, recorded.occurred_at, recorded.recorded_at,
        )  # fmt: skip


def _stored(points: Mapping[UUID, int]) -> dict[str, int]:
    return {str(lot_id): number for lot_id, number in points.items() if number}


_ROW_FIELDS: Final = (
    "id", "program", "member", "source", "external_id",
    "kind", "event_type", "store", "amount", "returned_amount", "lines", "attributes", "original", "facts",
    "awards", "outcome", "points", "fingerprint", "occurred_at", "recorded_at",
)  # fmt: skip
