from datetime import timedelta

import pytest

from members.ledger import verify
from members.models import Member, Wallet
from members.references import UnknownMember
from rewards import tasks
from rewards.deciding.activities import ReturnedLine
from rewards.deciding.recorded import AlreadyReported, Recorded
from rewards.journeys import earning, waiting
from rewards.journeys.returning import ReturnWasRefused, Waits
from rewards.models import Activity, WaitingReturn
from tests import factories
from tests.cast import Shop, line


class TestRecord:
    def test_applies_what_waits_in_the_order_of_reporting(self, shop: Shop, ada: Member):
        shop.hears_of_return("b1", "r1", "70.00")
        shop.hears_of_return("b2", "r1", "40.00")
        shop.hears_of_return("b3", "r1", "30.00")

        shop.sells("r1", "100.00")

        assert list(WaitingReturn.objects.order_by("pk").values_list("status", "reason")) == [
            ("applied", ""),
            ("refused", "Of this sale 30.00 EUR can still come back."),
            ("applied", ""),
        ]
        assert Wallet.objects.get(member=ada).available == 0
        assert list(verify.run()) == []

    def test_applies_it_at_the_moment_of_the_sale_under_the_id_that_was_told(self, shop: Shop, ada: Member):
        waits = shop.hears_of_return("b1", "r1")
        later = shop.later(hours=5)

        later.sells("r1", "100.00", occurred_at=shop.at - timedelta(hours=1))

        returned = Activity.objects.get(kind="return")
        assert isinstance(waits, Waits)
        assert (returned.pk, returned.occurred_at, returned.recorded_at) == (waits.id, shop.at, later.at)
        assert WaitingReturn.objects.get().activity == returned

    def test_moves_what_a_slow_clock_dates_before_the_sale_to_its_moment(self, shop: Shop, ada: Member):
        shop.hears_of_return("b1", "r1")

        later = shop.later(minutes=5)
        later.sells("r1", "100.00")

        assert Activity.objects.get(kind="return").occurred_at == later.at
        assert Wallet.objects.get(member=ada).available == 0
        assert list(verify.run()) == []

    def test_refuses_what_was_brought_back_before_it_was_sold(self, shop: Shop, ada: Member):
        shop.hears_of_return("b1", "r1")

        shop.later(hours=1).sells("r1", "100.00")

        assert WaitingReturn.objects.get().reason == "Nothing comes back before it was sold."
        assert Wallet.objects.get(member=ada).available == 100
        with pytest.raises(ReturnWasRefused, match="before it was sold"):
            shop.hears_of_return("b1", "r1")

    def test_refuses_lines_that_the_sale_does_not_have(self, shop: Shop, ada: Member):
        shop.hears_of_return("b1", "r1", None, ReturnedLine(id="2"))

        shop.sells("r1", "100.00", lines=(line("1", "100.00"),))

        assert WaitingReturn.objects.get().reason == "The sale was reported without a line “2”."

    def test_keeps_the_outside_id_for_what_waits(self, shop: Shop, ada: Member):
        shop.hears_of_return("b1", "r1")
        shop.sells("r2", "50.00")

        with pytest.raises(AlreadyReported):
            shop.hears_of_return("b1", "r2")

        assert Wallet.objects.get(member=ada).available == 50

    def test_applies_what_waits_for_sales_of_a_bulk_call(self, shop: Shop, ada: Member):
        shop.hears_of_return("b1", "r1", "10.00")
        shop.hears_of_return("b3", "r3")

        results = earning.record_many(
            [shop.sale(f"r{number}", "100.00") for number in range(1, 5)],
            program=shop.program,
            source=shop.source,
            actor="partner:till",
            at=shop.at,
        )

        assert [isinstance(result, Recorded) for result in results] == [True] * 4
        assert Wallet.objects.get(member=ada).available == 400 - 10 - 100

    def test_leaves_it_waiting_when_the_sale_is_refused(self, shop: Shop):
        shop.hears_of_return("b1", "r1")

        with pytest.raises(UnknownMember):
            shop.sells("r1", "100.00")

        assert WaitingReturn.objects.get().status == "waiting"

    def test_is_not_applied_by_an_event_of_that_name(self, shop: Shop, ada: Member):
        shop.hears_of_return("b1", "r1")

        shop.hears_of("r1", "app.login")

        assert WaitingReturn.objects.get().status == "waiting"

    def test_costs_a_sale_that_nothing_waits_for_no_statement(
        self, shop: Shop, ada: Member, django_assert_num_queries
    ):
        shop.sells("r0", "1.00")
        shop.hears_of_return("b9", "r9")

        # One reads, one writes; and in a test the savepoint around it.
        with django_assert_num_queries(4):
            shop.sells("r1", "100.00")


class TestSweep:
    @pytest.fixture
    def crossed(self, shop: Shop, ada: Member, monkeypatch: pytest.MonkeyPatch) -> Shop:
        """The return was written after the sale had looked for it, or the process died between the two."""
        with monkeypatch.context() as patch:
            patch.setattr(waiting, "apply", lambda *args, **kwargs: 0)
            shop.hears_of_return("b1", "r1", "30.00")
            shop.hears_of_return("b2", "r2", "30.00")
            shop.sells("r1", "100.00")
        return shop

    def test_applies_what_was_left_behind(self, crossed: Shop, ada: Member):
        assert waiting.sweep(crossed.program, at=crossed.at) == 1

        assert Wallet.objects.get(member=ada).available == 70
        assert list(WaitingReturn.objects.order_by("pk").values_list("status", flat=True)) == [
            "applied",
            "waiting",
        ]
        assert waiting.sweep(crossed.program, at=crossed.at) == 0
        assert list(verify.run()) == []

    def test_is_done_by_the_task_in_every_program(self, crossed: Shop, ada: Member):
        factories.ProgramFactory.create(key="elsewhere")

        tasks.apply_waiting_returns()

        assert Wallet.objects.get(member=ada).available == 70

    def test_is_not_waited_for_by_a_repeated_report(self, crossed: Shop, ada: Member):
        answer = crossed.hears_of_return("b1", "r1", "30.00")

        assert isinstance(answer, Recorded)
        assert WaitingReturn.objects.get(external_id="b1").status == "applied"
        assert Wallet.objects.get(member=ada).available == 70
