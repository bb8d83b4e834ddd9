from datetime import UTC, datetime

import pytest

from loyalty.core.models import Event, Program
from members import expiry, terms
from members.ledger import verify
from members.ledger.operations import InsufficientPoints
from members.models import Entry, Member, Wallet, WalletType
from rewards.activities import MemberReference
from rewards.models import Reward
from tests import factories
from tests.cast import Shop


@pytest.fixture
def points_for_a_month(program: Program, points: WalletType) -> WalletType:
    points.expiry_rule, points.expires_after = "months", 1
    points.save()
    return points


class TestExpiresAt:
    @pytest.mark.parametrize(
        ("earned", "expires"),
        [
            # Berlin is two hours ahead of UTC in summer and one in winter.
            (datetime(2026, 1, 31, 11, tzinfo=UTC), datetime(2026, 2, 28, 23, tzinfo=UTC)),
            (datetime(2028, 1, 31, 11, tzinfo=UTC), datetime(2028, 2, 29, 23, tzinfo=UTC)),
            (datetime(2026, 3, 1, 11, tzinfo=UTC), datetime(2026, 4, 1, 22, tzinfo=UTC)),
            (datetime(2026, 9, 30, 11, tzinfo=UTC), datetime(2026, 10, 30, 23, tzinfo=UTC)),
            (datetime(2026, 6, 1, 22, 30, tzinfo=UTC), datetime(2026, 7, 2, 22, tzinfo=UTC)),
        ],
    )
    def test_is_the_midnight_after_the_last_day_in_the_programs_zone(
        self, program: Program, points_for_a_month: WalletType, earned: datetime, expires: datetime
    ):
        program.refresh_from_db()
        agreed = terms.of(program)

        assert agreed.expires_at(agreed.wallet_types["points"], earned) == expires


class TestRun:
    def test_takes_what_is_due_and_leaves_the_rest(self, points_for_a_month, shop: Shop, ada: Member):
        shop.sells("receipt-1", "100.00")
        shop.later(days=20).sells("receipt-2", "50.00")

        chunks = list(expiry.run(shop.program, at=shop.later(days=32).at))

        assert [(chunk.members, chunk.points) for chunk in chunks] == [(1, 100)]
        assert Wallet.objects.get(member=ada).available == 50
        assert Entry.objects.get(kind="expire").points == -100
        assert Event.objects.get(type="points.expired").data["balance"] == 50
        assert list(verify.run()) == []

    def test_does_nothing_the_second_time(self, points_for_a_month, shop: Shop, ada: Member):
        shop.sells("receipt-1", "100.00")
        list(expiry.run(shop.program, at=shop.later(days=40).at))

        assert list(expiry.run(shop.program, at=shop.later(days=40).at)) == []

    def test_leaves_other_programs_alone(self, points_for_a_month, shop: Shop, ada: Member):
        shop.sells("receipt-1", "100.00")

        other = factories.ProgramFactory.create()

        assert list(expiry.run(other, at=shop.later(days=40).at)) == []

    def test_points_whose_time_is_over_cannot_be_spent_before_the_run(
        self, points_for_a_month, shop: Shop, ada: Member, points: WalletType
    ):
        reward: Reward = factories.RewardFactory.create(
            program=shop.program, wallet_type=points, key="coffee", price=100
        )
        shop.sells("receipt-1", "100.00")

        with pytest.raises(InsufficientPoints):
            shop.later(days=40).redeems(reward.key)

    def test_works_through_many_members_in_chunks(
        self, points_for_a_month, shop: Shop, ada: Member, monkeypatch
    ):
        monkeypatch.setattr(expiry, "LOTS_AT_A_TIME", 2)
        for number in range(5):
            factories.IdentifierFactory.create(member__program=shop.program, value=f"m{number}")
            shop.sells(f"receipt-{number}", "10.00", member=MemberReference("card", f"m{number}"))

        chunks = list(expiry.run(shop.program, at=shop.later(days=40).at))

        assert [chunk.members for chunk in chunks] == [2, 2, 1]
        assert Wallet.objects.filter(available__gt=0).count() == 0
