"""Within /v1 only additions: the schema against the last released one, docs/openapi/v1.json."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from tests.truth.breaks import breaks

RELEASED = Path(settings.BASE_DIR) / "docs" / "openapi" / "v1.json"


@pytest.fixture(scope="module")
def released() -> Any:
    return json.loads(RELEASED.read_bytes())


@pytest.fixture
def changed(released: Any) -> Any:
    return copy.deepcopy(released)


def sale(schema: Any) -> Any:
    return schema["components"]["schemas"]["Sale"]


class TestTheSchema:
    def test_breaks_nobody_who_was_built_against_the_released_one(self, released):
        present = Client().get("/v1/openapi.json").json()

        assert list(breaks(released, present)) == []


class TestBreaks:
    def test_are_none_between_equals(self, released, changed):
        assert list(breaks(released, changed)) == []

    def test_are_operations_that_are_gone(self, released, changed):
        del changed["paths"]["/v1/transactions"]["post"]

        assert list(breaks(released, changed)) == ["POST /v1/transactions: is gone"]

    def test_are_none_where_what_is_gone_was_announced(self, released, changed):
        old = copy.deepcopy(released)
        old["paths"]["/v1/transactions"]["post"]["deprecated"] = True
        del changed["paths"]["/v1/transactions"]["post"]

        assert list(breaks(old, changed)) == []

    def test_are_fields_that_are_needed_all_at_once(self, released, changed):
        sale(changed)["properties"]["till"] = {"type": "string"}
        assert list(breaks(released, changed)) == []
        sale(changed)["required"].append("till")

        assert "POST /v1/transactions body.till: is needed now" in found(released, changed)

    def test_are_fields_that_are_not_taken_any_more(self, released, changed):
        del sale(changed)["properties"]["store"]

        assert "POST /v1/transactions body.store: is not taken any more" in found(released, changed)

    def test_are_fields_that_are_not_told_any_more(self, released, changed):
        member = changed["components"]["schemas"]["MemberBody"]
        del member["properties"]["birth_date"]
        member["required"].remove("birth_date")

        assert any(one.endswith(".birth_date: is not told any more") for one in found(released, changed))

    def test_are_narrower_bounds_and_choices_of_what_is_sent(self, released, changed):
        schemas = changed["components"]["schemas"]
        schemas["IdentifierBody"]["properties"]["value"]["maxLength"] = 10
        schemas["IdentifierBody"]["properties"]["kind"]["enum"].remove("phone")

        told = " ".join(found(released, changed))
        assert "value: maxLength is 10, and was 254" in told
        assert "kind: may not be phone any more" in told

    def test_are_headers_and_scopes_that_are_needed_all_at_once(self, released, changed):
        operation = changed["paths"]["/v1/members/{reference}"]["get"]
        operation["parameters"].append(
            {"in": "header", "name": "X-Till", "required": True, "schema": {"type": "string"}}
        )
        operation["x-scopes"] = ["members:write"]

        assert list(breaks(released, changed)) == [
            "GET /v1/members/{reference}: needs the scope members:write",
            "GET /v1/members/{reference}: needs the parameter X-Till",
        ]

    def test_are_no_scopes_that_are_enough_as_well(self, released, changed):
        changed["paths"]["/v1/members/{reference}"]["get"]["x-scopes"].append("members:write")

        assert list(breaks(released, changed)) == []

    def test_are_answers_of_another_type(self, released, changed):
        result = changed["components"]["schemas"]["TransactionResult"]
        result["properties"]["points"]["type"] = "string"

        assert any(one.endswith("points: may be string now") for one in found(released, changed))


def found(old: Any, new: Any) -> list[str]:
    return list(breaks(old, new))
