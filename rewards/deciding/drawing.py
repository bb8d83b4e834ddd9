"""
What campaigns may still give in all, as one attempt sees it, and what the attempt draws from it.

See Note [Slots] in `rewards.models.budget`.
"""

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection
from msgspec import Struct

from loyalty.core.db import Batch, fetch
from rewards.models import BudgetSlot

SLOTS: Final = 16
WARNS_AT: Final = Decimal("0.8")

OWN_SLOT: Final = f"get_byte(uuid_send(member.id), 15) % {SLOTS}"
"""In SQL: the number of the slot from which the sales of `member` draw first."""


class Slot(Struct, frozen=True):
    id: UUID
    budget_id: UUID
    number: int
    allotted: Decimal
    used: Decimal

    @property
    def left(self) -> Decimal:
        return self.allotted - self.used


def own_slot(member_id: UUID) -> int:
    """The number of the slot from which the member's sales draw first; the last byte of an id is random."""
    return member_id.bytes[15] % SLOTS


class Purses:
    """
    The budgets of one attempt: what is left in the slots that were read, less what was drawn already.

    A sale reads its own slot with everything else; `open()` reads the others when that does not do.
    """

    def __init__(self, *, own: int = 0, empty: Collection[UUID] = ()) -> None:
        """`own` is the number of the slot to draw from first; of the budgets `empty` nothing need be read."""
        self._own = own
        self._slots: dict[UUID, list[Slot]] = {}
        self._drawn: dict[UUID, Decimal] = {}
        self._whole: set[UUID] = set(empty)
        self.short: set[UUID] = set()
        """Budgets that had too little for what a campaign would have given."""

    def know(self, slots: Iterable[Slot]) -> None:
        """Take into account what was read of budgets that nothing was known of."""
        for slot in slots:
            self._slots.setdefault(slot.budget_id, [slot])

    def open(self, budget_ids: Iterable[UUID], *, is_locking: bool = False) -> None:
        """Read all slots of these budgets, or hold them until the transaction ends."""
        closed = sorted(set(budget_ids) - self._whole)
        if not closed:
            return
        assert not is_locking or connection.in_atomic_block, "a lock without a transaction holds nothing"
        slots = [Slot(*row) for row in fetch(_LOCKED if is_locking else _ALL, [closed])]
        slots.sort(key=lambda slot: slot.number != self._own)
        for budget_id in closed:
            self._slots[budget_id] = [slot for slot in slots if slot.budget_id == budget_id]
        self._whole.update(closed)

    def is_whole(self, budget_id: UUID) -> bool:
        """Whether all that is left is known."""
        return budget_id in self._whole

    def left(self, budget_id: UUID) -> Decimal:
        """What is left in the slots that are known."""
        return sum(map(self._left, self._slots.get(budget_id, ())), start=Decimal(0))

    def draw(self, budget_id: UUID, amount: Decimal) -> None:
        """Take so much out, from as few slots as there are, the sale's own one first."""
        own, *others = self._slots[budget_id]
        rest = self._take(own, amount)
        for slot in sorted(others, key=self._left, reverse=True):
            rest = self._take(slot, rest)
        assert not rest, "more was given than was left"

    def _take(self, slot: Slot, wanted: Decimal) -> Decimal:
        taken = min(wanted, self._left(slot))
        if taken > 0:
            self._drawn[slot.id] = self._drawn.get(slot.id, Decimal(0)) + taken
        return wanted - max(taken, Decimal(0))

    def _left(self, slot: Slot) -> Decimal:
        return slot.left - self._drawn.get(slot.id, Decimal(0))

    def add_to(self, batch: Batch) -> None:
        """Have the draws written by the statement that gives what they pay for, or nothing of it."""
        batch.draw(BudgetSlot, ("id", "used"), sorted(self._drawn.items()), up_to="allotted")

    def to_look_at(self) -> set[UUID]:
        """Budgets of which a slot has passed the mark of warning or has been emptied, or which fell short."""
        return self.short | {
            slot.budget_id
            for slots in self._slots.values()
            for slot in slots
            if self._has_passed_a_mark(slot)
        }

    def _has_passed_a_mark(self, slot: Slot) -> bool:
        drawn = self._drawn.get(slot.id)
        if not drawn:
            return False
        marks = (slot.allotted * WARNS_AT, slot.allotted)
        return any(slot.used < mark <= slot.used + drawn for mark in marks)


def read_slots(rows: Sequence[Any] | None) -> list[Slot]:
    """Slots from the JSON of `own_slots_column`."""
    return [
        Slot(UUID(slot_id), UUID(budget_id), number, Decimal(allotted), Decimal(used))
        for slot_id, budget_id, number, allotted, used in rows or ()
    ]


def own_slots_column(budgets: str) -> str:
    """A column for a loading statement: the slots of `member` in these budgets (an expression in SQL)."""
    return (
        "(SELECT json_agg(json_build_array(s.id, s.budget_id, s.number, s.allotted::text, s.used::text))"
        f" FROM rewards_budgetslot s WHERE s.budget_id = ANY({budgets}) AND s.number = {OWN_SLOT})::text"
    )


_ALL: Final = """
    SELECT id, budget_id, number, allotted, used FROM rewards_budgetslot
    WHERE budget_id = ANY($1) ORDER BY id"""
_LOCKED: Final = f"{_ALL} FOR UPDATE"
