from datetime import date
from decimal import Decimal

import pytest

from loyalty.core import spreadsheets


class TestLines:
    def test_writes_numbers_and_dates_plainly(self):
        found = list(spreadsheets.lines(["a", "b", "c"], [(Decimal("-1.50"), -3, date(2026, 1, 31))]))

        assert found == ["a,b,c\r\n", "-1.50,-3,2026-01-31\r\n"]

    def test_writes_small_numbers_without_an_exponent(self):
        assert list(spreadsheets.lines(["a"], [(Decimal("0.00000001"),)]))[1] == "0.00000001\r\n"

    @pytest.mark.parametrize(
        "start", ["=", "+", "-", "@", "\t", "\r", "|", "%", " =", "\u00a0=", "\ufeff@", "\uff1d", "\uff20"]
    )
    def test_makes_no_formula_of_a_text(self, start: str):
        (_header, line) = spreadsheets.lines(["a"], [(f"{start}cmd",)])

        assert line.startswith(("'", "\"'"))

    def test_leaves_other_texts_as_they_are(self):
        assert list(spreadsheets.lines(["a"], [(" Ada = King",)]))[1] == " Ada = King\r\n"

    def test_quotes_what_would_be_another_cell(self):
        (_header, line) = spreadsheets.lines(["a", "b"], [('1,"2"\n', "x")])

        assert line == '"1,""2""\n",x\r\n'
