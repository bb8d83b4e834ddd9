import re
from datetime import date, datetime
from time import monotonic
from typing import Annotated, Literal

import orjson
import pytest
from django.test import Client
from msgspec import Meta, Struct

from loyalty.core.api import parsing
from loyalty.core.api.refusals import InvalidBody, MalformedJSON
from loyalty.core.models import Event
from rewards.deciding.activities import Money, QuantityText

JSON = "application/json"


def refusal(till, body, **headers):
    response = till.post("/v1/orders", body, **headers)
    assert not Event.objects.exists()
    assert response.headers["Content-Type"] == "application/problem+json"
    return response.status_code, response.json()["code"]


class TestBody:
    @pytest.mark.parametrize(
        "raw",
        [
            b" ",
            b"{",
            b"nonsense",
            b'{"number": NaN}',
            b'{"number": "\xff"}',
            b'{"number": "\x00"}',
            b'{"number": "\\ud800"}',
            b'\xef\xbb\xbf{"number": "1"}',
            b"[" * 100_000,
            b"[" * 100_000 + b"]" * 100_000,
            b'{"number": "1"} {"number": "2"}',
        ],
        ids=lambda raw: repr(raw[:20]),
    )
    def test_is_refused_if_it_is_no_json(self, till, raw):
        assert refusal(till, raw) == (400, "malformed_json")

    @pytest.mark.parametrize(
        "raw",
        [
            b"[" * 501 + b"]" * 501,
            b'{"a":' * 501 + b"1" + b"}" * 501,
            b'["]]]", "\\"]]]",' * 501 + b"1" + b"]" * 501,
            b"[" * 501 + b"]" * 500 + b'"',
        ],
        ids=["arrays", "objects", "brackets in texts", "unfinished"],
    )
    def test_is_refused_if_it_is_too_deep_for_the_stack_of_a_thread(self, raw):
        with pytest.raises(MalformedJSON, match="nested too deeply"):
            parsing.loads(raw)

    @pytest.mark.parametrize(
        "raw",
        [b"[" * 500 + b"]" * 500, b"[" + b'{"a": []},' * 1000 + b"1]", b'["' + b"[{" * 1000 + b'"]'],
        ids=["just so deep", "wide", "brackets in a text"],
    )
    def test_may_be_large_as_long_as_it_is_not_deep(self, raw):
        assert parsing.loads(raw)

    def test_is_looked_through_once_whatever_is_in_it(self):
        began = monotonic()

        with pytest.raises(MalformedJSON):
            parsing.loads(b"[" * 501 + b'"' + b'\\"' * 1_000_000)

        assert monotonic() - began < 5

    @pytest.mark.parametrize(
        ("headers", "explained"),
        [
            ({"content_type": "text/plain"}, "Content-Type: application/json"),
            ({"content_type": "application/x-www-form-urlencoded"}, "Content-Type: application/json"),
            ({"content_type": "multipart/form-data; boundary=x"}, "Content-Type: application/json"),
            ({"content_type": ""}, "Content-Type: application/json"),
            ({"content_type": "application/json; charset=latin-1"}, "UTF-8"),
            ({"content_encoding": "gzip"}, "uncompressed"),
        ],
    )
    def test_is_refused_if_it_is_declared_as_something_else(self, till, headers, explained):
        response = till.post("/v1/orders", {"number": "1"}, **headers)

        assert response.status_code == 415
        assert response.json()["code"] == "unsupported_media_type"
        assert explained in response.json()["detail"]
        assert not Event.objects.exists()

    @pytest.mark.parametrize("path", ["/v1/orders", "/v1/members/card:1001/erase"])
    def test_is_refused_if_its_length_is_not_said(self, till, ada, path):
        response = till.post(path, b"", transfer_encoding="chunked")

        assert (response.status_code, response.json()["code"]) == (400, "bad_request")
        assert "Content-Length" in response.json()["detail"]

    def test_is_missed_where_there_is_none(self, till):
        response = till.post("/v1/orders", b"")

        assert (response.status_code, response.json()["detail"]) == (400, "There is no body.")

    def test_is_taken_with_a_charset_of_utf_8(self, till):
        response = till.post("/v1/orders", {"number": "1"}, content_type="application/json; charset=UTF-8")

        assert response.status_code == 201

    def test_is_refused_above_5_mb(self, till):
        assert refusal(till, b'{"number": "' + b"x" * (5 * 1024 * 1024) + b'"}') == (413, "body_too_large")

    def test_is_asked_for_only_once_the_caller_is_known(self):
        response = Client().post("/v1/orders", b"nonsense", content_type=JSON)

        assert response.status_code == 401


class TestExplained:
    @pytest.mark.parametrize(
        ("kind", "raw", "told"),
        [
            (Money, b'{"amount": "12,50", "currency": "EUR"}', "An amount is a text such as “12.50”"),
            (Money, b'{"amount": "12.505", "currency": "EUR"}', "An amount is a text such as “12.50”"),
            (Money, b'{"amount": "12.50", "currency": "euro"}', "A currency is a code of three"),
            (QuantityText, b'"-1"', "A quantity is a text such as “2” or “0.750”"),
        ],
    )
    def test_says_in_words_what_money_and_quantities_are(self, kind, raw, told):
        with pytest.raises(InvalidBody) as refused:
            parsing.of_bytes(raw, kind)

        assert str(refused.value.detail).startswith(told)
        assert "regex" not in str(refused.value.detail)

    @pytest.mark.parametrize("raw", [b'"soon"', b'"2026-06-01T12:00:00"'])
    def test_says_in_words_what_a_moment_is(self, raw):
        with pytest.raises(InvalidBody, match="2026-06-01T14:00:00\\+02:00.*with its offset from UTC"):
            parsing.of_bytes(raw, Annotated[datetime, Meta(tz=True)])

    def test_says_in_words_what_a_day_is(self):
        with pytest.raises(InvalidBody, match="A day is a text such as “2026-06-01”"):
            parsing.of_bytes(b'"2026-13-01"', date)

    @pytest.mark.parametrize("raw", [b"", b" \n"])
    def test_says_what_to_send_where_there_is_no_body(self, raw):
        with pytest.raises(MalformedJSON, match="There is no body. If there is nothing to say, send {}"):
            parsing.loads(raw)


class TestDecode:
    @pytest.mark.parametrize(
        ("body", "pointer", "explained"),
        [
            ({}, "#/number", "missing required field `number`"),
            ([], "#", "Expected `object`, got `array`"),
            ({"number": 1}, "#/number", "Expected `string`, got `integer`"),
            ({"number": "1", "nonsense": 1}, "#/nonsense", "unknown field `nonsense`"),
            ({"number": "1", "points": 1000}, "#/points", "unknown field `points`"),
            ({"number": "1", "lines": [{"sku": "a"}, {}]}, "#/lines/1/sku", "missing required field `sku`"),
            (
                {"number": "1", "lines": [{"sku": "a", "quantity": "x"}]},
                "#/lines/0/quantity",
                "Expected `integer`, got `string`",
            ),
            ({"number": "1", "lines": {}}, "#/lines", "Expected `array`, got `object`"),
            ({"number": "1", "amount": "12,50"}, "#/amount", "Invalid decimal string"),
            ({"number": "1", "attributes": {"a": 1}}, "#/attributes/a", "Expected `string`, got `integer`"),
        ],
    )
    def test_names_the_field_and_the_reason(self, till, body, pointer, explained):
        response = till.post("/v1/orders", body)

        assert response.status_code == 422
        assert response.json()["code"] == "invalid_input"
        (error,) = response.json()["errors"]
        assert error["pointer"] == pointer
        assert explained in error["detail"]
        assert not Event.objects.exists()

    @pytest.mark.parametrize(
        ("raw", "pointer"),
        [
            (b'{"number": "a\\u0000b"}', "#/number"),
            (b'{"number": "1", "lines": [{"sku": "a"}, {"sku": "\\u0000"}]}', "#/lines/1/sku"),
            (b'{"number": "1", "attributes": {"\\u0000": "x"}}', "#/attributes"),
            (b'{"number": "1", "lines": [{"sku": "2026-06-01T00:00:00.5-17:30"}]}', "#/lines/0/sku"),
        ],
    )
    def test_refuses_what_the_database_cannot_hold(self, till, raw, pointer):
        response = till.post("/v1/orders", raw)

        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == pointer

    def test_takes_an_escaped_backslash_before_u0000_as_what_it_is(self, till):
        response = till.post("/v1/echo", b'{"number": "\\\\u0000"}')

        assert response.json()["number"] == r"\u0000"

    def test_counts_the_last_of_a_repeated_name(self, till):
        response = till.post("/v1/echo", b'{"number": "1", "number": "2"}')

        assert response.json()["number"] == "2"

    def test_keeps_decimals_exact(self, till):
        response = till.post("/v1/echo", b'{"number": "1", "amount": "0.10000000000000000000000000001"}')

        assert response.json()["amount"] == "0.10000000000000000000000000001"

    @pytest.mark.parametrize(
        ("length", "pointer"), [(30, "#/lines/0/quantity"), (400, "#/lines/0/quantity"), (100_000, "#")]
    )
    def test_refuses_whole_numbers_that_nothing_can_hold(self, till, length, pointer):
        body = b'{"number": "1", "lines": [{"sku": "a", "quantity": ' + b"9" * length + b"}]}"

        response = till.post("/v1/orders", body)

        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == pointer


class TestCanonical:
    @pytest.mark.parametrize("written", [b"5", b"5.0", b"5e0", b"0.5E1"])
    def test_is_the_same_for_all_forms_of_a_whole_number(self, written):
        values = [parsing.loads(raw % written) for raw in (b"%b", b"[1,%b]", b'{"a": {"b": %b}}')]

        assert [parsing.canonical(value) for value in values] == [b"5", b"[1,5]", b'{"a":{"b":5}}']

    @pytest.mark.parametrize("raw", [b'"a:5.0,"', b'[5.5,"[5.0]"]', b"[1.0e300]"])
    def test_leaves_other_numbers_and_texts_as_they_are(self, raw):
        value = parsing.loads(raw)

        assert parsing.loads(parsing.canonical(value)) == value


class TestLoads:
    def test_reads_any_json(self):
        assert parsing.loads(b'{"a": [1, 2.5, null, true, "x"]}') == {"a": [1, 2.5, None, True, "x"]}

    def test_refuses_nul_in_names(self):
        with pytest.raises(InvalidBody, match=re.escape("U+0000")):
            parsing.loads(b'{"\\u0000": 1}')


class TestWholeNumbers:
    @pytest.mark.parametrize(("written", "quantity"), [("2.0", 2), ("1e3", 1000), ("-0.0", 0), ("7", 7)])
    def test_may_be_written_as_json_schema_admits(self, till, written, quantity):
        body = f'{{"number": "1", "lines": [{{"sku": "a", "quantity": {written}}}]}}'.encode()

        response = till.post("/v1/echo", body)

        assert response.json()["lines"] == [{"sku": "a", "quantity": quantity}]

    @pytest.mark.parametrize("written", ["2.5", "1e30", "-1.0", "1e7", '"2.0"', "9007199254740994.0"])
    def test_are_refused_where_they_are_none_or_not_exact(self, till, written):
        body = f'{{"number": "1", "lines": [{{"sku": "a", "quantity": {written}}}]}}'.encode()

        response = till.post("/v1/echo", body)

        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == "#/lines/0/quantity"


class Wish(Struct, frozen=True, forbid_unknown_fields=True):
    reason: Literal["lost_card", "fraud"] | None = None
    attributes: dict[Annotated[str, Meta(pattern="^[a-z]+$")], int | bool] = {}
    inner: "list[Wish]" = []


class TestRefusal:
    @pytest.mark.parametrize(
        ("raw", "detail", "pointer"),
        [
            (b'{"reason": "x"}', "“x” is none of fraud, lost_card.", "#/reason"),
            (
                b'{"inner": [{"inner": [{"reason": "it\'s"}]}]}',
                "“it's” is none of fraud, lost_card.",
                "#/inner/0/inner/0/reason",
            ),
            (
                b'{"attributes": {"one": 1, "two": 2.0, "three": 3.5, "four": "4"}}',
                "Expected `boolean | integer`, got `number`.",
                "#/attributes/three",
            ),
            (
                b'{"inner": [{"attributes": {"good": 1, "B/~": 1}}]}',
                "A name in this object: Expected `string` matching regex '^[a-z]+$'.",
                "#/inner/0/attributes/B~1~0",
            ),
        ],
    )
    def test_names_what_does_not_fit_and_what_would(self, raw, detail, pointer):
        with pytest.raises(InvalidBody) as refused:
            parsing.of_bytes(raw, Wish)

        assert (refused.value.detail, refused.value.pointer) == (detail, pointer)

    @pytest.mark.parametrize(
        "raw",
        [
            b'{"attributes": {"a": "x"}, "attributes": 5}',
            b'{"attributes": {"a": "x"}, "attributes": {}}',
            b'{"attributes": {"a": "x"}, "attributes": [[]]}',
            b'{"attributes": {"a": "x", "a": 1}}',
        ],
    )
    def test_names_the_object_alone_where_a_name_comes_twice(self, raw):
        with pytest.raises(InvalidBody) as refused:
            parsing.of_bytes(raw, Wish)

        assert refused.value.pointer == "#/attributes"

    def test_survives_a_list_that_comes_twice(self):
        with pytest.raises(InvalidBody) as refused:
            parsing.of_bytes(b'{"inner": [{"attributes": {"a": "x"}}], "inner": []}', Wish)

        assert refused.value.pointer == "#/inner/0/attributes"

    def test_names_the_object_alone_where_there_is_too_much_to_look_through(self):
        attributes = {"a" * 9: 1} | {"b" * n: "x" for n in range(1, 60)}

        with pytest.raises(InvalidBody) as refused:
            parsing.of_bytes(orjson.dumps({"attributes": attributes}), Wish)

        assert refused.value.pointer == "#/attributes"

    @pytest.mark.parametrize(
        "raw",
        [
            b'{"attributes": {"three": 3.5}, "inner": [',
            b'{"attributes": {"B": 1}, "inner": "',
            b'{"attributes": {"B": 1}, "inner": "\xff"}',
            b'{"attributes": {"B": 1}, "inner": "\\ud800"}',
        ],
        ids=["value", "name", "no UTF-8", "half a pair"],
    )
    def test_of_what_breaks_off_after_it_is_that_it_is_no_json(self, raw):
        with pytest.raises(MalformedJSON):
            parsing.of_bytes(raw, Wish)


class TestComposed:
    @pytest.mark.parametrize(
        ("raw", "found"),
        [
            ('["Cafe\u0301"]', ["Caf\u00e9"]),
            ('{"a": [{"b": "Cafe\u0301"}]}', {"a": [{"b": "Caf\u00e9"}]}),
            ('{"Cafe\u0301": 1}', {"Caf\u00e9": 1}),
            ('["Cafe\\u0301"]', ["Caf\u00e9"]),
            ('["Caf\\u00e9 \\u4eac \\ud83c\\udf55"]', ["Caf\u00e9 京 🍕"]),
        ],
        ids=["text", "deeper", "name", "escaped", "composed already"],
    )
    def test_makes_one_of_what_looks_the_same(self, raw, found):
        assert parsing.loads(raw.encode()) == found

    def test_leaves_numbers_as_they_are(self):
        raw = '{"é": "e\u0301", "a": 12345678901234567890123, "b": 1.0, "c": null, "d": [true]}'.encode()

        assert parsing.loads(raw) == {
            "é": "é",
            "a": 12345678901234567890123,
            "b": 1.0,
            "c": None,
            "d": [True],
        }
