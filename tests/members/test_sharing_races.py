"""Two members at once, with real connections: see `tests.rewards.test_races`."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections, transaction

from loyalty.core.db import Batch
from loyalty.core.errors import DomainError
from loyalty.core.models import Event
from members import blocking, holds, households, merging, transfers, unmerging
from members.ledger import verify
from members.models import HouseholdMember, Identifier, Member, Merge, Transfer, Wallet
from members.references import MemberIsMerged, MemberReference
from tests import factories
from tests.cast import CARD, Shop
from tests.races import at_once, wait_for_locks, wallets_held

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ladder")]

BERT = MemberReference("card", "2002")


@pytest.fixture
def two(policy, shop: Shop, ada: Member, bert: Member) -> Shop:
    """Ada and Bert with 500 points each, which anyone may pass on."""
    shop.program.refresh_from_db()
    shop.sells("r-a", "500.00")
    shop.sells("r-b", "500.00", member=BERT)
    return shop


def give(shop: Shop, points: int, *, back: bool = False) -> int:
    sender, recipient = (BERT, CARD) if back else (CARD, BERT)
    return transfers.send(
        sender=sender,
        recipient=recipient,
        wallet_type="points",
        points=points,
        program=shop.program,
        source="till",
        actor="partner:till",
        at=shop.at,
    ).arrived


def balances(*members: Member) -> list[int]:
    found = dict(Wallet.objects.values_list("member_id", "available"))
    return [found.get(member.pk, 0) for member in members]


def closing(work: Callable[[], Any]) -> Callable[[], Any]:
    """Of one at once: the result or refusal, with a connection of its own."""

    def client() -> Any:
        try:
            return work()
        except DomainError as refusal:
            return refusal.code
        finally:
            connections.close_all()

    return client


def merge(shop: Shop, survivor: Member, duplicate: Member) -> str:
    done = merging.merge(survivor=survivor, duplicate=duplicate, actor="staff:1", at=shop.at)
    return f"into {done.survivor}"


class TestTransfers:
    def test_in_opposite_directions_neither_deadlock_nor_lose_points(self, two, ada, bert):
        with wallets_held():
            results = at_once(32, lambda number: give(two, number + 1, back=bool(number % 2)))

        assert results == list(range(1, 33))
        given, got = sum(range(1, 33, 2)), sum(range(2, 33, 2))
        assert balances(ada, bert) == [500 - given + got, 500 + given - got]
        assert Transfer.objects.count() == 32
        assert list(verify.run()) == []

    def test_of_the_last_points_as_many_win_as_there_are(self, two, ada, bert):
        results = at_once(16, lambda number: give(two, 100))

        assert (results.count(100), results.count("insufficient_points")) == (5, 11)
        assert balances(ada, bert) == [0, 1000]
        assert list(verify.run()) == []

    def test_never_exceed_the_monthly_limit(self, two, policy, ada, bert):
        policy(transfer_monthly_limit=100)
        two.program.refresh_from_db()

        results = at_once(16, lambda number: give(two, 30))

        assert (results.count(30), results.count("transfer_limit_reached")) == (3, 13)
        assert balances(ada, bert) == [410, 590]

    def test_to_a_member_without_a_wallet_make_one(self, two, ada, program):
        dora = factories.MemberFactory.create(program=program)
        assert not Wallet.objects.filter(member=dora).exists()

        def work(number: int) -> Any:
            return transfers.send(
                sender=(CARD, BERT)[number % 2],
                recipient=MemberReference("id", str(dora.pk)),
                wallet_type="points",
                points=10,
                program=two.program,
                source="till",
                actor="partner:till",
                at=two.at,
            ).arrived

        assert at_once(12, work) == [10] * 12
        assert Wallet.objects.get(member=dora).available == 120
        assert list(verify.run()) == []

    def test_are_undone_once(self, two, ada, bert):
        give(two, 100)
        sent = Transfer.objects.get()

        results = at_once(8, lambda number: transfers.undo(sent, actor="staff:1", at=two.at).returned)

        assert (results.count(100), results.count("transfer_already_undone")) == (1, 7)
        assert balances(ada, bert) == [500, 500]
        assert list(verify.run()) == []

    def test_and_sales_and_redemptions_do_not_lose_each_other(self, two, points, ada, bert):
        factories.RewardFactory.create(program=two.program, wallet_type=points, key="coffee", price=10)

        def work(number: int) -> Any:
            match number % 3:
                case 0:
                    return give(two, 10, back=bool(number % 2))
                case 1:
                    return two.sells(f"r-{number}", "7.00", member=(CARD, BERT)[number % 2]).points
            return two.redeems("coffee", (CARD, BERT)[number % 2]).points

        results = at_once(24, work)

        assert sorted(results) == [7] * 8 + [10] * 16
        assert sum(balances(ada, bert)) == 1000 + 8 * 7 - 8 * 10
        assert list(verify.run()) == []


class TestHouseholds:
    def test_of_the_last_points_one_redeems(self, two, policy, points, ada, bert):
        policy(transfers_to="household")
        two.program.refresh_from_db()
        factories.RewardFactory.create(program=two.program, wallet_type=points, key="car", price=900)
        family = households.found(head=ada, actor="staff:1", at=two.at)
        households.join(family, member=bert, actor="staff:1", at=two.at)

        def work(number: int) -> Any:
            from rewards import redeeming

            return redeeming.redeem(
                member=(CARD, BERT)[number % 2],
                reward="car",
                program=two.program,
                source="till",
                actor="partner:till",
                at=two.at,
                from_household=True,
            ).points

        results = at_once(16, work)

        assert (results.count(900), results.count("insufficient_points")) == (1, 15)
        assert sum(balances(ada, bert)) == 100
        assert list(verify.run()) == []

    def test_are_not_overfilled(self, two, ada, program):
        program.household_size = 4
        program.save()
        family = households.found(head=ada, actor="staff:1", at=two.at)
        people = factories.MemberFactory.create_batch(10, program=program)

        def work(number: int) -> Any:
            return households.join(family, member=people[number], actor="staff:1", at=two.at)

        results = at_once(10, work)

        assert (results.count(None), results.count("household_full")) == (3, 7)
        assert HouseholdMember.objects.count() == 4

    def test_dissolving_waits_for_who_joined_meanwhile_and_is_leaving_again(self, two, ada, bert):
        """Whoever leaves holds themselves, then the household; so must whoever sends all away."""
        family = households.found(head=ada, actor="staff:1", at=two.at)

        def dissolve() -> None:
            households.dissolve(family, actor="staff:1", at=two.at)

        def leave() -> None:
            households.leave(bert, actor="staff:1", at=two.at)

        with ThreadPoolExecutor(2) as pool:
            with transaction.atomic():
                households.join(family, member=bert, actor="staff:1", at=two.at)
                others = [pool.submit(closing(dissolve))]
                wait_for_locks(1)
                others.append(pool.submit(closing(leave)))
                wait_for_locks(2)
            results = [other.result() for other in others]

        assert results[0] is None
        assert results[1] in (None, "not_in_household")
        assert not HouseholdMember.objects.exists()
        left = Event.objects.filter(type="member.updated", data__fields=["household"]).values("member_id")
        assert left.filter(member_id=bert.pk).count() == 2, "joined, and left once"

    def test_of_somebody_without_points_a_block_and_a_place_are_decided_in_turn(self, two, ada, program):
        dora = factories.MemberFactory.create(program=program)
        family = households.found(head=ada, actor="staff:1", at=two.at)

        def join() -> None:
            households.join(family, member=dora, actor="staff:1", at=two.at)

        with ThreadPoolExecutor(1) as pool:
            with transaction.atomic():
                blocking.block(dora, reason="fraud", actor="staff:1", at=two.at)
                joining = pool.submit(closing(join))
                wait_for_locks(1)
            result = joining.result()

        assert result == "member_blocked"
        assert not HouseholdMember.objects.filter(member=dora).exists()


class TestMerges:
    def test_leave_nothing_behind_of_a_first_sale_that_was_under_way(
        self, policy, shop: Shop, ada, bert, monkeypatch
    ):
        def write(batch: Batch) -> None:
            monkeypatch.undo()
            merge(shop, ada, bert)
            batch.write()

        shop.program.refresh_from_db()
        monkeypatch.setattr(Batch, "write", write)

        with pytest.raises(MemberIsMerged):
            shop.sells("r-1", "100.00", member=MemberReference("id", str(bert.pk)))

        assert balances(ada, bert) == [0, 0]
        assert list(verify.run()) == []

    def test_into_each_other_one_wins(self, two, ada, bert):
        with wallets_held():
            results = at_once(2, lambda number: merge(two, *((ada, bert) if number else (bert, ada))))

        assert sorted(result[:5] for result in results) == ["canno", "into "]
        assert sorted(balances(ada, bert)) == [0, 1000]
        assert Member.objects.filter(status="merged").count() == 1
        assert list(verify.run()) == []

    def test_of_members_without_wallets_into_each_other_one_wins(self, two, program):
        dora, emil = factories.MemberFactory.create_batch(2, program=program)

        results = at_once(8, lambda number: merge(two, *((dora, emil) if number % 2 else (emil, dora))))

        assert results.count("cannot_merge") == 7
        assert Merge.objects.count() == 1

    def test_and_sales_lose_nothing(self, two, ada, bert):
        def work(number: int) -> Any:
            if number == 5:
                return merge(two, ada, bert)
            return two.sells(f"r-{number}", "10.00", member=(CARD, BERT)[number % 2]).points

        with wallets_held():
            results = at_once(16, work)

        assert results.count(10) == 15
        assert balances(ada, bert) == [1150, 0]
        assert list(verify.run()) == []

    def test_and_spending_by_the_duplicates_id_ends_in_one_of_two_ways(self, two, points, ada, bert):
        factories.RewardFactory.create(program=two.program, wallet_type=points, key="coffee", price=100)

        def work(number: int) -> Any:
            if number == 3:
                return merge(two, ada, bert)
            return two.redeems("coffee", MemberReference("id", str(bert.pk))).points

        results = at_once(10, work)

        spent = results.count(100)
        # Five can be paid; the others came too late, or before the merge with nothing left.
        refused = results.count("member_merged") + results.count("insufficient_points")
        assert (spent <= 5, spent + refused) == (True, 9)
        assert balances(ada, bert) == [1000 - 100 * spent, 0]
        assert list(verify.run()) == []

    def test_and_a_hold_end_in_one_of_two_ways(self, two, ada, bert):
        def work(number: int) -> Any:
            return merge(two, ada, bert) if number else _hold(two, bert, 100)

        with wallets_held():
            held, merged = at_once(2, work)

        wallet = Wallet.objects.get(member=bert)
        if merged == "cannot_merge":
            assert (held, wallet.held, wallet.available) == (100, 100, 400)
        else:
            assert (wallet.held, wallet.available) == (0, 0)
            assert held in ("insufficient_points", "member_merged")
        assert list(verify.run()) == []

    def test_are_undone_once(self, two, ada, bert):
        done = merging.merge(survivor=ada, duplicate=bert, actor="staff:1", at=two.at)

        results = at_once(6, lambda number: unmerging.undo(done, actor="staff:1", at=two.at).left_behind)

        assert (results.count([]), results.count("cannot_undo_merge")) == (1, 5)
        assert balances(ada, bert) == [500, 500]
        assert Identifier.objects.get(value="2002").member == bert
        assert list(verify.run()) == []


def _hold(shop: Shop, member: Member, points: int) -> int:
    """Reserve points, optimistically, as a checkout does."""
    held = holds.place(
        member=MemberReference("id", str(member.pk)),
        wallet_type="points",
        points=points,
        program=shop.program,
        source=shop.source,
        actor=f"partner:{shop.source}",
        at=shop.at + timedelta(seconds=1),
    )
    return held.hold.points
