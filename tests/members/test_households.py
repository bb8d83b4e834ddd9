from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty.core.errors import NotFound
from loyalty.core.models import Event, Program
from members import households, terms, transfers
from members.households import AlreadyInHousehold, HouseholdIsFull, NotInHousehold
from members.ledger import verify
from members.ledger.operations import InsufficientPoints
from members.models import Entry, Household, HouseholdMember, Lot, Member, Transfer, Wallet, WalletType
from members.references import MemberIsBlocked, MemberReference
from members.transfers import TransferNotAllowed
from rewards import redeeming
from rewards.models import Redemption, Reward
from rewards.redeeming import RewardSoldOut
from tests import factories
from tests.cast import CARD, Shop
from tests.clients import PartnerClient

BY: dict[str, Any] = {"actor": "staff:1"}


def card(value: str) -> MemberReference:
    return MemberReference("card", value)


@pytest.fixture
def family(policy, shop: Shop, ada: Member, bert: Member, carl: Member) -> Household:
    """Ada, the head, with Bert and Carl. Their points may be passed on within the household."""
    policy(transfers_to="household")
    shop.program.refresh_from_db()
    family = households.found(head=ada, name="Lovelace", at=shop.at, **BY)
    for number, member in enumerate((bert, carl)):
        households.join(family, member=member, at=shop.at + timedelta(minutes=number), **BY)
    return family


def balances(*members: Member) -> list[int]:
    found = {wallet.member_id: wallet.available for wallet in Wallet.objects.all()}
    return [found.get(member.pk, 0) for member in members]


class TestMembership:
    def test_the_founder_is_the_head(self, family: Household, ada: Member):
        places = HouseholdMember.objects.beside(ada)

        assert [(place.member, place.is_head) for place in places][0] == (ada, True)
        assert [place.is_head for place in places] == [True, False, False]
        assert Event.objects.filter(type="member.updated", data__fields=["household"]).count() == 3

    def test_nobody_is_in_two(self, family: Household, bert: Member, shop: Shop):
        with pytest.raises(AlreadyInHousehold, match="Bert"):
            households.found(head=bert, at=shop.at, **BY)

        assert Household.objects.count() == 1

    def test_is_limited_in_size(self, family: Household, program: Program, shop: Shop):
        program.household_size = 3
        program.save()
        dora = factories.MemberFactory.create(program=program)

        with pytest.raises(HouseholdIsFull, match="at most 3"):
            households.join(family, member=dora, at=shop.at, **BY)

    def test_is_of_one_program(self, family: Household, shop: Shop):
        stranger = factories.MemberFactory.create()

        with pytest.raises(NotFound):
            households.join(family, member=stranger, at=shop.at, **BY)

    @pytest.mark.parametrize("status", ["blocked", "erased"])
    def test_is_for_active_members(self, family: Household, program: Program, shop: Shop, status: str):
        dora = factories.MemberFactory.create(program=program, status=status)

        with pytest.raises(MemberIsBlocked):
            households.join(family, member=dora, at=shop.at, **BY)

    def test_the_longest_there_follows_a_head_who_leaves(self, family, ada, bert, carl, shop):
        households.leave(ada, at=shop.at, **BY)

        assert list(HouseholdMember.objects.beside(carl).values_list("member", "is_head")) == [
            (bert.pk, True),
            (carl.pk, False),
        ]

    def test_ends_with_the_last(self, family, ada, bert, carl, shop):
        for member in (ada, bert, carl):
            households.leave(member, at=shop.at, **BY)

        assert Household.objects.get().dissolved_at == shop.at
        with pytest.raises(NotInHousehold):
            households.leave(ada, at=shop.at, **BY)
        with pytest.raises(NotFound):
            households.join(family, member=ada, at=shop.at, **BY)

    def test_is_dissolved_at_once(self, family, ada, shop):
        households.dissolve(family, at=shop.at, **BY)

        assert not HouseholdMember.objects.exists()
        assert Household.objects.get().dissolved_at == shop.at
        assert households.found(head=ada, at=shop.at, **BY) != family

    def test_has_another_head(self, family, carl):
        households.lead(carl)

        assert HouseholdMember.objects.get(is_head=True).member == carl

    def test_the_database_holds_one_place_and_one_head(self, family, ada, carl):
        place = HouseholdMember.objects.get(member=ada)
        with pytest.raises(IntegrityError, match="a_household_has_one_head"), transaction.atomic():
            HouseholdMember.objects.filter(member=carl).update(is_head=True)
        with pytest.raises(IntegrityError, match="a_member_is_in_one_household"), transaction.atomic():
            HouseholdMember.objects.filter(member=carl).update(member=place.member)


class TestPool:
    def test_is_what_one_has_and_what_the_others_share(self, family, ada, bert, carl, shop):
        shop.sells("r-1", "10.00")
        shop.sells("r-2", "20.00", member=card("2002"))
        shop.sells("r-3", "40.00", member=card("3003"))
        households.share(carl, shares_points=False)

        (pool,) = households.pooled(ada, at=shop.at)
        (of_carl,) = households.pooled(carl, at=shop.at)

        assert (pool.wallet_type, pool.own, pool.shared, pool.points) == ("points", 10, 20, 30)
        assert (of_carl.own, of_carl.shared) == (40, 30)

    def test_of_points_that_stay_is_ones_own(self, family, ada, policy, shop):
        policy(transfers_to="nobody")
        shop.program.refresh_from_db()
        shop.sells("r-2", "20.00", member=card("2002"))
        ada.program.refresh_from_db()

        (pool,) = households.pooled(ada, at=shop.at)

        assert (pool.own, pool.shared) == (0, 0)

    def test_without_a_household_is_ones_own(self, shop, ada):
        shop.sells("r-1", "10.00")

        (pool,) = households.pooled(ada, at=shop.at)

        assert (pool.own, pool.shared) == (10, 0)


@pytest.fixture
def saved(family: Household, policy: Any, shop: Shop) -> Shop:
    """Ada has 100 points for good; Bert 200 for 60 days; Carl 200 for 30 days and 200 for 90."""
    shop.sells("r-1", "100.00")
    for receipt, days, owner in (("r-2", 60, "2002"), ("r-3", 30, "3003"), ("r-4", 90, "3003")):
        policy(transfers_to="household", expiry_rule="days", expires_after=days)
        shop.program.refresh_from_db()
        shop.sells(receipt, "200.00", member=card(owner))
    return shop


def draw(shop: Shop, member: Member, points: int) -> list[transfers.Transferred]:
    kind = terms.of(shop.program).wallet_types["points"]
    return households.draw(
        member_id=member.pk,
        kind=kind,
        points=points,
        program=shop.program,
        source="till",
        actor="partner:till",
        at=shop.at,
    )


@pytest.mark.django_db
class TestDraw:
    def test_brings_what_is_missing_from_what_expires_first(self, saved, family, ada, bert, carl):
        done = draw(saved, ada, 400)

        assert sorted((one.sender_id == carl.pk, one.points) for one in done) == [(False, 100), (True, 200)]
        assert balances(ada, bert, carl) == [400, 100, 200]
        assert set(Transfer.objects.values_list("household", "fee")) == {(family.pk, 0)}
        assert list(verify.run()) == []

    def test_brings_nothing_to_who_has_enough(self, saved, ada):
        assert draw(saved, ada, 100) == []
        assert not Transfer.objects.exists()

    def test_takes_from_nobody_who_does_not_share(self, saved, ada, carl):
        households.share(carl, shares_points=False)

        with pytest.raises(InsufficientPoints, match="has 300 points, not 301"):
            draw(saved, ada, 301)
        assert sum(one.points for one in draw(saved, ada, 300)) == 200

    def test_takes_from_nobody_who_is_blocked(self, saved, ada, carl):
        Member.objects.filter(pk=carl.pk).update(status="blocked")

        with pytest.raises(InsufficientPoints, match="has 300 points"):
            draw(saved, ada, 400)

    def test_brings_nothing_that_has_expired(self, saved, ada):
        with pytest.raises(InsufficientPoints, match="has 300 points, not 400"):
            draw(saved.later(days=61), ada, 400)

    def test_asks_neither_for_a_minimum_nor_for_the_limit(self, saved, ada, policy):
        policy(transfers_to="household", transfer_minimum=1_000, transfer_monthly_limit=1)
        saved.program.refresh_from_db()

        assert sum(one.points for one in draw(saved, ada, 250)) == 150

    def test_refuses_where_points_stay_with_their_members(self, saved, ada, policy):
        policy(transfers_to="nobody")
        saved.program.refresh_from_db()

        with pytest.raises(TransferNotAllowed):
            draw(saved, ada, 400)


class TestRedeemingTogether:
    @pytest.fixture
    def coffee(self, saved: Shop, points) -> Reward:
        return factories.RewardFactory.create(
            program=saved.program, wallet_type=points, key="coffee", price=600, stock=1
        )

    def redeem(self, shop: Shop, *, together: bool = True) -> redeeming.Redeemed:
        return redeeming.redeem(
            member=CARD,
            reward="coffee",
            program=shop.program,
            source="till",
            actor="partner:till",
            at=shop.at,
            from_household=together,
        )

    def test_pays_with_the_points_of_all(self, saved, coffee, ada, bert, carl):
        redeemed = self.redeem(saved)

        assert (redeemed.points, redeemed.balance) == (600, 0)
        assert balances(ada, bert, carl) == [0, 0, 100]
        assert Wallet.objects.get(member=ada).lifetime_spent == 600
        assert list(verify.run()) == []

    def test_goes_through_the_api_once(self, saved, coffee, program, ada, bert, carl):
        till = PartnerClient.of(
            factories.PartnerFactory.create(program=program, key="till"), scopes=["redemptions:write"]
        )
        WalletType.objects.update(expiry_rule="never", expires_after=None)
        Lot.objects.update(expires_at=None)
        wanted = {"member": {"kind": "card", "value": "1001"}, "reward": "coffee", "from_household": True}

        answers = [till.post("/v1/redemptions", wanted, idempotency_key="k") for _ in range(2)]

        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json() == answers[1].json()
        assert sum(balances(ada, bert, carl)) == 100
        assert Redemption.objects.count() == 1

    def test_is_asked_for(self, saved, coffee):
        with pytest.raises(InsufficientPoints, match="has 100 points"):
            self.redeem(saved, together=False)

    def test_leaves_all_as_it_was_when_it_is_refused(self, saved, coffee, ada, bert, carl):
        Reward.objects.update(stock=0)

        with pytest.raises(RewardSoldOut):
            self.redeem(saved)

        assert balances(ada, bert, carl) == [100, 200, 400]
        assert not Transfer.objects.exists()
        assert not Redemption.objects.exists()


class TestAnyOrder:
    """Whatever a household passes around, no point and no date is lost."""

    @settings(
        max_examples=12,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["1001", "2002", "3003"]),
                st.sampled_from(["1001", "2002", "3003"]),
                st.integers(1, 250),
            ),
            max_size=8,
        )
    )
    def test_of_transfers_conserves_points_and_dates(self, saved, gifts):
        before = _open_by_date()
        with transaction.atomic():
            for sender, recipient, points in gifts:
                _give(saved, sender, recipient, points)

            assert _open_by_date() == before
            assert list(verify.run()) == []
            transaction.set_rollback(True)


def _give(shop: Shop, sender: str, recipient: str, points: int) -> None:
    try:
        transfers.send(
            sender=card(sender),
            recipient=card(recipient),
            wallet_type="points",
            points=points,
            program=shop.program,
            source="till",
            actor="partner:till",
            at=shop.at,
        )
    except (InsufficientPoints, transfers.TransferToOneself):
        return


def _open_by_date() -> dict[Any, int]:
    found: dict[Any, int] = {}
    for lot in Lot.objects.filter(available__gt=0):
        key = (lot.expires_at, lot.earned_at, lot.activity_id)
        found[key] = found.get(key, 0) + lot.available
    assert sum(found.values()) == sum(Wallet.objects.values_list("available", flat=True))
    assert Entry.objects.exists()
    return found
