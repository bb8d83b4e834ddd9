"""What was seen of an integration: each call, what was done to it, and what came of it."""

import hashlib
import json
import threading
from dataclasses import dataclass, field
from typing import Any


def is_final(status: int | None, code: object) -> bool:
    """
    Whether an answer will not change, however often the call is sent.

    :param status: None where there was no answer
    :param code: that of the problem document, if it was a refusal
    """
    is_passing = status in (408, 425, 429) or code == "request_in_progress"
    return status is not None and status < 500 and not is_passing


@dataclass(frozen=True)
class Exchange:
    """One call as it arrived, and what the integration got for it. Times are seconds."""

    at: float
    ended_at: float
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    trouble: str
    """What was done to it; empty: it was let through."""
    status: int | None
    """None: the connection was closed without an answer."""
    retry_after: int | None = None
    answer: Any = None
    reached_server: bool = True

    @property
    def key(self) -> str | None:
        return self.headers.get("idempotency-key")

    @property
    def intention(self) -> str:
        """What the call is about, however often it is sent: method, address and content."""
        address = f"{self.method} {self.path}?{self.query}\n"
        return hashlib.sha256(address.encode() + self.body).hexdigest()

    @property
    def content(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def is_done(self) -> bool:
        """Whether it was answered for good: more of the same would change nothing."""
        return is_final(self.status, self.answer.get("code") if isinstance(self.answer, dict) else None)

    @property
    def is_bulk(self) -> bool:
        return isinstance(self.content, dict) and isinstance(self.content.get("items"), list)

    @property
    def is_of_api(self) -> bool:
        """Getting an access token is no call of the API."""
        return self.path.startswith("/v1/")

    def shown(self) -> str:
        """For those who look for it in a log of theirs."""
        content = self.content
        name = content.get("external_id") if isinstance(content, dict) else None
        about = f" of {name}" if isinstance(name, str) else ""
        return f"{self.method} {self.path}{about} at {self.at:.1f} s"


@dataclass
class Log:
    """All exchanges in the order in which they began; shared by the threads of the proxy."""

    exchanges: list[Exchange] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, exchange: Exchange) -> None:
        with self.lock:
            self.exchanges.append(exchange)
            self.exchanges.sort(key=lambda one: one.at)

    def __iter__(self) -> Any:
        with self.lock:
            return iter(list(self.exchanges))


def by_intention(exchanges: list[Exchange]) -> dict[str, list[Exchange]]:
    """The calls that change something, with all attempts at each; whole bulk calls are one each."""
    found: dict[str, list[Exchange]] = {}
    for one in exchanges:
        if one.method == "POST" and one.is_of_api:
            found.setdefault(one.intention, []).append(one)
    return found
