"""Little integrations that sell through an address: a good one, and ones that make one mistake each."""

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

TIMEOUT_SECONDS = 4.0
SALES = 7


class Good:
    """A till that does everything right: one key for each call, waits as told, sends until it knows."""

    def __init__(self, *, address: str, credential: str, card: str) -> None:
        self.address, self.credential, self.card = urlsplit(address), credential, card

    def run(self) -> None:
        with ThreadPoolExecutor(SALES) as pool:
            list(pool.map(self.sell, range(SALES)))
        self.refused()
        self.register([f"{self.card}-{number}" for number in range(4)])

    def sell(self, number: int) -> None:
        self.post("/v1/transactions", self.sale(number))

    def sale(self, number: int) -> dict[str, Any]:
        return {
            "kind": "sale",
            "external_id": f"{self.card}-r{number}",
            "occurred_at": f"2026-06-01T12:{number:02d}:00Z",
            "member": {"kind": "card", "value": self.card},
            "amount": {"amount": "10.00", "currency": "EUR"},
        }

    def refused(self) -> None:
        """Something that is refused for good."""
        hold = {"member": {"kind": "card", "value": self.card}, "wallet_type": "points", "points": 10**6}
        self.post("/v1/points/holds", hold)

    def register(self, cards: list[str]) -> None:
        items = [{"identifiers": [{"kind": "card", "value": card}]} for card in cards]
        while items:
            answer = self.post("/v1/members/batch", {"items": items})
            items = self.unfinished(items, answer["results"])

    def unfinished(self, items: list[Any], results: list[Any]) -> list[Any]:
        return [items[one["index"]] for one in results if one["status"] >= 500]

    def post(self, path: str, body: dict[str, Any]) -> Any:
        key = self.new_key()
        for attempt in range(8):
            status, headers, answer = self.call(path, self.again(body, attempt), self.key_of(key, attempt))
            if status in (429, 503):
                time.sleep(self.wait(int(headers["Retry-After"])))
            elif status is None or status >= 500 or self.repeats(status, attempt):
                time.sleep(self.pause(attempt))
            else:
                return self.read(answer)
            if self.gives_up(attempt):
                return {"results": []}
        raise AssertionError("the server never answered")

    def call(self, path: str, body: Any, key: str | None) -> tuple[int | None, Any, Any]:
        connection = http.client.HTTPConnection(
            self.address.hostname or "", self.address.port, timeout=TIMEOUT_SECONDS
        )
        headers = {"Authorization": f"Bearer {self.credential}", "Content-Type": "application/json"}
        try:
            connection.request(
                "POST", path, json.dumps(body), headers | ({"Idempotency-Key": key} if key else {})
            )
            answer = connection.getresponse()
            return answer.status, answer.headers, json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            return None, {}, None
        finally:
            connection.close()

    # What mistakes are made in.

    def new_key(self) -> str | None:
        return str(uuid4())

    def key_of(self, key: str | None, attempt: int) -> str | None:
        return key

    def again(self, body: dict[str, Any], attempt: int) -> dict[str, Any]:
        return body

    def wait(self, seconds: int) -> float:
        return float(seconds)

    def pause(self, attempt: int) -> float:
        return 0.7 * (attempt + 1)

    def repeats(self, status: int, attempt: int) -> bool:
        return False

    def gives_up(self, attempt: int) -> bool:
        return False

    def read(self, answer: Any) -> Any:
        return answer


class NewKeyOnRetry(Good):
    def key_of(self, key: str | None, attempt: int) -> str | None:
        return f"{key}-{attempt}"


class OneKeyForAll(Good):
    def new_key(self) -> str | None:
        return "till-7"


class NoKey(Good):
    def new_key(self) -> str | None:
        return None


class Impatient(Good):
    def wait(self, seconds: int) -> float:
        return 0.3


class Hammering(Good):
    def pause(self, attempt: int) -> float:
        return 0.0

    def repeats(self, status: int, attempt: int) -> bool:
        return attempt < 3


class GivesUp(Good):
    def gives_up(self, attempt: int) -> bool:
        return True


class ArguesWithNo(Good):
    def repeats(self, status: int, attempt: int) -> bool:
        return status in (409, 422) and attempt < 3


class NewReceiptOnRetry(Good):
    def again(self, body: dict[str, Any], attempt: int) -> dict[str, Any]:
        return body | {"external_id": f"{body['external_id']}-{attempt}"} if "external_id" in body else body


class ResendsWholeBatch(Good):
    def unfinished(self, items: list[Any], results: list[Any]) -> list[Any]:
        return items if super().unfinished(items, results) else []


class DropsFailedItems(Good):
    def unfinished(self, items: list[Any], results: list[Any]) -> list[Any]:
        return []


class StumblesOverNewFields(Good):
    """Reads answers into a class of its own, and takes a field too many for a broken answer."""

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = super().post(path, body)
        return super().post(path, body) if "x_from_the_future" in answer else answer


MISTAKES = {
    NewKeyOnRetry: "A repeat has the key of the first attempt",
    OneKeyForAll: "Each new call has a key of its own",
    NoKey: "Each call that changes something has an Idempotency-Key",
    Impatient: "After 429 and 503 it waits as long as Retry-After says",
    Hammering: "Repeats are spaced out",
    GivesUp: "A call is repeated until its outcome is known",
    ArguesWithNo: "What was refused for good is not sent again",
    NewReceiptOnRetry: "One receipt has one external_id",
    ResendsWholeBatch: "After a bulk call only what is unfinished is sent again",
    DropsFailedItems: "After a bulk call everything unfinished is sent again",
    StumblesOverNewFields: "Unknown fields in answers are taken",
}
