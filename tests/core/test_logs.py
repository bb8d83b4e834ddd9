"""The log names calls by their routes: addresses hold e-mail addresses, phone and card numbers."""

import logging

import pytest
from django.test import Client


def refused_routes(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "django.request"]


class TestLog:
    @pytest.mark.parametrize(
        "address",
        [
            "/v1/members/email:ada@example.org",
            "/v1/ada@example.org/x",
            "/graphql/ada@example.org",
            "/oauth/ada@example.org",
        ],
    )
    def test_holds_no_address_of_a_refused_call(self, till, caplog, address):
        till.get(address)

        assert refused_routes(caplog)
        assert "ada@example.org" not in caplog.text

    def test_holds_no_address_of_a_call_that_failed(self, till, caplog, settings):
        settings.ROOT_URLCONF = "tests.core.api.urls"
        till.raise_request_exception = False

        till.get("/v1/failing/bug")

        assert "unexpected error" in caplog.text
        assert "v1/failing/<str:name>" in caplog.text
        assert "failing/bug" not in caplog.text

    def test_says_method_route_and_status(self, till, caplog):
        till.get("/v1/members/card:4711")

        assert refused_routes(caplog) == ["GET v1/members/<str:reference> answered with 404"]

    def test_says_where_a_page_was_missing(self, db, caplog):
        caplog.set_level(logging.WARNING)

        Client().get("/nothing")

        assert refused_routes(caplog) == ["Not Found: /nothing"]
