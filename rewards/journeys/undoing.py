"""
Sales that were recorded by mistake: cancelled, or corrected by another sale in their place.

Other than a return, nothing of such a sale remains: it is no purchase in the member's history, and limits
and budgets have back what it used of them. What stays is the record that it was there, and its number.
All of it happens in one transaction, under the locks of everybody whose points move.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Struct
from msgspec.structs import replace

from loyalty.core.db import Batch, fetch
from loyalty.core.errors import DomainError, NotFound
from loyalty.core.models import Program
from members import terms
from members.ledger import store
from members.models import Hold
from members.references import MemberReference, reference
from rewards.deciding import budgets
from rewards.deciding.activities import Basket, Return, Sale
from rewards.deciding.drawing import SLOTS, own_slot
from rewards.deciding.recorded import AlreadyReported, Recorded, read_recorded
from rewards.journeys import earning
from rewards.journeys.returning import SaleIsUndone
from rewards.journeys.returns import found as reading
from rewards.journeys.returns.booking import Booking, Request
from rewards.journeys.returns.goods import Back
from rewards.models import Activity, ActivityKind, BudgetSlot, CampaignBudget, Undoing


class SaleHasReturns(DomainError):
    """Goods of the sale came back already: return the rest of it instead."""

    code: ClassVar[str] = "transaction_has_returns"
    title = gettext_lazy("Something of the sale was returned")


class NoSale(DomainError):
    """Only sales are returned, cancelled or corrected; a return is answered by another sale."""

    code: ClassVar[str] = "not_a_sale"
    title = gettext_lazy("The transaction is no sale")


class Asked(Struct, frozen=True, kw_only=True):
    """Who has a sale undone, and why."""

    program: Program
    actor: str
    at: datetime
    reason: str = ""


def sale_of(program: Program, transaction_id: UUID) -> Activity:
    """
    A sale of the program, whether or not it was undone.

    :raises NotFound: if there is none
    :raises NoSale: if it is a return
    """
    found = Activity.objects.of(program).transactions().filter(pk=transaction_id)
    sale = found.select_related("undoing", "undoing__replacement").first()
    if sale is None:
        raise NotFound(_("There is no transaction {id}.").format(id=transaction_id))
    if sale.kind == ActivityKind.RETURN:
        raise NoSale(_("This is a return. Only sales are returned, cancelled or corrected."))
    return sale


def undoing_of(sale: Activity) -> Undoing | None:
    undoing: Undoing | None = getattr(sale, "undoing", None)
    return undoing


def undone(undoing: Undoing) -> SaleIsUndone:
    """The refusal for a sale that was undone before."""
    if undoing.replacement is None:
        return SaleIsUndone(_("The sale was cancelled before."))
    return SaleIsUndone(
        _("The sale was corrected: {receipt} stands in its place.").format(
            receipt=undoing.replacement.external_id
        ),
        corrected_by=str(undoing.replacement.pk),
    )


def cancel(sale: Activity, asked: Asked) -> None:
    """
    Take back all that a sale gave, as if it had never been made. One that is cancelled already stays so.

    :raises SaleIsUndone: if it was corrected
    :raises SaleHasReturns: if something of it came back
    """
    if _is_cancelled(sale):
        return
    with transaction.atomic():
        undo = _Undo(sale, asked, event="sale.cancelled")
        if not _is_cancelled(undo.sale):  # somebody else may have been quicker
            _remember(sale, undo.write(), None, asked)


def _is_cancelled(sale: Activity) -> bool:
    """:raises SaleIsUndone: if it was corrected"""
    if (undoing := undoing_of(sale)) is None:
        return False
    if undoing.replacement_id is not None:
        raise undone(undoing)
    return True


def correct(sale: Activity, content: Basket, *, external_id: str, asked: Asked) -> Recorded:
    """
    Put another sale in the place of one, by the rules of when it happened.

    What is left out of `member` and `occurred_at` is as it was. Gifts that both give are passed on.

    :raises SaleIsUndone: if it was cancelled, or corrected by other content
    :raises SaleHasReturns: if something of it came back
    :raises DomainError: as `earning.record()`; then the sale stays as it was
    """
    with transaction.atomic():
        undo = _Undo(sale, asked, event="sale.corrected", newcomer=content.member)
        corrected = _sale(sale, content, external_id, holder=undo.holder)
        if (undoing := undoing_of(undo.sale)) is not None:
            return _repeated(undoing, corrected)
        undo_id = undo.write()
        recorded = earning.record(
            corrected,
            program=asked.program,
            source=sale.source,
            actor=asked.actor,
            at=asked.at,
            passed_on=[gift for gift in sale.outcome.get("gifts", ()) if gift["given"]],
        )
        if recorded.is_repeat:
            raise AlreadyReported(
                _("“{external_id}” is the number of another sale.").format(external_id=external_id),
                pointer="#/external_id",
                first_id=str(recorded.id),
            )
        _pass_on(sale, recorded, asked.program)
        _remember(sale, undo_id, recorded.id, asked)
        return recorded


def _sale(before: Activity, content: Basket, external_id: str, *, holder: UUID) -> Sale:
    return Sale(
        external_id=external_id,
        occurred_at=content.occurred_at or before.occurred_at,
        member=content.member or MemberReference(kind="id", value=str(holder)),
        amount=content.amount,
        store=content.store,
        lines=content.lines,
        attributes=content.attributes,
    )


def _repeated(undoing: Undoing, wanted: Sale) -> Recorded:
    replacement = undoing.replacement
    if replacement is None or bytes(replacement.fingerprint) != wanted.fingerprint:
        raise undone(undoing)
    (row,) = fetch(_RECORDED, [replacement.pk])
    return read_recorded(row)


_RECORDED: Final = """
SELECT id, kind, external_id, member_id, occurred_at, recorded_at, points, awards::text, outcome::text
FROM rewards_activity WHERE id = $1"""


class _Undo:
    """The taking back of one sale; everybody whose points move is locked when it is made."""

    def __init__(
        self, sale: Activity, asked: Asked, *, event: str, newcomer: MemberReference | None = None
    ) -> None:
        self.asked = asked
        program = asked.program
        self.request = Request(
            returned=Return(
                external_id=sale.external_id,
                occurred_at=asked.at if event == "sale.cancelled" else sale.occurred_at,
                sale_external_id=sale.external_id,
            ),
            program=program,
            terms=terms.of(program),
            source=sale.source,
            actor=asked.actor,
            at=asked.at,
            kind="undo",
            event=event,
            keeps_payments=event == "sale.corrected",
        )
        self.found = self._lock(sale, newcomer)
        self.sale = sale_of(program, sale.pk)

    def _find(self) -> reading.Found:
        # The number of no return: what is asked for is the sale.
        sale = replace(self.request.returned, external_id="")
        return reading.find(sale, program=self.request.program, source=self.request.source)

    def _lock(self, sale: Activity, newcomer: MemberReference | None) -> reading.Found:
        """Members' wallets first, in their order, then budgets, then the sale: see Note [Slots]."""
        program = self.asked.program
        people = {account.member_id for account in self._find().accounts}
        others = store.load(program.pk, [reference(newcomer)]) if newcomer else []
        people |= {account.member_id for account in others if account}
        store.lock(people)
        if sale.facts.get("usage"):
            _lock_budgets(program)
        fetch("SELECT id FROM rewards_activity WHERE id = $1 FOR UPDATE", [sale.pk])
        return self._find()

    @property
    def holder(self) -> UUID:
        """Who has the points of the sale's member now."""
        return self.found.holder.member_id if self.found.holder else self.sale.member_id

    def write(self) -> UUID:
        """Take back what the sale gave, and have limits forget it; the id of what is booked for it."""
        if (undoing := undoing_of(self.sale)) is not None:
            raise undone(undoing)
        sale = self.found.sale
        assert sale is not None, "it was found, and is locked"
        if sale.returns:
            raise SaleHasReturns(_("Something of this sale was returned: return the rest of it instead."))
        self._book(sale)
        _forget_uses(self.sale, self.asked)
        Activity.objects.filter(pk=sale.id).update(kind=ActivityKind.UNDONE)
        return self.undo_id

    def _book(self, sale: reading.SoldThen) -> None:
        request = self.request
        paid_from = {lot_id for payment in sale.payments for lot_id, _points in payment.lots}
        accounts = store.with_lots_of(
            self.found.accounts, sale.id, lot_ids=paid_from, keeps_due=request.terms.keeps_due
        )
        everything = Back(unassigned=sale.goods.worth, is_whole=True)
        booking = Booking(request, self.found.seen_with(accounts), sale, everything)
        batch = Batch()
        booking.add_to(batch)
        batch.write()
        self.undo_id = booking.activity_id


def _remember(sale: Activity, undo_id: UUID, replacement_id: UUID | None, asked: Asked) -> None:
    Undoing.objects.create(
        program=asked.program,
        sale_id=sale.pk,
        undo_id=undo_id,
        replacement_id=replacement_id,
        reason=asked.reason,
        actor=asked.actor,
        undone_at=asked.at,
    )


def _pass_on(sale: Activity, recorded: Recorded, program: Program) -> None:
    """Points that paid for the sale pay for the one in its place."""
    Hold.objects.filter(program=program, paid_source=sale.source, paid_external_id=sale.external_id).update(
        paid_external_id=recorded.external_id
    )


# What limits count.


def _lock_budgets(program: Program) -> None:
    list(CampaignBudget.objects.select_for_update().filter(program=program).order_by("pk").values("pk"))


_FORGET: Final = """
UPDATE rewards_campaigncount counted
SET times = counted.times - used.times, points = counted.points - used.points
FROM rewards_campaign campaign
JOIN unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[]) AS used(key, period, times, points)
  ON used.key = campaign.key
WHERE campaign.program_id = $1 AND counted.campaign_id = campaign.id AND counted.member_id = $2
  AND counted.period = used.period"""


def _forget_uses(sale: Activity, asked: Asked) -> None:
    """Give back what the sale used of its campaigns' limits: as `limiting.told()` stored it."""
    usage: dict[str, Any] = sale.facts.get("usage", {})
    uses: dict[str, Any] = usage.get("uses", {})
    counted = [
        (key, period, *uses[key][:2])
        for key, period in (name.split("/", 1) for name in usage.get("counters", ()))
        if key in uses
    ]
    if counted:
        columns = [list(column) for column in zip(*counted, strict=True)]
        fetch(_FORGET, [asked.program.pk, sale.member_id, *columns])
    drawn = [name.split("/", 1) for name in usage.get("left", ())]
    touched = [
        budget_id
        for key, unit in drawn
        if key in uses
        for budget_id in _give_back(sale, key, unit, uses[key], asked.program)
    ]
    if touched:
        budgets.look(touched, at=asked.at)


def _give_back(
    sale: Activity, campaign_key: str, unit: str, used: Sequence[Any], program: Program
) -> list[UUID]:
    """Put back into the slots of a budget what a sale drew, into the member's own one first."""
    budget = CampaignBudget.objects.filter(program=program, campaign__key=campaign_key, unit=unit).first()
    if budget is None:
        return []
    rest = Decimal(str(used[{"times": 0, "points": 1, "money": 2}[unit]]))
    own = own_slot(sale.member_id)
    slots = list(BudgetSlot.objects.select_for_update().filter(budget=budget).order_by("pk"))
    for slot in sorted(slots, key=lambda slot: (slot.number - own) % SLOTS):
        back = min(rest, slot.used)
        slot.used -= back
        rest -= back
    BudgetSlot.objects.bulk_update(slots, ["used"])
    return [budget.pk]
