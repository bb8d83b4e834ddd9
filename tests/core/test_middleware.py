import pytest
from django.test import Client


class TestConnection:
    """Of a call that is answered before its body was read; see `tests/e2e` for the server itself."""

    def test_is_closed_by_an_answer_that_leaves_a_body_unread(self, db):
        response = Client(SERVER_SOFTWARE="Granian").post(
            "/v1/transactions", b"{}", content_type="application/json"
        )

        assert response.status_code == 401
        assert response.headers["Connection"] == "close"

    def test_goes_on_after_a_body_was_read(self, till):
        till.defaults["SERVER_SOFTWARE"] = "Granian"

        response = till.post("/v1/transactions", {})

        assert response.status_code == 422
        assert "Connection" not in response.headers

    def test_goes_on_where_there_is_no_body(self, db):
        response = Client(SERVER_SOFTWARE="Granian").get("/v1/whoami")

        assert "Connection" not in response.headers

    def test_is_left_to_servers_that_do_not_let_applications_speak_of_it(self, db):
        response = Client().post("/v1/transactions", b"{}", content_type="application/json")

        assert "Connection" not in response.headers


class TestHost:
    @pytest.mark.parametrize("address", ["/v1/whoami", "/v1/openapi.json", "/v1", "/v1/docs"])
    def test_that_is_not_ours_is_refused(self, db, address):
        response = Client().get(address, headers={"Host": "elsewhere.example"})

        assert response.status_code == 400
        assert response.json()["code"] == "bad_request"
        assert response.headers["X-Request-Id"]

    def test_does_not_matter_to_who_asks_for_health(self, db):
        assert Client().get("/healthz", headers={"Host": "10.0.0.7"}).status_code == 200
