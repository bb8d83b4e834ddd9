"""What happens between the opening of a checkout and its payment, and what the payment then says."""

import pytest

from members import merging
from members.ledger import verify
from members.merging import CannotMerge
from members.models import Member, WalletType
from rewards.models import Reward
from tests import factories
from tests.cast import Shop
from tests.rewards.checkouts.test_api import at, opened, paid, using, wallet

pytestmark = pytest.mark.usefixtures("_at_noon")


class TestConfirm:
    def test_sells_what_was_reserved_though_the_reward_is_off_and_sold_out_now(
        self, till, rich: Shop, five_off: Reward, coffee: Reward
    ):
        checkout = opened(till, points=using(300), rewards=["five-off", "coffee"])
        Reward.objects.update(is_active=False)
        Reward.objects.filter(pk=coffee.pk).update(stock=0)

        answer = till.post(at(checkout, "confirm"), paid("8.00"))

        assert (answer.status_code, answer.json()["status"]) == (200, "confirmed")
        assert wallet() == (8, 0)

    def test_keeps_the_price_though_the_rate_is_another_now(self, till, rich: Shop):
        checkout = opened(till, points=using(300))
        WalletType.objects.update(checkout_points=1000)

        answer = till.post(at(checkout, "confirm"), paid("13.00"))

        assert answer.status_code == 200
        assert wallet()[1] == 0

    def test_comes_before_a_merge_of_the_member_whose_points_are_reserved(
        self, till, ada: Member, rich: Shop, five_off: Reward
    ):
        checkout = opened(till, points=using(300), rewards=["five-off"])
        survivor = factories.MemberFactory.create(program=rich.program)

        with pytest.raises(CannotMerge, match="800 points of the duplicate are held"):
            merging.merge(survivor=survivor, duplicate=ada, actor="staff:1", at=rich.at)
        answer = till.post(at(checkout, "confirm"), paid("8.00"))

        assert answer.status_code == 200
        assert wallet() == (208, 0)
        assert list(verify.run()) == []
