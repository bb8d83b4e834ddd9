"""The OpenAPI text is valid, complete, and says what the views do."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema
import openapi_spec_validator
import pytest
import yaml
from django.test import Client
from django.urls import Resolver404, resolve
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from loyalty.core.api import checks, docs, problem, sharing
from loyalty.core.api.auth import SCOPES
from tests.clients import PartnerClient
from tests.factories import PartnerFactory
from tests.protected import PROTECTED_FIELDS

Operation = dict[str, Any]


@pytest.fixture(scope="module")
def text() -> dict[str, Any]:
    """As it is served: what is alike at many operations is said once."""
    served: dict[str, Any] = Client().get("/v1/openapi.json").json()
    return served


@pytest.fixture(scope="module")
def schema(text: dict[str, Any]) -> dict[str, Any]:
    """The text with everything said where it stands."""
    return sharing.inlined(text)


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, Operation]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


SAMPLE = "01976c1e-5d7a-7000-8000-3a52e6e1d0b4"


def keys_of(operation: Operation) -> list[Any]:
    return [p for p in operation.get("parameters", []) if p["name"] == "Idempotency-Key"]


def example_of(operation: Operation) -> Any:
    """A body that the docs show for a call; None if it takes none."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return next(iter(content["examples"].values()))["value"] if content else None


def contents(operation: Operation) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each body that is described: status (or `request`), media type, and its description."""
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield "request", media_type, content
    for status, response in operation["responses"].items():
        for media_type, content in response.get("content", {}).items():
            yield status, media_type, content


# `id` names a member or a line, and `status` what a list is asked for: `tests/test_permissions.py` tries
# both where they could be meant for what is made.
NOT_TO_BE_TAKEN = set(PROTECTED_FIELDS) - {"id", "status"}
# The only scopes whose operations are told a number of points.
ABOUT_POINTS = ("points:", "redemptions:")


def objects_in(part: Any, schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each object that a body may be or hold, down to the last one."""
    if isinstance(part, list):
        for inner in part:
            yield from objects_in(inner, schema)
    elif isinstance(part, dict):
        if "$ref" in part:
            yield from objects_in(schema["components"]["schemas"][part["$ref"].rpartition("/")[2]], schema)
        if part.get("type") == "object":
            yield part
        for name in ("properties", "patternProperties"):
            yield from objects_in(list(part.get(name, {}).values()), schema)
        for name in ("items", "prefixItems", "anyOf", "oneOf", "allOf", "additionalProperties"):
            yield from objects_in(part.get(name), schema)


def fields_of(part: Any, schema: dict[str, Any]) -> Iterator[str]:
    for found in objects_in(part, schema):
        yield from found.get("properties", {})


class TestSchema:
    def test_is_valid_openapi(self, text):
        openapi_spec_validator.validate(text)

        assert text["openapi"].startswith("3.1")

    def test_is_the_same_in_yaml(self, text):
        response = Client().get("/v1/openapi.yaml")

        assert yaml.safe_load(response.content) == text

    def test_says_once_what_is_alike_at_many_operations(self, text, schema):
        answers = [
            json.dumps(answer)
            for _name, operation in operations(text)
            for status, answer in operation["responses"].items()
            if status >= "400" and len(answer.get("x-codes", ())) < 4
        ]
        repeated = {answer for answer in answers if answers.count(answer) > 1 and "$ref" not in answer[:9]}

        assert repeated == set()
        assert len(json.dumps(text)) < len(json.dumps(schema)) / 2
        for section in ("responses", "parameters", "headers", "examples"):
            for name in text["components"][section]:
                assert f'"#/components/{section}/{name}"' in json.dumps(text), name

    def test_is_given_to_all_who_ask_at_the_same_time(self):
        docs._written.cache_clear()
        docs._composed.cache_clear()
        with ThreadPoolExecutor(8) as at_once:
            answers = list(at_once.map(lambda _: Client().get("/v1/openapi.json"), range(8)))

        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1

    def test_has_every_operation_and_no_other(self, schema):
        described = {
            (method.upper(), path.replace("{", "<").replace("}", ">"))
            for path, methods in schema["paths"].items()
            for method in methods
        }
        routed = set()
        for method, route, _scope in checks.operations():
            plain = re.sub(r"<\w+:", "<", route)
            routed.add((method, plain))

        assert described == routed

    def test_says_of_each_operation_what_a_partner_needs(self, schema):
        names = set()
        for name, operation in operations(schema):
            assert operation["operationId"] not in names, name
            names.add(operation["operationId"])
            assert operation["summary"], name
            assert len(operation["description"]) > 40, name
            assert operation["tags"], name
            for parameter in operation.get("parameters", []):
                assert parameter["description"], (name, parameter["name"])

    def test_says_of_each_tag_what_is_under_it(self, schema):
        told = [tag["name"] for tag in schema["tags"] if tag["description"]]

        assert len(told) == len(set(told))
        assert set(told) == {tag for _name, operation in operations(schema) for tag in operation["tags"]}

    def test_has_no_pattern_that_other_languages_cannot_read(self, schema):
        patterns = set(re.findall(r'"pattern": "((?:[^"\\]|\\.)*)"', json.dumps(schema)))

        assert len(patterns) > 5
        assert [pattern for pattern in patterns if "(?" in pattern or r"\\Z" in pattern] == []

    def test_names_the_scope_that_the_view_enforces(self, schema):
        enforced = {
            re.sub(r"<\w+:(\w+)>", r"{\1}", f"{method} {route}"): list(enough)
            for method, route, enough in checks.operations()
        }
        for name, operation in operations(schema):
            expected = [scope for scope in enforced[name] if scope != "*"]
            ways = [[scope] for scope in expected] or [[]]
            assert operation["security"] == [
                {scheme: scopes} for scopes in ways for scheme in ("apiKey", "oauth2")
            ], name
            assert operation["x-scopes"] == expected, name
            assert set(expected) <= set(SCOPES)
            assert all(f"`{scope}`" in operation["description"] for scope in expected), name

    def test_shows_an_example_of_each_body_which_fits_its_schema(self, schema):
        registry = Registry[Any]().with_resource("", DRAFT202012.create_resource(schema))
        for name, operation in operations(schema):
            for status, media_type, content in contents(operation):
                assert content.get("examples"), (name, status, media_type)
                inlined = {**content["schema"], "components": schema["components"]}
                validator = jsonschema.Draft202012Validator(
                    inlined, registry=registry, format_checker=jsonschema.FormatChecker()
                )
                for example in content["examples"].values():
                    validator.validate(example["value"])

    def test_describes_errors_as_problem_documents_with_known_codes(self, schema):
        known = {kind.code for kind in problem.known()}
        for name, operation in operations(schema):
            errors = {status: r for status, r in operation["responses"].items() if status >= "400"}
            assert {"401", "429", "500", "503"} <= set(errors), name
            assert ("403" in errors) == bool(operation["x-scopes"]), name
            for status, response in errors.items():
                (content,) = response["content"].values()
                assert list(response["content"]) == ["application/problem+json"], (name, status)
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
                codes = [example["value"]["code"] for example in content["examples"].values()]
                assert response["x-codes"] == codes, (name, status)
                assert set(codes) <= known
                assert all(f"- `{code}`: " in response["description"] for code in codes), (name, status)

    def test_asks_for_an_idempotency_key_exactly_where_the_view_does(self, schema, db, program):
        partner = PartnerFactory.create(program=program, key="keyless")
        client = PartnerClient.of(partner, scopes=SCOPES)
        for name, operation in operations(schema):
            method, _space, path = name.partition(" ")
            if method != "POST":
                assert not keys_of(operation), name
                continue
            response = client.post(
                re.sub(r"{\w+}", SAMPLE, path), example_of(operation), idempotency_key=None
            )
            is_missed = response.json().get("code") == "idempotency_key_missing"
            assert is_missed == bool(keys_of(operation)) or response.status_code == 404, name

    def test_asks_for_if_match_wherever_something_is_edited(self, schema):
        for name, operation in operations(schema):
            headers = [p for p in operation.get("parameters", []) if p["name"] == "If-Match"]
            assert bool(headers) == name.startswith(("PATCH", "PUT")), name

    def test_takes_no_field_that_is_not_the_callers_to_say(self, schema):
        for name, operation in operations(schema):
            for status, _media_type, content in contents(operation):
                if status == "request":
                    fields = set(fields_of(content["schema"], schema))
                    assert not fields & NOT_TO_BE_TAKEN, name
                    is_about_points = any(s.startswith(ABOUT_POINTS) for s in operation["x-scopes"])
                    assert is_about_points or "points" not in fields, name

    def test_refuses_unknown_fields_wherever_there_are_fields(self, schema):
        for name, operation in operations(schema):
            for status, _media_type, content in contents(operation):
                if status == "request":
                    for found in objects_in(content["schema"], schema):
                        is_map = "properties" not in found
                        assert is_map or found.get("additionalProperties") is False, (name, found["title"])

    def test_refuses_unknown_fields_as_the_views_do(self, schema):
        for name in ("Registration", "IdentifierBody", "Sale", "Line", "Money", "RedemptionRequest"):
            assert schema["components"]["schemas"][name]["additionalProperties"] is False, name

    def test_asks_for_the_kind_only_where_kinds_are_told_apart(self, schema):
        known = schema["components"]["schemas"]

        assert "kind" not in known["CustomEvent"]["required"]
        assert "kind" in known["Sale"]["required"]
        assert "kind" in known["Return"]["required"]

    def test_says_of_each_refusal_all_codes_that_are_told_of_its_operation(self, schema):
        sold = schema["paths"]["/v1/redemptions"]["post"]["responses"]

        assert sold["404"]["x-codes"] == ["unknown_member", "unknown_reward"]
        assert "reward_sold_out" in sold["409"]["x-codes"]

    def test_says_of_no_answer_a_header_that_it_never_has(self, schema):
        for name, operation in operations(schema):
            for status, answer in operation["responses"].items():
                headers = set(answer["headers"])
                assert status < "300" or "ETag" not in headers, (name, status)
                assert status[0] == "2" or status in ("409", "422") or "Idempotent-Replayed" not in headers
                may_wait = status in ("429", "503") or "request_in_progress" in answer.get("x-codes", ())
                assert ("Retry-After" in headers) == may_wait, (name, status)

    def test_says_that_problems_have_further_members(self, schema):
        told = schema["paths"]["/v1/members"]["post"]["responses"]["403"]["content"]
        example = told["application/problem+json"]["examples"]["MissingScope"]["value"]

        problem_document = schema["components"]["schemas"]["Problem"]
        assert "scope" in example.keys() - problem_document["properties"].keys()
        assert problem_document["additionalProperties"] is True


class TestSecuritySchemes:
    def test_are_the_two_that_a_call_may_be_made_with(self, schema):
        schemes = schema["components"]["securitySchemes"]

        assert set(schemes) == {"apiKey", "oauth2"}
        assert (schemes["apiKey"]["type"], schemes["apiKey"]["scheme"]) == ("http", "bearer")
        (flow,) = schemes["oauth2"]["flows"].items()
        assert flow[0] == "clientCredentials"
        assert set(flow[1]["scopes"]) == set(SCOPES)

    def test_name_an_address_that_gives_tokens(self, schema):
        flow = schema["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]
        path = flow["tokenUrl"].removeprefix(schema["servers"][0]["url"])

        assert resolve(path).url_name == "oauth-token"


class TestDocs:
    def test_come_from_this_server_alone_and_run_no_inline_script(self, db):
        page = Client().get("/v1/docs")

        assert page.status_code == 200
        html = page.content.decode()
        assert "https://" not in html
        assert "<script>" not in html
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]

    def test_have_their_script_at_an_address_of_its_own(self, db):
        script = Client().get("/v1/docs", {"script": ""})

        assert script.headers["Content-Type"].startswith("application/javascript")
        assert b"/v1/openapi.json" in script.content

    @pytest.mark.parametrize("kind", ["unauthenticated", "identifier_taken", "insufficient_points"])
    def test_have_a_page_where_each_problem_type_points(self, db, kind):
        address = problem.type_uri(kind)
        page = Client().get(address.removeprefix("http://127.0.0.1:8000"))

        assert page.status_code == 200
        assert kind in page.content.decode()


class TestEveryAddress:
    def test_leads_where_the_schema_says(self, schema):
        for path in schema["paths"]:
            address = re.sub(r"{\w+}", SAMPLE, path)
            try:
                match = resolve(address)
            except Resolver404:
                pytest.fail(f"{address} leads nowhere")
            assert match.func is not problem.unknown_address, address


def links_in(schema: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each link, with the answer that has it."""
    for _name, operation in operations(schema):
        for answer in operation["responses"].values():
            yield from ((link, answer) for link in answer.get("links", {}).values())


class TestLinks:
    def test_lead_to_each_operation_on_something_that_is_told_in_an_answer(self, schema: dict[str, Any]):
        linked = {link["operationId"] for link, _answer in links_in(schema)}

        on_one = {
            operation["operationId"]
            for name, operation in operations(schema)
            if re.fullmatch(r"[^{]+\{\w+\}[^{]*", name)
        }
        assert linked == on_one

    def test_point_to_what_the_examples_have(self, schema: dict[str, Any]):
        links = list(links_in(schema))

        for link, answer in links:
            (pointer,) = link["parameters"].values()
            example = next(iter(answer["content"]["application/json"]["examples"].values()))["value"]
            for part in pointer.removeprefix("$response.body#/").split("/"):
                example = example[int(part)] if part.isdigit() else example[part]
            assert isinstance(example, str)
        assert len(links) > 100
