"""A small run of the fuzzer, and that it sees what it should. The large one: `python -m tests.truth.fuzz`."""

import httpx
import pytest

from tests.servers import database_url, running
from tests.truth.fuzz import world
from tests.truth.fuzz.calls import Call
from tests.truth.fuzz.run import Answer, Fuzzer, faults

CALL = Call("whoami", "GET", "/v1/whoami", {}, b"")
CODES = frozenset({"not_found"})


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_wrong_calls_are_refused_clearly_and_change_nothing():
    made = world.make()

    with running(database_url()) as server:
        schema = httpx.get(f"{server.url}/v1/openapi.json", timeout=60).json()
        report = Fuzzer(made, url=server.url, schema=schema, seed=1).run(requests=400, connections=2)

    assert report.findings == {}
    assert sum(report.answers.values()) == 400
    assert report.replayed > 100


class TestFaults:
    @pytest.mark.parametrize(
        ("status", "media_type", "raw", "wrong"),
        [
            (200, "application/json", b"{}", []),
            (404, "application/problem+json", b'{"code":"not_found","status":404,"title":"No"}', []),
            (500, "text/html", b"Oh", ["answered 500", "refused (500) with text/html"]),
            (404, "text/html", b"Oh", ["refused (404) with text/html"]),
            (
                404,
                "application/problem+json",
                b'{"code":"lost","status":404,"title":"No"}',
                ["refused with an unknown code: lost"],
            ),
            (
                404,
                "application/problem+json",
                b'{"code":"not_found","status":400,"title":"No"}',
                ["refused with a problem that does not fit"],
            ),
            (
                207,
                "application/json",
                b'{"results":[{"status":500,"problem":{"code":"not_found","status":500,"title":"No"}}]}',
                ["an item was answered 500"],
            ),
        ],
    )
    def test_are_what_no_answer_should_be(self, status, media_type, raw, wrong):
        assert list(faults(CALL, Answer(status, media_type, raw), CODES)) == wrong

    @pytest.mark.parametrize(
        ("operation", "status", "media_type", "raw", "wrong"),
        [
            (
                "oauth_token",
                400,
                "application/json",
                b'{"error":"invalid_scope","error_description":"x"}',
                [],
            ),
            (
                "oauth_token",
                401,
                "application/json",
                b'{"error":"why"}',
                ["refused in words that are not OAuth's"],
            ),
            ("graphql", 200, "application/json", b'{"errors":[{"extensions":{"code":"not_found"}}]}', []),
            (
                "graphql",
                200,
                "application/json",
                b'{"errors":[{"extensions":{"code":"internal_error"}}]}',
                ["a field was refused with internal_error"],
            ),
        ],
    )
    def test_are_looked_for_in_the_words_of_each_address(self, operation, status, media_type, raw, wrong):
        call = Call(operation, "POST", "/", {}, b"")

        assert list(faults(call, Answer(status, media_type, raw), CODES)) == wrong

    @pytest.mark.parametrize(("retry_after", "wrong"), [("1", []), (None, ["answered 503"])])
    def test_do_not_include_that_others_took_too_long(self, retry_after, wrong):
        raw = b'{"code":"not_found","status":503,"title":"Later"}'
        answer = Answer(503, "application/problem+json", raw, retry_after)

        assert list(faults(CALL, answer, CODES)) == wrong


@pytest.mark.django_db
def test_a_digest_shows_a_single_changed_value(ada):
    before = world.digest()

    type(ada).objects.update(first_name="Grace")

    after = world.digest()
    assert [table for table in before if before[table] != after[table]] == ["members_member"]
