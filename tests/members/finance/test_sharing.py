"""What members pass on, and what is undone of it, as the movement report tells it."""

from datetime import date

import pytest

from loyalty.core.models import Program
from members import merging, transfers, unmerging
from members.finance import movements
from members.finance.movements import Statement
from members.models import Member, Merge, Transfer, WalletType
from tests import factories
from tests.cast import CARD, Shop

JUNE = date(2026, 6, 30)


@pytest.fixture
def rich(shop: Shop, ada: Member, bert: Member, points: WalletType) -> Shop:
    """Ada has 1,000 points; they may be passed on to anyone, for a tenth."""
    points.transfers_to, points.transfer_fee_percent = "anyone", 10
    points.save()
    factories.IdentifierFactory.create(member=bert, kind="card", value="2002")
    shop.program.refresh_from_db()
    shop.sells("receipt-1", "1000.00")
    return shop.later(days=1)


def june(program: Program) -> Statement:
    (only,) = movements.report(program, first=JUNE, last=JUNE, step="month")
    return only


def points_of(statement: Statement) -> dict[str, int]:
    return {line: moved.points for line, moved in statement.lines().items() if moved.points}


def sends(shop: Shop, points: int) -> None:
    transfers.send(
        sender=CARD,
        recipient=type(CARD)(kind="card", value="2002"),
        wallet_type="points",
        points=points,
        program=shop.program,
        source="till",
        actor="partner:till",
        at=shop.at,
    )


class TestTransfers:
    def test_cost_their_fee(self, rich: Shop):
        sends(rich, 200)

        told = june(rich.program)
        assert told.is_proved
        assert points_of(told) == {
            "issued_purchase": 1_000,
            "transferred_in": 180,
            "transferred_out": -180,
            "fee": -20,
        }

    def test_cost_nothing_when_they_are_undone(self, rich: Shop):
        sends(rich, 200)
        transfers.undo(Transfer.objects.get(), actor="staff:1", at=rich.later(days=1).at)

        told = june(rich.program)
        assert told.is_proved
        # There and back again, and the fee is given back, too.
        assert points_of(told) == {
            "issued_purchase": 1_000,
            "transferred_in": 360,
            "transferred_out": -360,
        }
        assert told.closing.points == 1_000


class TestMerges:
    def test_move_nothing_for_the_program_nor_does_their_undo(self, rich: Shop, ada: Member, bert: Member):
        merging.merge(survivor=bert, duplicate=ada, actor="staff:1", at=rich.at)
        merged = june(rich.program)
        unmerging.undo(Merge.objects.get(), actor="staff:1", at=rich.later(days=1).at)
        undone = june(rich.program)

        for told in (merged, undone):
            assert told.is_proved
            assert points_of(told) == {"issued_purchase": 1_000}
            assert told.closing.points == 1_000
