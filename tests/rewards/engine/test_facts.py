from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest

from rewards.engine.catalogue import SCOPES, birthday_in
from rewards.engine.facts import ActivityFacts, LineFacts, MemberFacts, Moment
from tests.rewards.engine.builders import ADA, BERLIN, event, facts, sale


def read(key, given=None, *, scope="sale"):
    fact = SCOPES[scope].find(key)
    assert fact
    return (given or facts())[fact]


class TestAFact:
    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("sale.amount", Decimal("53.20")),
            ("sale.store", "mitte"),
            ("sale.source", "till"),
            ("sale.line_count", 3),
            ("sale.quantity", Decimal(4)),
            ("sale.categories", {"coffee", "tea"}),
            ("sale.brands", {"Bella"}),
            ("sale.departments", {"drinks"}),
            ("sale.skus", {"espresso", "sencha", "mug"}),
            ("member.tier", "silver"),
            ("member.balance", 120),
            ("member.age_years", 36),
            ("member.days_enrolled", 30),
            ("member.is_birthday", True),
            ("member.is_birthday_month", True),
            ("member.attribute.city", "Berlin"),
            ("member.attribute.children", Decimal(2)),
            ("member.attribute.newsletter", True),
            ("member.attribute.height", Decimal("1.68")),
            ("moment.weekday", "saturday"),
            ("moment.hour", 12),
            ("moment.date", date(2026, 6, 6)),
        ],
    )
    def test_is_read_from_what_the_engine_is_told(self, key, value):
        assert read(key) == value

    @pytest.mark.parametrize("key", ["member.age_years", "member.is_birthday", "member.is_birthday_month"])
    def test_about_birthdays_is_unknown_without_a_birth_date(self, key):
        stranger = MemberFacts(tier="", balance=0, enrolled_date=date(2026, 6, 6))

        assert read(key, facts(member=stranger)) is None

    @pytest.mark.parametrize("value", [None, [1], {"a": 1}, float("nan"), float("inf")])
    def test_of_an_attribute_that_is_no_text_number_or_truth_value_is_unknown(self, value):
        assert read("sale.attribute.odd", facts(sale(attributes={"odd": value}))) is None

    def test_of_an_event_is_among_its_attributes(self):
        assert read("event.attribute.level", facts(event(level=3)), scope="event") == 3

    def test_about_a_line_is_found_only_among_the_facts_of_lines(self):
        assert SCOPES["sale"].find("line.sku") is None
        assert SCOPES["line"].find("sale.amount") is None
        assert read("line.sku", facts().lines[0], scope="line") == "espresso"

    def test_is_computed_once(self):
        given = facts()

        assert read("sale.categories", given) is read("sale.categories", given)

    def test_is_listed_with_its_label_and_its_operators(self):
        listed = {fact.key: fact for fact in SCOPES["sale"].facts()}

        assert listed["sale.amount"].label.text() == "sale amount"
        assert listed["sale.amount"].operators == ("eq", "ne", "gte", "gt", "lte", "lt", "between")
        assert listed["member.age_years"].operators[-1] == "known"
        assert "line.sku" not in listed


class TestBirthdays:
    @pytest.mark.parametrize(
        ("today", "age", "is_birthday"),
        [
            (date(2025, 2, 27), 24, False),
            (date(2025, 2, 28), 25, True),
            (date(2028, 2, 28), 27, False),
            (date(2028, 2, 29), 28, True),
        ],
    )
    def test_of_29_february_are_celebrated_a_day_earlier_in_other_years(self, today, age, is_birthday):
        leapling = MemberFacts(
            tier="", balance=0, enrolled_date=date(2024, 1, 1), birth_date=date(2000, 2, 29)
        )
        at = datetime(today.year, today.month, today.day, 9, tzinfo=BERLIN)

        given = facts(member=leapling, at=at)

        assert read("member.age_years", given) == age
        assert read("member.is_birthday", given) is is_birthday
        assert (birthday_in(today.year, date(2000, 2, 29)) == today) is is_birthday

    def test_are_those_of_the_local_day(self):
        late_on_the_5th_in_utc = datetime(2026, 6, 5, 22, 30, tzinfo=UTC).astimezone(BERLIN)

        assert read("member.is_birthday", facts(at=late_on_the_5th_in_utc)) is True


class TestMemberFacts:
    def test_come_back_from_json_as_they_were(self):
        stored = msgspec.json.decode(msgspec.json.encode(ADA.to_json()))

        assert MemberFacts.from_json(stored) == ADA

    def test_that_are_stored_say_dates_as_text(self):
        assert ADA.to_json()["birth_date"] == "1990-06-06"

    def test_refuse_json_that_is_something_else(self):
        with pytest.raises(msgspec.ValidationError, match="balance"):
            MemberFacts.from_json({"tier": "gold", "balance": "much", "enrolled_date": "2026-01-01"})


class TestWhatTheEngineIsTold:
    @pytest.mark.parametrize(
        "amount", ["NaN", "sNaN", "Infinity", "-Infinity", "1e400", "1000000000000", "-0.01"]
    )
    def test_is_refused_where_the_amount_is_no_amount(self, amount):
        with pytest.raises(ValueError, match="amount must"):
            ActivityFacts(kind="sale", amount=Decimal(amount))

    def test_is_refused_where_a_line_has_no_number(self):
        with pytest.raises(ValueError, match="quantity must be a number"):
            LineFacts(id="1", quantity=Decimal("NaN"))
        with pytest.raises(ValueError, match="amount must be a number"):
            LineFacts(id="1", amount=Decimal("NaN"))

    def test_may_have_lines_that_take_something_off(self):
        assert LineFacts(id="1", amount=Decimal(-5)).amount == -5

    def test_is_refused_where_the_moment_has_no_time_zone(self):
        with pytest.raises(ValueError, match="needs a time zone"):
            Moment(datetime(2026, 6, 6))

    @pytest.mark.parametrize("year", [1, 9999])
    def test_is_refused_where_the_moment_is_at_the_end_of_the_calendar(self, year):
        with pytest.raises(ValueError, match="out of range"):
            Moment(datetime(year, 1, 1, tzinfo=UTC))

    def test_is_not_the_same_as_other_facts_that_nobody_looked_at(self):
        assert facts() != facts()
