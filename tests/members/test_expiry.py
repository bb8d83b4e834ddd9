from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from loyalty.core.errors import InvalidInput
from loyalty.core.models import Event, Program
from members import expiry, expiry_undo, terms, warnings
from members.expiry_undo import CannotBeUndone
from members.ledger import verify
from members.ledger.operations import InsufficientPoints
from members.models import Entry, ExpiryRun, ExpiryWarning, Lot, Member, Posting, Wallet, WalletType
from members.references import MemberReference
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

    def test_of_one_kind_is_a_row_that_counts_what_it_took(self, points_for_a_month, shop: Shop, ada: Member):
        shop.sells("receipt-1", "100.00")
        at = shop.later(days=40).at

        list(expiry.run(shop.program, at=at))

        run = ExpiryRun.objects.get()
        assert (run.status, run.members, run.lots, run.points) == ("done", 1, 1, 100)
        assert (run.value, run.actor, run.through) == (Decimal("1.00"), "system:expiry", at)
        assert Entry.objects.get(kind="expire").cause == f"expiry:{run.pk}:{Wallet.objects.get().pk}"

    def test_goes_on_where_it_was_broken_off(self, points_for_a_month, shop: Shop, ada: Member, monkeypatch):
        monkeypatch.setattr(expiry, "LOTS_AT_A_TIME", 2)
        for number in range(5):
            factories.IdentifierFactory.create(member__program=shop.program, value=f"m{number}")
            shop.sells(f"receipt-{number}", "10.00", member=MemberReference("card", f"m{number}"))
        at = shop.later(days=40).at
        next(expiry.run(shop.program, at=at))

        rest = list(expiry.run(shop.program, at=shop.later(days=41).at))

        run = ExpiryRun.objects.get()
        assert [chunk.members for chunk in rest] == [2, 1]
        assert (run.status, run.members, run.points, run.through) == ("done", 5, 50, at)
        assert list(verify.run()) == []

    def test_takes_nothing_of_what_is_on_hold_and_members_go_on_spending_it(
        self, points_for_a_month: WalletType, shop: Shop, ada: Member
    ):
        shop.sells("receipt-1", "100.00")
        WalletType.objects.update(expiry_is_on_hold=True)
        shop.program.refresh_from_db()
        reward = factories.RewardFactory.create(
            program=shop.program, wallet_type=points_for_a_month, price=60
        )
        later = shop.later(days=40)

        assert list(expiry.run(shop.program, at=later.at)) == []
        later.redeems(reward.key)

        assert not ExpiryRun.objects.exists()
        assert Wallet.objects.get().available == 40

    def test_ends_when_its_points_are_put_on_hold_meanwhile(
        self, points_for_a_month: WalletType, shop: Shop, ada: Member
    ):
        shop.sells("receipt-1", "100.00")
        at = shop.later(days=40).at
        run = expiry.start(points_for_a_month, through=at, actor="a", at=at)
        WalletType.objects.update(expiry_is_on_hold=True)

        assert list(expiry.proceed(run.pk, at=at)) == []

        assert Wallet.objects.get().available == 100

    def test_is_the_only_one_of_its_kind_at_a_time(self, points_for_a_month: WalletType, noon: datetime):
        first = expiry.start(points_for_a_month, through=noon, actor="a", at=noon)

        assert expiry.start(points_for_a_month, through=noon, actor="b", at=noon) == first


class TestOnlyIfWarned:
    @pytest.fixture(autouse=True)
    def _nothing_goes_without_a_warning(self, points_for_a_month: WalletType):
        points_for_a_month.warns_days_before, points_for_a_month.expires_only_if_warned = 7, True
        points_for_a_month.save()

    def test_nothing_expires_before_its_warning_was_delivered(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "100.00")
        list(warnings.warn(shop.program, at=shop.later(days=28).at))
        later = shop.later(days=40)
        assert list(expiry.run(shop.program, at=later.at)) == []

        warnings.mark_delivered([Event.objects.get(type="points.expiring").number], at=later.at)

        assert [chunk.points for chunk in expiry.run(shop.program, at=later.at)] == [100]

    def test_what_became_due_without_a_warning_is_warned_of_then(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "100.00")

        assert list(warnings.warn(shop.program, at=shop.later(days=40).at)) == [1]


class TestInactivity:
    @pytest.fixture
    def shop(self, points: WalletType, shop: Shop) -> Shop:
        points.expiry_rule, points.expires_after = "inactivity", 6
        points.save()
        shop.program.refresh_from_db()
        return shop

    def test_takes_all_points_after_so_many_months_without_activity(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "100.00")
        shop.later(days=30).sells("receipt-2", "50.00")
        over = datetime(2027, 1, 1, 23, tzinfo=UTC)
        assert Wallet.objects.get().lapses_at == over

        early = list(expiry.run(shop.program, at=over - timedelta(seconds=1)))
        chunks = list(expiry.run(shop.program, at=over))

        assert early == []
        assert [chunk.points for chunk in chunks] == [150]
        wallet = Wallet.objects.get()
        assert (wallet.available, wallet.lapses_at) == (0, None)
        assert list(verify.run()) == []

    def test_is_ended_by_spending(self, shop: Shop, points: WalletType, ada: Member):
        reward = factories.RewardFactory.create(program=shop.program, wallet_type=points, price=60)
        shop.sells("receipt-1", "100.00")

        shop.later(days=150).redeems(reward.key)

        assert Wallet.objects.get().lapses_at == datetime(2027, 4, 29, 22, tzinfo=UTC)

    def test_is_not_ended_by_an_event_that_earns_nothing(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "100.00")

        shop.later(days=150).hears_of("login-1", "app.login")

        assert Wallet.objects.get().lapses_at == datetime(2026, 12, 1, 23, tzinfo=UTC)

    def test_counts_a_late_report_from_when_it_happened_and_never_back(self, shop: Shop, ada: Member):
        shop.later(days=60).sells("receipt-1", "100.00")

        shop.later(days=61).sells("receipt-2", "100.00", occurred_at=shop.at)

        assert Wallet.objects.get().lapses_at == datetime(2027, 1, 31, 23, tzinfo=UTC)

    def test_cost_a_sale_no_statement(self, shop: Shop, ada: Member, django_assert_num_queries):
        shop.sells("receipt-1", "10.00")

        with django_assert_num_queries(4):  # with the two of the savepoint in a test's transaction
            shop.later(days=1).sells("receipt-2", "10.00")

    @pytest.mark.parametrize("query", [expiry._LAPSED, warnings._LAPSING])
    def test_is_gone_through_without_sorting_all_who_lapse_at_one_midnight(self, points_for_a_month, query):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
            cursor.execute("SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off")
            cursor.execute(f"EXPLAIN (GENERIC_PLAN) {query}")
            plan = "\n".join(line for (line,) in cursor.fetchall())

        assert "wallets_that_lapse_by_type" in plan, plan
        assert "Sort" not in plan, plan


class TestWarnings:
    @pytest.fixture(autouse=True)
    def _members_are_warned(self, points_for_a_month: WalletType):
        points_for_a_month.warns_days_before = 7
        points_for_a_month.save()

    def test_tell_each_wallet_of_each_date_once(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "100.00")
        shop.sells("receipt-2", "20.00")
        shop.later(days=1).sells("receipt-3", "50.00")

        early = list(warnings.warn(shop.program, at=shop.later(days=22).at))
        first = list(warnings.warn(shop.program, at=shop.later(days=23).at))
        second = list(warnings.warn(shop.program, at=shop.later(days=24).at))
        third = list(warnings.warn(shop.program, at=shop.later(days=24).at))

        assert (early, first, second, third) == ([], [1], [1], [])
        (told, _) = Event.objects.filter(type="points.expiring").order_by("number")
        assert told.member_id == ada.pk
        assert told.data == {
            "warning_id": str(ExpiryWarning.objects.order_by("pk")[0].pk),
            "wallet_type": "points",
            "points": 120,
            "balance": 170,
            "expires_at": "2026-07-01T22:00:00Z",
            "last_day": "2026-07-01",
        }
        assert list(verify.run()) == []

    def test_are_not_for_what_is_due_already_nor_for_other_programs(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "100.00")

        assert list(warnings.warn(shop.program, at=shop.later(days=40).at)) == []
        assert list(warnings.warn(factories.ProgramFactory.create(), at=shop.later(days=28).at)) == []

    def test_go_through_in_chunks(self, shop: Shop, ada: Member, monkeypatch):
        monkeypatch.setattr(warnings, "LOTS_AT_A_TIME", 2)
        for number in range(5):
            factories.IdentifierFactory.create(member__program=shop.program, value=f"m{number}")
            shop.sells(f"receipt-{number}", "10.00", member=MemberReference("card", f"m{number}"))

        assert list(warnings.warn(shop.program, at=shop.later(days=28).at)) == [2, 2, 1]


class TestUndo:
    @pytest.fixture
    def run(self, points_for_a_month: WalletType, shop: Shop, ada: Member) -> ExpiryRun:
        """A run that took 100 points of Ada's."""
        shop.sells("receipt-1", "100.00")
        list(expiry.run(shop.program, at=shop.later(days=40).at))
        return ExpiryRun.objects.get()

    def undo(self, run: ExpiryRun, shop: Shop, last_day: date = date(2026, 8, 31)) -> list[int]:
        at = shop.later(days=41).at
        expiry_undo.begin(run.pk, program=shop.program, last_day=last_day, actor="staff:1", at=at)
        return list(expiry_undo.proceed(run.pk, at=at))

    def test_gives_the_points_back_with_a_new_date(self, run: ExpiryRun, shop: Shop, ada: Member):
        assert self.undo(run, shop) == [100, 0]

        run.refresh_from_db()
        lot = Lot.objects.get()
        assert (run.status, run.undone_points, run.undone_by) == ("undone", 100, "staff:1")
        assert (lot.available, lot.expired) == (100, 0)
        assert lot.expires_at == datetime(2026, 8, 31, 22, tzinfo=UTC)
        posting = Posting.objects.get(entry__kind="restore")
        assert (posting.source, posting.destination) == ("expired", "available")
        assert posting.new_expires_at == lot.expires_at
        event = Event.objects.get(type="points.restored")
        assert (event.data["points"], event.data["balance"]) == (100, 100)
        assert list(verify.run()) == []

    def test_happens_once(self, run: ExpiryRun, shop: Shop, ada: Member):
        self.undo(run, shop)

        with pytest.raises(CannotBeUndone, match="undone before"):
            self.undo(run, shop)

        assert Wallet.objects.get().available == 100

    @pytest.mark.parametrize(("returned", "left"), [("100.00", 0), ("40.00", 60)])
    def test_does_not_give_back_what_goods_that_came_back_had_earned(
        self, run: ExpiryRun, shop: Shop, ada: Member, returned: str, left: int
    ):
        shop.later(days=40).takes_back("return-1", "receipt-1", returned)

        self.undo(run, shop)

        assert (Wallet.objects.get().available, Lot.objects.get().expired) == (left, 100 - left)
        assert list(verify.run()) == []

    def test_leaves_the_rest_of_the_sale_to_later_returns(self, run: ExpiryRun, shop: Shop, ada: Member):
        shop.later(days=40).takes_back("return-1", "receipt-1", "40.00")
        self.undo(run, shop)

        shop.later(days=42).takes_back("return-2", "receipt-1")

        assert Wallet.objects.get().available == 0
        assert Lot.objects.get().reversed == 60
        assert list(verify.run()) == []

    def test_refuses_a_day_that_is_over(self, run: ExpiryRun, shop: Shop):
        with pytest.raises(InvalidInput, match="in the future"):
            self.undo(run, shop, last_day=date(2026, 7, 12))

        assert not Entry.objects.filter(kind="restore").exists()

    def test_knows_no_run_of_another_program(self, run: ExpiryRun, shop: Shop):
        other = factories.ProgramFactory.create()

        with pytest.raises(ExpiryRun.DoesNotExist):
            expiry_undo.begin(
                run.pk, program=other, last_day=date(2026, 8, 31), actor="a", at=shop.later(days=41).at
            )

    def test_goes_on_where_it_was_broken_off(self, points_for_a_month, shop: Shop, ada: Member, monkeypatch):
        monkeypatch.setattr(expiry_undo, "WALLETS_AT_A_TIME", 2)
        for number in range(5):
            factories.IdentifierFactory.create(member__program=shop.program, value=f"m{number}")
            shop.sells(f"receipt-{number}", "10.00", member=MemberReference("card", f"m{number}"))
        list(expiry.run(shop.program, at=shop.later(days=40).at))
        run, at = ExpiryRun.objects.get(), shop.later(days=41).at
        expiry_undo.begin(run.pk, program=shop.program, last_day=date(2026, 8, 31), actor="a", at=at)
        next(expiry_undo.proceed(run.pk, at=at))

        assert list(expiry_undo.proceed(run.pk, at=at)) == [20, 10, 0]

        run.refresh_from_db()
        assert (run.undone_points, Wallet.objects.filter(available=10).count()) == (50, 5)
        assert list(verify.run()) == []

    def test_gives_nothing_to_who_was_forgotten(self, run: ExpiryRun, shop: Shop, ada: Member):
        Member.objects.filter(pk=ada.pk).update(status="erased")

        assert sum(self.undo(run, shop)) == 0

    def test_brings_back_what_lapsed_with_the_new_date_on_the_wallet(
        self, points: WalletType, shop: Shop, ada: Member
    ):
        points.expiry_rule, points.expires_after = "inactivity", 1
        points.save()
        shop.program.refresh_from_db()
        shop.sells("receipt-1", "100.00")
        list(expiry.run(shop.program, at=shop.later(days=40).at))

        self.undo(ExpiryRun.objects.get(), shop)

        wallet = Wallet.objects.get()
        assert (wallet.available, wallet.lapses_at) == (100, datetime(2026, 8, 31, 22, tzinfo=UTC))
