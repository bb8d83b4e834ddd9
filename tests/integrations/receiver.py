"""A partner's server on this machine, which behaves as real ones do."""

import asyncio
import math
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

from integrations.management.commands import receive_webhooks


@dataclass(slots=True)
class Receiver:
    """
    What it got is in `messages` as (path, headers, body); each path has its own way to answer.

    Who hangs, and who comes after `answers_at_most` messages, is let go when `closing` is set.
    """

    port: int = 0
    messages: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    delay_seconds: float = 0.0
    answers_at_most: float = math.inf
    closing: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "ok") -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def ids(self, path: str = "/ok") -> list[str]:
        return [headers["webhook-id"] for where, headers, _ in self.messages if where == path]

    def verified(self, secret: str, path: str = "/ok") -> list[Any]:
        """The messages, by the published library: it raises for a wrong signature."""
        signer = Webhook(secret)
        return [signer.verify(body, headers) for where, headers, body in self.messages if where == path]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.messages.append((request.path, headers, body))
        number = len(self.messages)
        self.seen[request.path] += 1
        while number > self.answers_at_most and not self.closing.is_set():
            await asyncio.sleep(0.01)
        await asyncio.sleep(self.delay_seconds)
        return await self._behave(request)

    async def _behave(self, request: web.Request) -> web.StreamResponse:
        match request.path.strip("/").split("/"):
            case ["ok"]:
                return web.Response(status=204)
            case ["status", code]:
                return web.Response(status=int(code))
            case ["recovers"]:
                return web.Response(status=500 if self.seen[request.path] == 1 else 200)
            case ["busy", code, wait]:
                return web.Response(status=int(code), headers={"retry-after": wait})
            case ["redirect"]:
                return web.Response(status=302, headers={"location": self.url()})
            case ["hang"]:
                while not self.closing.is_set():
                    await asyncio.sleep(0.01)
            case ["closes"]:
                assert request.transport is not None
                request.transport.close()
            case ["slow-body"]:
                return await self._stream(request, chunk=b"x", count=100, pause_seconds=0.5)
            case ["endless-body"]:
                return await self._stream(request, chunk=b"x" * 65_536, count=10_000, pause_seconds=0)
        return web.Response(status=404)

    async def _stream(
        self, request: web.Request, *, chunk: bytes, count: int, pause_seconds: float
    ) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(count):
            await response.write(chunk)
            await asyncio.sleep(pause_seconds)
        return response


@contextmanager
def running() -> Iterator[Receiver]:
    """The receiver in a thread of its own, on a port that is free."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.answer)
    with serving(app, closing=receiver.closing) as receiver.port:
        yield receiver


@contextmanager
def listening(*, secret: str | None, failures: int) -> Iterator[tuple[str, list[str]]]:
    """The receiver of `manage.py receive_webhooks`: its address, and what it prints."""
    told: list[str] = []
    app = receive_webhooks.receiver(secret=secret, failures=failures, hangs=False, tell=told.append)
    with serving(app) as port:
        yield f"http://127.0.0.1:{port}/", told


@contextmanager
def serving(app: web.Application, *, closing: threading.Event | None = None) -> Iterator[int]:
    runner, loop = web.AppRunner(app, shutdown_timeout=0, access_log=None), asyncio.new_event_loop()

    async def start() -> int:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return int(runner.addresses[0][1])

    async def stop() -> None:
        if closing:
            closing.set()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
