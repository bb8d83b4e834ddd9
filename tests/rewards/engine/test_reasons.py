from decimal import Decimal

import msgspec
import pytest

from rewards.engine.evaluate import evaluate
from rewards.engine.reasons import Reason, joined, listed, money, number
from tests.rewards.engine.builders import campaign, facts, per_unit


def spoken(said: Reason | str) -> str:
    assert isinstance(said, Reason)
    return said.text()


class TestAReason:
    @pytest.mark.parametrize(
        ("points", "text"),
        [(1, "1 point"), (0, "0 points"), (1500, "1,500 points"), ("1", "1 point"), ("1.5", "1.5 points")],
    )
    def test_speaks_in_the_singular_of_one_only(self, points, text):
        assert Reason("points", {"points": points}).text() == text

    def test_is_translated_in_all_its_parts(self):
        asked = []

        def german(one, many, count):
            asked.append((one, many, count))
            return {"{points} point": "{points} Punkte", "{first} and {last}": "{first} und {last}"}[one]

        reason = Reason("and", {"first": Reason("points", {"points": 7}), "last": "mehr"})

        assert reason.text(german) == "7 Punkte und mehr"
        assert ("{points} point", "{points} points", 7) in asked

    def test_does_not_read_placeholders_in_what_users_wrote(self):
        reason = Reason("of_fact", {"fact": "{what.__class__}", "what": "{0}"})

        assert reason.text() == "{what.__class__}: {0}"

    def test_comes_back_from_json_as_it_was(self):
        [award] = evaluate([campaign(per_unit())], facts(), rounding="down")

        stored = msgspec.json.decode(msgspec.json.encode(award.reason.to_json()))

        assert Reason.from_json(stored) == award.reason


class TestWords:
    @pytest.mark.parametrize(
        ("currency", "text"),
        [("EUR", "€1,250.50"), ("USD", "$1,250.50"), ("CHF", "1,250.50 CHF"), ("", "1,250.50")],
    )
    def test_money_carries_its_currency(self, currency, text):
        assert money(Decimal("1250.5"), currency).text() == text

    @pytest.mark.parametrize(
        ("value", "text"), [("1.50", "1.5"), ("100", "100"), ("1E+3", "1000"), ("0.0", "0")]
    )
    def test_numbers_say_no_more_than_needed(self, value, text):
        assert number(Decimal(value)) == text

    def test_lists_are_joined(self):
        assert joined(["a"], by="comma", last_by="and") == "a"
        assert spoken(joined(["a", "b"], by="comma", last_by="and")) == "a and b"
        assert spoken(joined(["a", "b", "c", "d"], by="comma", last_by="or")) == "a, b, c or d"

    def test_long_lists_are_counted(self):
        assert spoken(listed(list("abcde"), by="or")) == "a, b, c, d or e"
        assert spoken(listed(list("abcdef"), by="or")) == "a, b, c, d or 2 others"
