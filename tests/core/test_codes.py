"""What is invisible in a code."""

import unicodedata

import pytest

from loyalty.core import codes

SEEN = [
    "till-7/2026-06-01/000123",
    "a b",
    "Müller",
    "東京-1",
    "№ 5",
    "ÄÖÜ",
    "🍕",
    "ab\u0301c",
    "שלום",
    "हिन्दी",
]
UNSEEN = {
    "NUL": "\0",
    "line feed": "\n",
    "tabulator": "\t",
    "delete": "\x7f",
    "next line": "\x85",
    "no-break space": "\xa0",
    "soft hyphen": "\xad",
    "grapheme joiner": "\u034f",
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "right-to-left mark": "\u200f",
    "line separator": "\u2028",
    "right-to-left override": "\u202e",
    "word joiner": "\u2060",
    "isolate": "\u2066",
    "Hangul filler": "\u3164",
    "variation selector": "\ufe0f",
    "byte order mark": "\ufeff",
    "tag": "\U000e0041",
}


@pytest.mark.parametrize("code", SEEN)
def test_what_is_seen_is_visible(code):
    assert codes.is_visible(code)


@pytest.mark.parametrize("code", UNSEEN.values(), ids=UNSEEN)
@pytest.mark.parametrize("around", ["{}1", "1{}", "1{}2"])
def test_what_is_not_seen_is_not(code, around):
    assert not codes.is_visible(around.format(code))


def test_all_that_unicode_calls_control_or_blank_is_invisible():
    hidden = {"Cc", "Zl", "Zp", "Zs"}
    found = {chr(number) for number in range(0x110000) if unicodedata.category(chr(number)) in hidden}

    assert {one for one in found if codes.is_visible(one)} == {" "}
