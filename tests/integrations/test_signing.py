import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta, timezone

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from integrations import signing

BODY = '{"type":"points.earned","name":"Zoë"}'.encode()


class TestNewSecret:
    def test_is_32_random_bytes_with_the_prefix(self):
        secret = signing.new_secret()

        assert secret.startswith("whsec_")
        assert 24 <= len(base64.b64decode(secret.removeprefix("whsec_"))) <= 64
        assert secret != signing.new_secret()


class TestHeaders:
    def test_agrees_with_the_published_example(self):
        """The example of the specification's reference implementations."""
        headers = signing.headers(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            body=b'{"test": 2432232314}',
            keys=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
            at=datetime.fromtimestamp(1614265330, UTC),
        )

        assert headers == {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        }

    def test_is_the_hmac_of_id_timestamp_and_body(self):
        secret = signing.new_secret()
        at = datetime(2026, 6, 1, 12, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))

        headers = signing.headers("m1", body=BODY, keys=[secret], at=at)

        key = base64.b64decode(secret.removeprefix("whsec_"))
        content = b"m1." + str(int(at.timestamp())).encode() + b"." + BODY
        expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        assert headers["webhook-timestamp"] == "1780308000"
        assert headers["webhook-signature"] == f"v1,{expected}"

    def test_is_verified_by_the_published_library_and_nothing_altered_is(self):
        secret = signing.new_secret()
        headers = signing.headers("m1", body=BODY, keys=[secret], at=datetime.now(UTC))

        assert Webhook(secret).verify(BODY, headers)["name"] == "Zoë"
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(BODY + b" ", headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(signing.new_secret()).verify(BODY, headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(BODY, headers | {"webhook-id": "m2"})

    def test_carries_a_signature_for_each_secret_while_they_rotate(self):
        new, old = signing.new_secret(), signing.new_secret()

        headers = signing.headers("m1", body=BODY, keys=[new, old], at=datetime.now(UTC))

        assert len(headers["webhook-signature"].split(" ")) == 2
        for secret in (new, old):
            Webhook(secret).verify(BODY, headers)

    def test_refuses_to_send_unsigned(self):
        with pytest.raises(ValueError, match="must be signed"):
            signing.headers("m1", body=BODY, keys=[], at=datetime.now(UTC))
