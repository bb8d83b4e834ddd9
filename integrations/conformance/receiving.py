"""Sends a webhook receiver what it must take and what it must not (Standard Webhooks 1.0)."""

import base64
import hashlib
import hmac
import http.client
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from integrations.conformance.rules import BROKEN, KEPT, NOT_SEEN, Verdict

TIMEOUT_SECONDS: Final = 15.0
OLD_SECONDS: Final = 600


@dataclass(frozen=True)
class Message:
    """One attempt to deliver a message."""

    id: str
    timestamp: int
    signature: str
    body: bytes


class Receiver:
    """
    The receiver under test.

    :param secret: `whsec_…`, the one that the receiver verifies with
    :param effects: an address of the partner's that answers `{"handled": [ids of messages]}`, each as
        often as it had an effect; without it, what cannot be seen from outside is not judged
    """

    def __init__(self, *, url: str, secret: str, effects: str | None = None) -> None:
        self.url, self.effects_url = url, effects
        self.key = base64.b64decode(secret.removeprefix("whsec_"))

    def message(self, content: Any, *, id: str = "", age: float = 0) -> Message:
        body = json.dumps(content).encode()
        message_id, timestamp = id or f"msg_{uuid.uuid4().hex}", int(time.time() - age)
        return Message(message_id, timestamp, self.signed(message_id, timestamp, body), body)

    def signed(self, message_id: str, timestamp: int, body: bytes) -> str:
        text = f"{message_id}.{timestamp}.".encode() + body
        return "v1," + base64.b64encode(hmac.new(self.key, text, hashlib.sha256).digest()).decode()

    def send(self, message: Message) -> tuple[int | None, float]:
        """The status of the answer (None: there was none), and how long it took."""
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message.id,
            "webhook-timestamp": str(message.timestamp),
            "webhook-signature": message.signature,
        }
        began = time.monotonic()
        try:
            status, _ = _request("POST", self.url, message.body, headers)
        except (OSError, http.client.HTTPException):
            return None, time.monotonic() - began
        return status, time.monotonic() - began

    def handled(self, message_id: str) -> int | None:
        """How often a message had an effect; None where that cannot be asked, or is not answered."""
        if self.effects_url is None:
            return None
        try:
            _, raw = _request("GET", self.effects_url, b"", {})
            return int(json.loads(raw)["handled"].count(message_id))
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
            return None


def _request(method: str, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
    try:
        target = parts.path or "/"
        connection.request(
            method, f"{target}?{parts.query}" if parts.query else target, body or None, headers
        )
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def event(sequence: int = 1, **changes: Any) -> dict[str, Any]:
    """A message such as the program sends."""
    return {
        "type": "points.earned",
        "timestamp": "2026-06-01T12:00:00Z",
        "sequence": sequence,
        "data": {
            "member_id": "01976c1e-5d7a-7000-8000-3a52e6e1d0b4",
            "entry_id": "01976c1e-5d7a-7000-8000-0000000000e1",
            "wallet_type": "points",
            "points": 120,
            "balance": 460,
        },
    } | changes


def judge(receiver: Receiver) -> list[Verdict]:
    """A verdict for each rule, from what the receiver answers."""
    return [_verdict(check, *check.look(receiver)) for check in CHECKS]


def _verdict(check: "Check", outcome: str, seen: str) -> Verdict:
    if outcome == BROKEN:
        return Verdict(check.said, BROKEN, (seen,), 1, check.cure)
    return Verdict(check.said, outcome, advice=_EFFECTS if outcome == NOT_SEEN else "")


def _taken(receiver: Receiver, message: Message) -> tuple[str, str]:
    status, _seconds = receiver.send(message)
    is_taken = status is not None and 200 <= status < 300
    return (KEPT if is_taken else BROKEN), f"answered {status or 'nothing'}, not 2xx"


def _refused(receiver: Receiver, message: Message) -> tuple[str, str]:
    status, _seconds = receiver.send(message)
    if receiver.handled(message.id):
        return BROKEN, "it had an effect"
    is_refused = status is not None and 400 <= status < 500
    return (KEPT if is_refused else BROKEN), f"answered {status or 'nothing'}, not 4xx"


def takes_what_is_ours(receiver: Receiver) -> tuple[str, str]:
    return _taken(receiver, receiver.message(event()))


def is_quick(receiver: Receiver) -> tuple[str, str]:
    status, seconds = receiver.send(receiver.message(event()))
    is_quick = status is not None and seconds < TIMEOUT_SECONDS
    seen = f"took {seconds:.1f} s" if status else "did not answer"
    return (KEPT if is_quick else BROKEN), seen


def refuses_a_wrong_signature(receiver: Receiver) -> tuple[str, str]:
    message = receiver.message(event())
    other = Receiver(url="", secret="whsec_" + base64.b64encode(b"x" * 32).decode())
    forged = other.signed(message.id, message.timestamp, message.body)
    return _refused(receiver, Message(message.id, message.timestamp, forged, message.body))


def refuses_an_altered_body(receiver: Receiver) -> tuple[str, str]:
    message = receiver.message(event())
    altered = message.body.replace(b"120", b"999")
    return _refused(receiver, Message(message.id, message.timestamp, message.signature, altered))


def refuses_no_signature(receiver: Receiver) -> tuple[str, str]:
    message = receiver.message(event())
    return _refused(receiver, Message(message.id, message.timestamp, "", message.body))


def refuses_what_is_old(receiver: Receiver) -> tuple[str, str]:
    return _refused(receiver, receiver.message(event(), age=OLD_SECONDS))


def refuses_what_is_from_the_future(receiver: Receiver) -> tuple[str, str]:
    return _refused(receiver, receiver.message(event(), age=-OLD_SECONDS))


def takes_one_of_two_signatures(receiver: Receiver) -> tuple[str, str]:
    message = receiver.message(event())
    both = f"v1,{base64.b64encode(b'0' * 32).decode()} {message.signature}"
    return _taken(receiver, Message(message.id, message.timestamp, both, message.body))


def takes_a_repeat_once(receiver: Receiver) -> tuple[str, str]:
    first = receiver.message(event())
    receiver.send(first)
    outcome, seen = _taken(receiver, receiver.message(event(), id=first.id))
    if outcome == BROKEN:
        return outcome, seen
    count = receiver.handled(first.id)
    if count is None:
        return NOT_SEEN, ""
    return (KEPT if count == 1 else BROKEN), f"it had an effect {count} times"


def takes_what_comes_late(receiver: Receiver) -> tuple[str, str]:
    receiver.send(receiver.message(event(sequence=20)))
    return _taken(receiver, receiver.message(event(sequence=10)))


def takes_unknown_types(receiver: Receiver) -> tuple[str, str]:
    return _taken(receiver, receiver.message(event(type="something.new")))


def takes_unknown_fields(receiver: Receiver) -> tuple[str, str]:
    return _taken(receiver, receiver.message(event(x_from_the_future={"a": [1, None]})))


@dataclass(frozen=True)
class Check:
    said: str
    look: Callable[[Receiver], tuple[str, str]]
    """The outcome, and what was seen."""
    cure: str
    """What to change in a receiver that breaks it."""


_VERIFY: Final = (
    "Verify the signature over webhook-id, webhook-timestamp and the raw body before you read the body, "
    "and answer 401 if it is wrong. A library of Standard Webhooks does."
)
_IN_TIME: Final = "Refuse a webhook-timestamp that is five minutes off or more, even with a right signature."
_EFFECTS: Final = "Give it --effects: an address that answers which messages had an effect."

CHECKS: Final[tuple[Check, ...]] = (
    Check(
        "Takes a message that is ours, with 2xx",
        takes_what_is_ours,
        "Answer 204 to a message whose signature is right. See that --secret is the one it verifies with.",
    ),
    Check(
        "Answers within 15 seconds",
        is_quick,
        "Store the message, answer, and do the work after that: what is answered too late is sent again.",
    ),
    Check("Refuses a wrong signature", refuses_a_wrong_signature, _VERIFY),
    Check("Refuses an altered body", refuses_an_altered_body, _VERIFY),
    Check("Refuses a message without a signature", refuses_no_signature, _VERIFY),
    Check("Refuses a timestamp of ten minutes ago", refuses_what_is_old, _IN_TIME),
    Check("Refuses a timestamp ten minutes ahead", refuses_what_is_from_the_future, _IN_TIME),
    Check(
        "Takes a message of which one of two signatures is right",
        takes_one_of_two_signatures,
        "Split webhook-signature at spaces, and take the message if one of them is right.",
    ),
    Check(
        "Takes a repeat, and has its effect once",
        takes_a_repeat_once,
        "Keep each webhook-id in the transaction that has the effect; answer 2xx to one that is there.",
    ),
    Check(
        "Takes an older event after a newer one",
        takes_what_comes_late,
        "Answer 2xx, and skip what is older than what you have, by the member's sequence.",
    ),
    Check(
        "Takes types of events that it does not know",
        takes_unknown_types,
        "Answer 2xx to each type that you do not use: more of them come without notice.",
    ),
    Check(
        "Takes fields that it does not know",
        takes_unknown_fields,
        "Have your JSON reader skip fields that it does not know: more of them come without notice.",
    ),
)
