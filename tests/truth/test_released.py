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


@pytest.fixture
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

    def test_are_bodies_that_are_needed_all_at_once(self, released, changed):
        released["paths"]["/v1/transactions"]["post"]["requestBody"]["required"] = False

        assert "POST /v1/transactions body: is needed now" in found(released, changed)

    def test_are_bodies_that_there_were_none_of(self, released, changed):
        body = changed["paths"]["/v1/transactions"]["post"]["requestBody"]
        changed["paths"]["/v1/whoami"]["get"]["requestBody"] = body

        assert found(released, changed) == ["GET /v1/whoami body: is needed now"]

    def test_are_narrower_bounds_and_choices_of_what_is_sent(self, released, changed):
        schemas = changed["components"]["schemas"]
        schemas["IdentifierBody"]["properties"]["value"]["maxLength"] = 10
        schemas["IdentifierBody"]["properties"]["kind"]["enum"].remove("phone")

        told = " ".join(found(released, changed))
        assert "value: maxLength is 10, and was 254" in told
        assert "kind: may not be phone any more" in told

    def test_are_narrower_bounds_of_what_may_be_null_as_well(self, released, changed):
        for text, most in ((released, 50), (changed, 5)):
            forms = [{"type": "string", "maxLength": most}, {"type": "null"}]
            sale(text)["properties"]["store"] = {"anyOf": forms}

        place = "POST /v1/transactions body.store"
        assert f"{place}: maxLength is 5, and was 50" in found(released, changed)

    def test_are_narrower_bounds_of_what_is_in_maps(self, released, changed):
        values = sale(changed)["properties"]["attributes"]["additionalProperties"]["anyOf"]
        next(form for form in values if form["type"] == "string")["maxLength"] = 5

        assert any("attributes.*: maxLength is 5" in one for one in found(released, changed))

    def test_are_formats_that_are_asked_for_all_at_once(self, released, changed):
        sale(changed)["properties"]["store"]["format"] = "uuid"

        assert "POST /v1/transactions body.store: must be uuid now" in found(released, changed)

    def test_are_types_where_there_were_none(self, released, changed):
        sale(released)["properties"]["store"] = {}

        assert "POST /v1/transactions body.store: may only be string now" in found(released, changed)

    def test_are_other_values_for_what_is_left_out(self, released, changed):
        changed["components"]["parameters"]["limit"]["schema"]["default"] = 10

        assert any(
            one.endswith("parameter limit: is 10 where it is left out, and was 50")
            for one in found(released, changed)
        )

    def test_are_successes_that_are_gone_and_ones_that_nobody_knows(self, released, changed):
        answers = changed["paths"]["/v1/transactions"]["post"]["responses"]
        answers["200"] = answers.pop("201")

        assert found(released, changed) == [
            "POST /v1/transactions: may answer 200 now",
            "POST /v1/transactions: answers no 201 any more",
        ]

    def test_are_headers_that_are_not_told_any_more(self, released, changed):
        del changed["paths"]["/v1/members/{reference}"]["get"]["responses"]["200"]["headers"]["ETag"]

        assert found(released, changed) == ["GET /v1/members/{reference} 200: has no ETag any more"]

    def test_are_codes_that_are_gone_or_have_another_name(self, released, changed):
        renamed = json.loads(json.dumps(changed).replace('"too_many_requests"', '"slow_down"'))

        assert found(released, renamed) == ["the code too_many_requests: is gone"]

    def test_are_codes_with_another_status(self, released, changed):
        changed["components"]["responses"]["UnknownHold"]["x-codes"].append("body_too_large")

        assert found(released, changed) == ["the code body_too_large: has the status 404 now"]

    def test_are_no_refusals_more_or_fewer(self, released, changed):
        answers = changed["paths"]["/v1/transactions"]["post"]["responses"]
        del answers["409"]
        answers["410"] = {"x-codes": ["is_over"]}

        assert "reward_sold_out" in json.dumps(changed)
        assert [one for one in found(released, changed) if not one.startswith("the code")] == []

    def test_are_ways_to_say_who_calls_that_are_gone(self, released, changed):
        said = changed["paths"]["/v1/whoami"]["get"]
        said["security"] = [one for one in said["security"] if "oauth2" not in one]

        assert found(released, changed) == ["GET /v1/whoami: cannot be called by oauth2 any more"]

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
