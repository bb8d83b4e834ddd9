"""Whatever a partner sends, it gets a clear answer, and what is refused changes nothing."""

from typing import Any
from urllib.parse import quote

import orjson
import pytest
from django.db.models import Model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from members.ledger import verify
from members.models import Segment
from tests.test_permissions import EFFECTS, TABLE
from tests.truth.fuzz.mutations import places, put

POSTS = sorted(operation for operation in TABLE if operation.startswith("POST"))
FUZZED = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

odd_texts = st.sampled_from(
    ["", " ", "\0", "\u202e", "💶" * 300, "1e999", "NaN", "-1", "0x10", "9" * 400, "2026-02-30", "null"]
)
odd_values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**62, max_value=2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | odd_texts
    | st.datetimes().map(lambda moment: f"{moment.isoformat()}Z")
)
json_values = st.recursive(
    odd_values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def dumped(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # a number beyond 64 bits, a lone surrogate: as others would write it
        import json

        return json.dumps(value).encode()


def counts() -> list[int]:
    return [model._default_manager.count() for model in _kept()]


def _kept() -> list[type[Model]]:
    # A final refusal is kept for its repeats: that is no change of the program's.
    return [model for model in EFFECTS if model.__name__ != "IdempotencyRecord"]


@pytest.fixture
def world(ada, shop):
    Segment.objects.create(program=shop.program, key="vip", name="VIP", kind="list")
    shop.sells("receipt-1", "1000.00")


@pytest.mark.parametrize("operation", POSTS)
class TestPost:
    @FUZZED
    @given(data=st.data())
    def test_survives_a_body_with_something_odd_in_it(self, operation, till, world, data):
        case = TABLE[operation]
        path = data.draw(st.sampled_from(list(places(case.body))))
        body = put(case.body, path, data.draw(json_values))
        before = counts()

        response = till.post(case.address, dumped(body))

        assert response.status_code < 500
        if response.status_code >= 400:
            assert response.headers["Content-Type"] == "application/problem+json"
            assert response.json()["detail"]
            assert counts() == before

    @FUZZED
    @given(raw=st.binary(max_size=40))
    def test_survives_bytes_that_are_nothing(self, operation, till, world, raw):
        response = till.post(TABLE[operation].address, raw or b" ")

        assert response.status_code in (400, 422)

    @FUZZED
    @given(name=st.text(min_size=1, max_size=20))
    def test_refuses_a_field_that_it_does_not_know(self, operation, till, world, name):
        case = TABLE[operation]
        if name in {*(case.body or {}), "attributes", "lines", "store", "first_name", "last_name"}:
            return

        response = till.post(case.address, dumped({**(case.body or {}), name: 1}))

        assert response.status_code == 422


class TestGet:
    @FUZZED
    @given(
        reference=st.text(max_size=60) | odd_texts, kind=st.sampled_from(["", "card:", "email:", "phone:"])
    )
    @pytest.mark.parametrize("address", ["/v1/members/{}", "/v1/members/{}/status", "/v1/transactions/{}"])
    def test_survives_any_reference(self, till, world, address, reference, kind):
        response = till.get(address.format(quote(kind + reference, safe="")))

        assert response.status_code in (200, 404)

    @pytest.mark.parametrize(
        "address",
        [
            *(
                "/v1/segments/{}",
                "/v1/segments/{}/members",
                "/v1/rewards/{}",
                "/v1/members/{}",
                "/v1/vouchers/{}",
            ),
            *("/v1/redemptions/{}", "/v1/checkouts/{}", "/v1/points/holds/{}", "/v1/transactions/{}"),
        ],
    )
    def test_finds_nothing_by_a_name_that_cannot_be_stored(self, till, world, address):
        response = till.get(address.format("a%00"))

        assert response.status_code == 404
        assert response.headers["Content-Type"] == "application/problem+json"

    @FUZZED
    @given(
        name=st.sampled_from(["cursor", "limit", "status", "identifier", "page"]), value=st.text() | odd_texts
    )
    def test_survives_any_filter(self, till, world, name, value):
        response = till.get("/v1/members", {name: value})

        assert response.status_code in (200, 400, 404)


CODES = {"external_id", "sale_external_id", "sku", "store", "value", "method", "text_version", "source"}
"""Fields that hold what partners call things. Codes that members type are taken as they are meant."""


def codes_of(operation: str) -> list[tuple[Any, ...]]:
    return [path for path in places(TABLE[operation].body) if path and path[-1] in CODES]


WITH_CODES = [operation for operation in POSTS if codes_of(operation)]


class TestCodes:
    @pytest.mark.parametrize("operation", WITH_CODES)
    def test_of_partners_have_nothing_invisible_in_them(self, operation, till, world):
        case, before = TABLE[operation], counts()

        for path in codes_of(operation):
            response = till.post(case.address, put(case.body, path, "1\u200b001"))

            (answer,) = response.json()["results"] if response.status_code == 207 else [response.json()]
            problem = answer.get("problem", answer)
            assert problem["status"] == 422, problem
            (error,) = problem["errors"]
            assert error["pointer"] == "/".join(["#", *map(str, path)])
            assert "invisible" in error["detail"]
        assert counts() == before

    def test_are_the_same_however_they_were_composed(self, till, world, ada):
        sale = TABLE["POST /v1/transactions"].body
        first = till.post("/v1/transactions", put(sale, ("external_id",), "Caf\u00e9-1")).json()

        again = till.post("/v1/transactions", put(sale, ("external_id",), "Cafe\u0301-1"))
        found = till.get("/v1/transactions", {"external_id": "Cafe\u0301-1"}).json()["data"]

        assert again.json()["id"] == first["id"]
        assert [one["id"] for one in found] == [first["id"]]

    def test_that_were_stored_before_are_found_as_they_are(self, till, shop, ada):
        # Below the API nothing composes them.
        stored = shop.sells("Cafe\u0301-1", "1.00")

        found = till.get("/v1/transactions", {"external_id": "Cafe\u0301-1"}).json()["data"]
        read = till.get(f"/v1/transactions/{stored.id}").json()

        assert [one["id"] for one in found] == [str(stored.id)]
        assert read["external_id"] == "Cafe\u0301-1"

    def test_of_cards_may_end_in_what_a_scanner_adds(self, till, world):
        answer = till.post(
            "/v1/redemptions/preview", {"member": {"kind": "card", "value": "1001\r\n"}, "reward": "x"}
        )

        assert answer.json()["code"] == "unknown_reward"


def test_leaves_the_ledger_whole(till, world):
    for operation in POSTS:
        case = TABLE[operation]
        for path in places(case.body):
            till.post(case.address, dumped(put(case.body, path, {"odd": [None]})))

    assert list(verify.run()) == []
