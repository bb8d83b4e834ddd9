"""A web server that is told to stop has written down what it was called for."""

import httpx
import pytest

from integrations.models import Call
from tests.clients import PartnerClient
from tests.factories import PartnerFactory
from tests.servers import Server, database_url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def test_what_was_called_is_logged_when_the_server_stops(program, monkeypatch) -> None:
    monkeypatch.setenv("CALLS_ARE_WRITTEN_EVERY", "3600")
    client = PartnerClient.of(PartnerFactory.create(program=program, key="till"), scopes=[])

    server = Server(database_url())
    server.start()
    try:
        for _ in range(20):
            answer = httpx.get(f"{server.url}/v1/whoami", headers={"Authorization": f"Bearer {client.key}"})
            assert answer.status_code == 200
    finally:
        server.process.terminate()
        server.process.wait(timeout=30)

    assert Call.objects.filter(operation="whoami", status=200).count() == 20
