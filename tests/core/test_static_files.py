"""A server whose static files were not collected still says what it has to say."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as own
from django.test import Client
from django.test.utils import override_settings

from loyalty import settings

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _not_collected(tmp_path: Path) -> Iterator[None]:
    storages = own.STORAGES | {"staticfiles": settings.STORAGES["staticfiles"]}
    with override_settings(STORAGES=storages, STATIC_ROOT=tmp_path):
        yield


@pytest.mark.parametrize("address", ["/nothing-here", "/accounts/nothing", "/v1/docs/guides/nothing"])
def test_a_page_that_does_not_exist_is_told_so(client: Client, address: str):
    response = client.get(address, headers={"accept": "text/html"})

    assert response.status_code == 404
    assert response.headers["Content-Type"].startswith("text/html")
    assert "There is no such page" in response.content.decode()


@pytest.mark.parametrize("address", ["/v1", "/v1/nothing", "/v1/members/x/nothing", "/graphql/x", "/oauth/x"])
@pytest.mark.parametrize("accept", ["application/json", "*/*"])
def test_an_unknown_address_of_the_api_is_a_problem_document(client: Client, address: str, accept: str):
    response = client.post(address, headers={"accept": accept})

    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "unknown_address"


def test_other_pages_are_there_without_them(client: Client):
    response = client.get("/accounts/login/")

    assert response.status_code == 200
    assert '"/static/regulars/mark.svg"' in response.content.decode()
