import pytest
from django.test import Client

from loyalty.core.api import problem, refusals
from loyalty.core.errors import DomainError


def problem_of(response):
    assert response.headers["Content-Type"] == "application/problem+json"
    return response.json()


class TestHandle:
    def test_answers_a_refusal_with_all_members_of_a_problem_document(self, till, settings):
        response = till.post("/v1/orders", {"number": "refused"})

        assert response.status_code == 409
        assert problem_of(response) == {
            "type": f"{settings.BASE_URL}/v1/docs/problems/sold_out_in_test",
            "title": "Sold out",
            "status": 409,
            "detail": "None is left.",
            "instance": "/v1/orders",
            "code": "sold_out_in_test",
            "errors": [{"detail": "None is left.", "pointer": "#/number"}],
        }

    @pytest.mark.parametrize(
        ("name", "status", "code"),
        [
            ("absent", 404, "not_found"),
            ("denied", 403, "forbidden"),
            ("suspicious", 400, "bad_request"),
            ("database", 503, "unavailable"),
        ],
    )
    def test_knows_what_django_raises(self, till, name, status, code):
        response = till.get(f"/v1/failing/{name}")

        assert response.status_code == status
        assert problem_of(response)["code"] == code

    def test_says_that_addresses_have_no_slash_at_their_end(self, client):
        refused = client.post("/v1/transactions/", {}, content_type="application/json")

        assert (refused.status_code, refused.json()["code"]) == (404, "unknown_address")
        assert refused.json()["detail"] == "Addresses have no slash at their end."
        assert client.get("/v1/nothing").json()["detail"] == "There is nothing at this address"

    def test_says_when_to_come_back_if_the_database_is_away(self, till):
        assert till.get("/v1/failing/database").headers["Retry-After"] == "1"

    def test_hides_a_bug_from_the_caller_and_logs_it_with_the_request_id(self, till, caplog):
        till.raise_request_exception = False

        response = till.get("/v1/failing/bug", headers={"X-Request-Id": "call-1"})

        assert response.status_code == 500
        assert problem_of(response)["code"] == "internal_error"
        assert b"4711" not in response.content
        assert b"Traceback" not in response.content
        record = next(record for record in caplog.records if "unexpected error" in str(record.msg))
        assert record.msg["request_id"] == "call-1"
        assert "a bug with the secret 4711" in record.msg["exception"]

    def test_lists_each_error_of_a_serializer_with_its_pointer(self, till):
        response = till.post("/v1/serialized", {"lines": [1, "x"]})

        assert response.status_code == 422
        assert problem_of(response)["errors"] == [
            {"detail": "A valid integer is required.", "pointer": "#/lines/1"},
            {"detail": "This field is required.", "pointer": "#/name"},
        ]

    def test_names_the_methods_that_an_address_takes(self, till):
        response = till.delete("/v1/orders")

        assert response.status_code == 405
        assert problem_of(response)["code"] == "method_not_allowed"
        assert response.headers["Allow"] == "POST"

    def test_asks_for_a_bearer_token(self):
        response = Client().get("/v1/whoami")

        assert response.status_code == 401
        assert problem_of(response)["code"] == "unauthenticated"
        assert response.headers["WWW-Authenticate"] == "Bearer"


class TestUnknownAddress:
    @pytest.mark.parametrize(
        "address",
        [
            "/v1",
            "/v1/",
            "/v1/nothing",
            "/v1/whoami/",
            "/v1/members/a/b/c",
            "/v1/rewards/%00",
            "/v1/segments/a%0A%00/members",
        ],
    )
    def test_is_a_problem_under_v1(self, address):
        response = Client().get(address)

        assert response.status_code == 404
        assert problem_of(response)["code"] == "unknown_address"

    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options", "trace"])
    def test_is_a_problem_for_every_method(self, method):
        response = getattr(Client(), method)("/v1/nothing")

        assert response.status_code == 404

    @pytest.mark.urls("loyalty.urls")
    def test_is_a_page_elsewhere(self, db):
        response = Client().get("/nothing")

        assert response.status_code == 404
        assert response.headers["Content-Type"].startswith("text/html")


class TestOutsideOfViews:
    """What Django answers before a view of the API is reached."""

    def test_a_refused_request_line_is_a_problem(self, rf):
        response = problem.bad_request_handler(rf.get("/v1/whoami"), Exception())

        assert response.status_code == 500

    def test_a_body_that_is_too_large_is_a_413(self, rf):
        from django.core.exceptions import RequestDataTooBig

        response = problem.bad_request_handler(rf.post("/v1/orders"), RequestDataTooBig())

        assert response.status_code == 413

    def test_a_strange_host_is_a_400(self, rf):
        from django.core.exceptions import DisallowedHost

        response = problem.bad_request_handler(rf.get("/v1/whoami"), DisallowedHost())

        assert response.status_code == 400
        assert problem_of_raw(response)["code"] == "bad_request"

    def test_a_crashed_middleware_is_a_500(self, rf):
        response = problem.server_error_handler(rf.get("/v1/whoami"))

        assert response.status_code == 500
        assert problem_of_raw(response)["code"] == "internal_error"

    @pytest.mark.parametrize("handler", [problem.permission_denied_handler, problem.not_found_handler])
    def test_pages_get_pages(self, rf, handler):
        response = handler(rf.get("/admin/"), Exception())

        assert response.headers["Content-Type"].startswith("text/html")


def problem_of_raw(response):
    import orjson

    assert response.headers["Content-Type"] == "application/problem+json"
    return orjson.loads(response.content)


class TestProblemsPage:
    def test_explains_every_code(self, client):
        page = client.get("/v1/docs/problems").content.decode()

        for kind in problem.known():
            assert f'id="{kind.code}"' in page
        assert refusals.MalformedJSON in problem.known()

    def test_has_a_text_for_every_code(self):
        assert [kind.code for kind in problem.known() if not (kind.__doc__ or "").strip()] == []

    def test_gives_one_status_to_a_code(self):
        def family(kind):
            return {kind}.union(*(family(child) for child in kind.__subclasses__()))

        statuses: dict[str, int] = {}
        for kind in family(DomainError):
            assert statuses.setdefault(kind.code, kind.status) == kind.status, kind


class TestEveryError:
    """Also where there is no operation, or an answer that is usually no JSON."""

    @pytest.mark.parametrize("address", ["/v1", "/v1/nothing", "/v1/docs/nothing"])
    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
    def test_of_an_unknown_address_is_a_problem_without_a_csrf_token(self, db, method, address):
        response = getattr(Client(enforce_csrf_checks=True), method)(address)

        assert response.status_code == 404
        assert problem_of(response)["code"] == "unknown_address"

    @pytest.mark.parametrize(
        "address",
        [
            "openapi.json",
            "openapi.yaml",
            "docs",
            "docs/problems",
            "docs/problems/not_found",
            "docs/guides/",
            "docs/guides/reference",
        ],
    )
    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
    def test_of_the_docs_is_a_problem_and_names_what_they_take(self, db, method, address):
        response = getattr(Client(enforce_csrf_checks=True), method)(f"/v1/{address}")

        assert response.status_code == 405
        assert problem_of(response)["code"] == "method_not_allowed"
        assert response.headers["Allow"] == "GET, HEAD"

    @pytest.mark.parametrize(
        ("address", "accept"), [("openapi.yaml", "application/json"), ("docs", "text/csv")]
    )
    def test_of_an_accept_header_is_a_problem(self, db, address, accept):
        response = Client().get(f"/v1/{address}", headers={"Accept": accept})

        assert response.status_code == 406
        assert problem_of(response)["code"] == "not_acceptable"

    def test_of_options_says_which_methods_there_are(self, till):
        response = till.options("/v1/orders")

        assert response.status_code == 405
        assert problem_of(response)["code"] == "method_not_allowed"
        assert response.headers["Allow"] == "POST"
