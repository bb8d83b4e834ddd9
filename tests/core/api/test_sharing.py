from typing import Any

import pytest

from loyalty.core.api.sharing import inlined, share

LATER = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
LIMIT = {"in": "query", "name": "limit", "schema": {"type": "integer"}}


def refusal(*codes: str, about: str = "No.", instance: str = "/v1/one") -> dict[str, Any]:
    examples = {code: {"value": {"code": code, "instance": instance}} for code in codes}
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}
    return {"description": about, "content": {"application/problem+json": content}}


def text_of(**operations: Any) -> dict[str, Any]:
    """A text with these operations, each of which is told by its answers or as a whole."""
    told = {name: said if "responses" in said else {"responses": said} for name, said in operations.items()}
    return {
        "paths": {f"/v1/{name}": {"get": said} for name, said in told.items()},
        "components": {"schemas": {"Problem": {"type": "object"}}},
    }


def shared(text: dict[str, Any]) -> dict[str, Any]:
    return share(text, None, None, None)


@pytest.fixture
def everywhere() -> dict[str, Any]:
    answer = refusal("Gone", "Lost") | {"headers": {"Retry-After": LATER}}
    said = {"parameters": [LIMIT], "responses": {"404": answer}}
    return text_of(one=said, two=said)


class TestShare:
    def test_says_once_what_two_operations_have_alike(self):
        text = shared(text_of(one={"404": refusal("Gone", "Lost")}, two={"404": refusal("Gone", "Lost")}))

        reference = {"$ref": "#/components/responses/GoneOrLost"}
        assert text["paths"]["/v1/one"]["get"]["responses"] == {"404": reference}
        assert text["paths"]["/v1/two"]["get"]["responses"] == {"404": reference}
        assert set(text["components"]["responses"]) == {"GoneOrLost"}

    def test_leaves_at_its_place_what_one_operation_has(self):
        text = shared(text_of(one={"404": refusal("Gone")}, two={"404": refusal("Lost")}))

        assert text["paths"]["/v1/one"]["get"]["responses"] == {"404": refusal("Gone")}
        assert set(text["components"]) == {"schemas"}

    def test_leaves_at_its_place_what_is_another_thing_of_the_same_name(self):
        usual, other = {"404": refusal("Gone")}, {"404": refusal("Gone", about="Gone for good.")}
        text = shared(text_of(one=usual, two=usual, three=usual, four=other))

        told = text["paths"]["/v1/four"]["get"]["responses"]["404"]
        assert told["description"] == "Gone for good."
        assert text["components"]["responses"]["Gone"]["description"] == "No."

    def test_gives_no_name_to_one_of_many_things_that_have_it(self):
        of_rewards = {"in": "query", "name": "status", "schema": {"enum": ["live"]}}
        of_members = {"in": "query", "name": "status", "schema": {"enum": ["active"]}}
        said = [{"parameters": [kind], "responses": {}} for kind in (of_rewards, of_rewards, of_members)]

        text = shared(text_of(one=said[0], two=said[1], three=said[2]))

        assert "parameters" not in text["components"]

    def test_shows_each_code_as_the_first_operation_answers_it(self):
        first, second = refusal("Gone", instance="/v1/one"), refusal("Gone", instance="/v1/two")
        text = shared(text_of(one={"404": first}, two={"404": second}))

        assert text["components"]["examples"]["Gone"]["value"]["instance"] == "/v1/one"

    def test_gives_no_name_to_an_answer_of_many_codes(self):
        answers = {"409": refusal("Gone", "Lost", "Sold", "Torn")}
        text = shared(text_of(one=answers, two=answers | {}))

        assert "responses" not in text["components"]
        assert set(text["components"]["examples"]) == {"Gone", "Lost", "Sold", "Torn"}


class TestInlined:
    def test_says_everything_where_it_stands_again(self, everywhere):
        before = inlined(everywhere)

        text = shared(everywhere)

        assert set(text["components"]) == {"schemas", "headers", "parameters", "examples", "responses"}
        assert inlined(text) == before

    def test_leaves_schemas_shared(self, everywhere):
        text = inlined(shared(everywhere))

        answer = text["paths"]["/v1/two"]["get"]["responses"]["404"]
        assert answer["content"]["application/problem+json"]["schema"] == {
            "$ref": "#/components/schemas/Problem"
        }
