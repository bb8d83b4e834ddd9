"""The web server as it runs in production, for tests that need more than a view: kills, fuzzers, clients."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from django.conf import settings as own
from django.db import connection


def database_url() -> str:
    """The test's own database, for another process."""
    said = connection.settings_dict
    return f"postgres://{said['USER']}:{said['PASSWORD']}@{said['HOST']}:{said['PORT']}/{said['NAME']}"


class Server:
    """Granian with two workers in a process group of its own; what it says goes to `log`, if there is one."""

    def __init__(self, database: str, *, log: Path | None = None, **settings: str) -> None:
        self.database = database
        self.log = log or Path(os.devnull)
        self.settings = settings
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--workers", "2", "--no-ws", "loyalty.wsgi:application"]
        env = os.environ | {
            "DATABASE_URL": self.database,
            "REDIS_URL": own.REDIS_URL,
            "SECRET_KEY": own.SECRET_KEY,
            "REGULARS_LOCAL": "1",
            "ALLOWED_HOSTS": "127.0.0.1",
            "LOG_LEVEL": "ERROR",
            # Tests in this process knock from the same address, and are counted with it.
            "API_STRANGERS_PER_MINUTE": "1000000",
            **self.settings,
        }
        with self.log.open("ab") as said:
            self.process = subprocess.Popen(
                command, env=env, start_new_session=True, stdout=said, stderr=said
            )
        self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.1)
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def running(database: str, *, log: Path | None = None, **settings: str) -> Iterator[Server]:
    """The server until the block ends; settings as environment variables."""
    server = Server(database, log=log, **settings)
    try:
        server.start()
        yield server
    finally:
        server.kill()
