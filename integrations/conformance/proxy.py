"""Stands between an integration and its sandbox, passes calls on, and makes trouble."""

import base64
import contextlib
import http.client
import json
import re
import socket
import struct
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

from integrations.conformance import trouble
from integrations.conformance.exchanges import Exchange, Log

_HOP_BY_HOP: Final = frozenset(
    ("connection", "keep-alive", "transfer-encoding", "te", "upgrade", "content-length", "host")
)
_UNKNOWN: Final = {"x_from_the_future": {"a": [1, None]}}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def content(self) -> Any:
        with contextlib.suppress(ValueError):
            return json.loads(self.body)
        return None


class Proxy(ThreadingHTTPServer):
    """
    Listens on this machine, for `sandbox`, an address such as https://loyalty.example.

    :param slow_seconds: how late a slow answer is
    :param retry_after: how many seconds refusals ask to wait
    """

    daemon_threads = True

    def __init__(
        self, *, sandbox: str, port: int = 0, slow_seconds: float = 8.0, retry_after: int = 2
    ) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.sandbox = urlsplit(sandbox)
        self.slow_seconds, self.retry_after = slow_seconds, retry_after
        self.log, self.plan = Log(), trouble.Plan()
        self.began = time.monotonic()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def now(self) -> float:
        return time.monotonic() - self.began

    def pass_on(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        """What the sandbox answers."""
        secure = self.sandbox.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(self.sandbox.hostname or "", self.sandbox.port, timeout=60)
        try:
            passed = {name: value for name, value in headers.items() if name not in _HOP_BY_HOP}
            connection.request(method, target, body or None, {**passed, "Connection": "close"})
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        except (OSError, http.client.HTTPException):
            return _refusal(503, target, retry_after=self.retry_after)
        finally:
            connection.close()


class Handler(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def _serve(self) -> None:
        at = self.server.now()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        path, _, query = self.path.partition("?")
        seen = Exchange(at, at, self.command, path, query, headers, body, "", None)
        what = self.server.plan.next(seen) if seen.is_of_api else trouble.NONE
        answer, reached = self._meet(what, headers, body)
        told = answer is not None and what != trouble.LOST_ANSWER
        # Noted before it is answered: whoever reads the answer finds the exchange in the log.
        self.server.log.add(
            Exchange(
                at=at,
                ended_at=self.server.now(),
                method=self.command,
                path=path,
                query=query,
                headers=headers,
                body=body,
                trouble=what,
                status=answer.status if answer and told else None,
                retry_after=_retry_after(answer) if told else None,
                answer=answer.content() if answer else None,
                reached_server=reached,
            )
        )
        if answer is None or not told:
            self._cut()
        else:
            self._answer(answer)

    def _meet(self, what: str, headers: dict[str, str], body: bytes) -> tuple[Answer | None, bool]:
        """The answer for the integration, and whether the call reached the sandbox."""
        if _is_of_a_live_program(headers):
            return _refused_live(self.path), False
        if what == trouble.CUT:
            return None, False
        if what in (trouble.UNAVAILABLE, trouble.LIMITED):
            return self._refusal(503 if what == trouble.UNAVAILABLE else 429), False
        if what == trouble.PARTIAL:
            return self._in_part(headers, body), True
        answer = self.server.pass_on(self.command, self.path, headers, body)
        if what == trouble.REPEATED:
            answer = self.server.pass_on(self.command, self.path, headers, body)
        if what == trouble.SLOW:
            time.sleep(self.server.slow_seconds)
        if what == trouble.UNKNOWN_FIELDS:
            answer = _with_unknown_fields(answer)
        return answer, True

    def _in_part(self, headers: dict[str, str], body: bytes) -> Answer:
        """The first half of the items is passed on; the rest is answered as if it had failed."""
        content = json.loads(body)
        items, half = content["items"], max(len(content["items"]) // 2, 1)
        first = json.dumps({**content, "items": items[:half]}).encode()
        answer = self.server.pass_on(self.command, self.path, headers, first)
        told = answer.content()
        if answer.status != 207 or not isinstance(told, dict):
            return answer
        problem = json.loads(self._refusal(503).body)
        told["results"] += [
            {"index": place, "status": 503, "problem": problem} for place in range(half, len(items))
        ]
        return Answer(207, [("Content-Type", "application/json")], json.dumps(told).encode())

    def _refusal(self, status: int) -> Answer:
        return _refusal(status, self.path, retry_after=self.server.retry_after)

    def _answer(self, answer: Answer) -> None:
        with contextlib.suppress(OSError):  # who waited no longer has hung up
            self.send_response(answer.status)
            for name, value in answer.headers:
                if name.lower() not in _HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

    def _cut(self) -> None:
        """Reset the connection, as a broken network would."""
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the report tells it all."""

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()


def _is_of_a_live_program(headers: dict[str, str]) -> bool:
    """Customers' points are no place for trouble: keys, secrets and tokens say what they are for."""
    scheme, _, told = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        with contextlib.suppress(ValueError):
            told = base64.b64decode(told).decode(errors="replace")
    return re.search(r"\br[kstc]_live_", told) is not None


def _refused_live(path: str) -> Answer:
    problem = {
        "type": "about:blank#live_credential",
        "title": "The conformance kit is for sandboxes",
        "status": 403,
        "detail": "This credential is of a live program. Use one of a sandbox: they have _test_ in them.",
        "instance": path.partition("?")[0],
        "code": "live_credential",
    }
    return Answer(403, [("Content-Type", "application/problem+json")], json.dumps(problem).encode())


def _retry_after(answer: Answer | None) -> int | None:
    for name, value in answer.headers if answer else ():
        if name.lower() == "retry-after" and value.isdecimal():
            return int(value)
    return None


def _refusal(status: int, path: str, *, retry_after: int) -> Answer:
    code = {503: "unavailable", 429: "too_many_requests"}[status]
    problem = {
        "type": f"about:blank#{code}",
        "title": "Trouble made by the conformance kit",
        "status": status,
        "detail": "Nothing was changed. Send the same call again after Retry-After.",
        "instance": path.partition("?")[0],
        "code": code,
    }
    headers = [("Content-Type", "application/problem+json"), ("Retry-After", str(retry_after))]
    return Answer(status, headers, json.dumps(problem).encode())


def _with_unknown_fields(answer: Answer) -> Answer:
    told = answer.content()
    if not isinstance(told, dict) or answer.status >= 400:
        return answer
    return Answer(answer.status, answer.headers, json.dumps(told | _UNKNOWN).encode())
