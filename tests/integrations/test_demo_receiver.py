"""The demo's receiver believes only what is signed with its secret."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import orjson
import pytest

from integrations import signing
from integrations.demo.notes import Webhook
from integrations.demo.receiver import Receiver

BODY = orjson.dumps({"type": "points.earned", "timestamp": "2026-06-01T12:00:00Z", "data": {"points": 7}})


class Partner:
    """A receiver that runs beside the test."""

    def __init__(self) -> None:
        self.secret = signing.new_secret()
        self.told: list[str] = []
        self.server = Receiver(Webhook("http://127.0.0.1:0/webhooks", self.secret), tell=self.told.append)

    def send(self, secret: str) -> int:
        headers = signing.headers("msg_1", body=BODY, keys=[secret], at=datetime.now(UTC))
        port = self.server.server_address[1]
        return httpx.post(f"http://127.0.0.1:{port}/webhooks", content=BODY, headers=headers).status_code


@pytest.fixture
def partner() -> Iterator[Partner]:
    partner = Partner()
    thread = threading.Thread(target=partner.server.serve_forever)
    thread.start()
    yield partner
    partner.server.shutdown()
    thread.join()
    partner.server.server_close()


class TestReceiver:
    def test_tells_what_a_message_says(self, partner: Partner) -> None:
        assert partner.send(partner.secret) == 204

        assert partner.told == ["2026-06-01T12:00:00Z points.earned {'points': 7}"]

    def test_recognises_a_message_that_comes_again(self, partner: Partner) -> None:
        partner.send(partner.secret)
        partner.send(partner.secret)

        assert "(again)" in partner.told[1]

    def test_refuses_a_message_with_another_signature(self, partner: Partner) -> None:
        assert partner.send(signing.new_secret()) == 401

        assert partner.told == ["refused: No matching signature found"]
