"""What purchases have named: read once, in order, and found by what somebody types."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from loyalty.core.ids import first_id_of, new_id
from rewards.models import KnownField, KnownValue
from rewards.planning import known_values
from tests import factories
from tests.cast import line


@pytest.fixture
def soon() -> datetime:
    """When all that has just been recorded is certain to be there."""
    return datetime.now(tz=UTC) + timedelta(minutes=5)


def values(program, field: KnownField) -> list[tuple[str, str]]:
    return list(
        KnownValue.objects.filter(program=program, field=field)
        .order_by("value")
        .values_list("value", "label")
    )


class TestLearn:
    def test_learns_what_a_purchase_names_exactly_as_it_is_written(self, shop, ada, program, soon):
        latte = line("1", "4.00", category="HOT Coffee", brand="Bella", department="bar", name="Latte, large")
        shop.sells("r-1", "4.00", store="Mitte", lines=(latte,))

        read = known_values.learn(program, until=soon)

        assert read == 1
        assert values(program, KnownField.STORE) == [("Mitte", "")]
        assert values(program, KnownField.CATEGORY) == [("HOT Coffee", "")]
        assert values(program, KnownField.BRAND) == [("Bella", "")]
        assert values(program, KnownField.DEPARTMENT) == [("bar", "")]
        assert values(program, KnownField.SKU) == [("sku-1", "Latte, large")]

    def test_reads_each_activity_once(self, shop, ada, program, soon):
        shop.sells("r-1", "4.00", store="Mitte")
        known_values.learn(program, until=soon)
        shop.sells("r-2", "4.00", store="Wedding")

        read = known_values.learn(program, until=soon)

        assert read == 1
        assert values(program, KnownField.STORE) == [("Mitte", ""), ("Wedding", "")]

    def test_leaves_what_may_still_be_overtaken_for_the_next_time(self, shop, ada, program):
        shop.sells("r-1", "4.00", store="Mitte")

        assert known_values.learn(program, until=datetime.now(tz=UTC)) == 0

    def test_goes_through_many_in_chunks(self, shop, ada, program, soon, monkeypatch):
        monkeypatch.setattr(known_values, "CHUNK", 2)
        for number in range(5):
            shop.sells(f"r-{number}", "4.00", store=f"store-{number}")

        assert known_values.learn(program, until=soon) == 5
        assert len(values(program, KnownField.STORE)) == 5

    def test_keeps_the_day_of_the_newest_purchase_in_the_programs_time_zone(self, shop, ada, program, soon):
        late = datetime(2026, 5, 31, 22, 30, tzinfo=UTC)
        shop.sells("r-1", "4.00", store="Mitte", occurred_at=late)
        known_values.learn(program, until=soon)
        shop.sells("r-2", "4.00", store="Mitte", occurred_at=late - timedelta(days=3))
        known_values.learn(program, until=soon)

        assert KnownValue.objects.get(field=KnownField.STORE).last_seen.isoformat() == "2026-06-01"

    def test_learns_nothing_of_another_program(self, shop, ada, program, soon):
        shop.sells("r-1", "4.00", store="Mitte")
        elsewhere = factories.ProgramFactory.create()

        assert known_values.learn(elsewhere, until=soon) == 0
        assert not KnownValue.objects.exists()


@pytest.mark.django_db
class TestIds:
    def test_an_id_made_at_a_moment_lies_between_those_of_the_moments_around_it(self):
        now = datetime.now(tz=UTC)

        assert first_id_of(now - timedelta(seconds=1)) < new_id() < first_id_of(now + timedelta(seconds=5))


def learnt(program, *pairs: tuple[str, str], field: KnownField = KnownField.SKU) -> None:
    KnownValue.objects.bulk_create(
        KnownValue(program=program, field=field, value=value, label=label, last_seen="2026-06-01")
        for value, label in pairs
    )


def scans() -> int:
    """How often this session has read the table from end to end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'rewards_knownvalue'")
        ((number,),) = cursor.fetchall()
    return int(number)


class TestSearch:
    def test_finds_beginnings_first_and_then_what_has_it_inside(self, program):
        learnt(program, ("1", "Decaf coffee"), ("coffee-7", "Beans"), ("2", "Coffee mug"), ("3", "Tea"))

        found = known_values.search(program, KnownField.SKU, "COFF", limit=20)

        assert found == [("coffee-7", "Beans"), ("2", "Coffee mug"), ("1", "Decaf coffee")]

    def test_calls_a_value_without_a_label_by_itself(self, program):
        learnt(program, ("Mitte", ""), field=KnownField.STORE)

        assert known_values.search(program, KnownField.STORE, "", limit=20) == [("Mitte", "Mitte")]

    @pytest.mark.parametrize("text", ["%", "_", "\\", "100%", "\0", "'"])
    def test_takes_every_character_for_itself(self, program, text):
        learnt(program, ("100% arabica", ""), ("other", ""))

        found = known_values.search(program, KnownField.SKU, text, limit=20)

        assert all(text.strip("\0").casefold() in value.casefold() for value, _label in found)

    def test_finds_nothing_of_another_program_or_field(self, program):
        learnt(factories.ProgramFactory.create(), ("coffee", ""))
        learnt(program, ("coffee", ""), field=KnownField.BRAND)

        assert known_values.search(program, KnownField.SKU, "coffee", limit=20) == []

    @pytest.mark.parametrize("text", ["item 7777", "em 77777", "", "7", "nothing like it"])
    def test_reads_the_table_by_its_indexes_alone(self, program, text, django_assert_max_num_queries):
        learnt(program, *((f"sku-{number}", f"Item {number}") for number in range(20_000)))
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE rewards_knownvalue")
        before = scans()

        with django_assert_max_num_queries(8):
            known_values.search(program, KnownField.SKU, text, limit=20)

        assert scans() == before
