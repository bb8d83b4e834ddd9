"""A light client: prepared requests over kept connections, so that the load itself costs little."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.limit.yardstick import Measurement


@dataclass(frozen=True)
class Request:
    """One HTTP request; `body` makes it a POST."""

    path: str
    body: bytes = b""
    headers: str = ""

    def encoded(self, host: str, key: str) -> bytes:
        method = "POST" if self.body else "GET"
        head = (
            f"{method} {self.path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(self.body)}\r\n{self.headers}\r\n"
        )
        return head.encode() + self.body


class Client(threading.Thread):
    """One connection that sends its next request as soon as it has the answer to the last."""

    def __init__(self, base_url: str, key: str, requests: Iterator[Request], until: float) -> None:
        super().__init__(daemon=True)
        parts = urlsplit(base_url)
        self.address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.host = parts.netloc
        self.key = key
        self.requests = requests
        self.until = until
        self.took: list[float] = []
        self.failures: list[bytes] = []

    def run(self) -> None:
        with socket.create_connection(self.address) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while time.monotonic() < self.until:
                began = time.monotonic()
                connection.sendall(next(self.requests).encoded(self.host, self.key))
                answer = _answer(connection)
                self.took.append(time.monotonic() - began)
                if not answer.startswith(b"HTTP/1.1 2") or b'"problem":{' in answer:
                    self.failures.append(answer)


def _answer(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def measure(
    base_url: str, key: str, requests: Callable[[int], Iterator[Request]], *, clients: int, seconds: float
) -> Measurement:
    """
    Let clients send requests for some seconds; `requests` gives each client, by number, its own.

    An answer that began in time counts, as does the time that it took beyond.

    :raises RuntimeError: if any answer is not 2xx, or an item of a batch was refused, with the first one
    """
    began = time.monotonic()
    until = began + seconds
    running = [Client(base_url, key, requests(number), until) for number in range(clients)]
    for client in running:
        client.start()
    for client in running:
        client.join()
    elapsed = time.monotonic() - began
    if failures := [failure for client in running for failure in client.failures]:
        raise RuntimeError(f"{len(failures)} requests failed: {failures[0].decode(errors='replace')}")
    took = sorted(duration * 1000 for client in running for duration in client.took)
    return Measurement(
        per_second=len(took) / elapsed,
        median_ms=took[len(took) // 2],
        p95_ms=took[int(len(took) * 0.95)],
        p99_ms=took[int(len(took) * 0.99)],
    )
