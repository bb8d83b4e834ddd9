"""Points of a household under many hands at once: threads with connections of their own."""

from datetime import timedelta
from typing import Any

import pytest

from members import holds, households
from members.ledger import verify
from members.models import Member, Wallet, WalletType
from members.references import MemberReference
from rewards import redeeming
from rewards.checkouts import ending
from rewards.checkouts.contents import PointsWanted
from rewards.models import Redemption, RedemptionStatus
from tests import factories
from tests.cast import CARD, Shop
from tests.races import at_once

pytestmark = pytest.mark.django_db(transaction=True)

BERT = MemberReference("card", "2002")


@pytest.fixture
def family(points: WalletType, ada: Member, shop: Shop) -> Shop:
    """Ada and Bert, with 500 points each, share all of them."""
    WalletType.objects.update(transfers_to="household", checkout_points=100, checkout_amount="1.00")
    bert = factories.MemberFactory.create(program=ada.program)
    factories.IdentifierFactory.create(member=bert, value="2002")
    shop.program.refresh_from_db()
    together = households.found(head=ada, actor="staff:1", at=shop.at)
    households.join(together, member=bert, actor="staff:1", at=shop.at)
    for number, (card, member) in enumerate(((CARD, ada), (BERT, bert))):
        households.share(member, shares_points=True)
        shop.sells(f"receipt-{number}", "500.00", member=card)
    factories.RewardFactory.create(program=shop.program, wallet_type=points, key="car", price=800)
    return shop


def totals() -> tuple[int, int]:
    found = Wallet.objects.all()
    return sum(one.available for one in found), sum(one.held for one in found)


def faults() -> list[Any]:
    return list(verify.run(parts=(verify.LEDGER, verify.HOLDS)))


class TestReservations:
    def test_of_the_last_points_one_has_them(self, family: Shop):
        results = at_once(
            24,
            lambda number: family.reserves("car", (CARD, BERT)[number % 2], from_household=True).points,
        )

        assert (results.count(800), results.count("insufficient_points")) == (1, 23)
        assert totals() == (200, 800)
        assert faults() == []

    def test_that_come_and_go_from_both_sides_neither_deadlock_nor_lose_points(self, family: Shop):
        def work(number: int) -> str:
            card = (CARD, BERT)[number % 2]
            if number % 3 == 1:
                held = family.reserves("car", card, from_household=True)
                redeeming.cancel(held.pk, **family._where())
            elif number % 3:
                placed = family.holds(700, card, from_household=True)
                holds.release(placed.hold.id, **family._where())
            else:
                points = (PointsWanted(wallet_type="points", points=700),)
                checkout = family.checks_out("20.00", member=card, points=points, from_household=True)
                ending.abandon(checkout.pk, **family._where())
            return "came back"

        results = at_once(24, work)

        assert set(results) <= {"came back", "insufficient_points"}
        assert results.count("came back") > 0
        assert totals() == (1000, 0)
        assert [wallet.available for wallet in Wallet.objects.all()] == [500, 500]
        assert faults() == []

    def test_are_confirmed_or_run_out_and_never_both(self, family: Shop):
        held = family.reserves("car", from_household=True)
        late = family.at + timedelta(minutes=16)

        def work(number: int) -> Any:
            if number % 2:
                return redeeming.confirm(held.pk, **family._where()).status
            return sum(redeeming.expire_overdue(family.program, at=late))

        at_once(8, work)

        status = Redemption.objects.get().status
        spent = {RedemptionStatus.CONFIRMED: (200, 0), RedemptionStatus.EXPIRED: (1000, 0)}
        assert totals() == spent[RedemptionStatus(status)]
        assert faults() == []
