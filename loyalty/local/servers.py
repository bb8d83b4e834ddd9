"""The database and the queue of a run, and the environment that tells Django of them."""

import fcntl
import os
from pathlib import Path
from typing import TextIO

from loyalty.local import accounts, postgres, valkey
from loyalty.local.bootstrap import step
from loyalty.local.ports import LOOPBACK
from loyalty.local.processes import Parts


class AlreadyRunning(Exception):
    """Another run of this clone uses the same folder."""


def claim(home: Path) -> TextIO:
    """
    Take a run's folder for as long as the returned file is open.

    :raises AlreadyRunning: if another process has it
    """
    home.mkdir(parents=True, exist_ok=True)
    file = (home / "run.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        raise AlreadyRunning(
            f"It is running here already, as process {file.read().strip()}: stop that one first."
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def start(
    parts: Parts, postgres_settings: dict[str, str] | None = None, *, for_tests: bool = False
) -> dict[str, str]:
    """
    Start a database and a queue, each unless the environment names one; returns what names them to Django.

    :raises loyalty.local.postgres.NoServer: if there is no program for one of them
    """
    return {
        "DATABASE_URL": given("DATABASE_URL") or start_postgres(parts, postgres_settings, for_tests),
        "REDIS_URL": given("REDIS_URL") or start_valkey(parts),
    }


def given(name: str) -> str | None:
    url = os.environ.get(name)
    if url:
        print(f"  Using the server in {name}", flush=True)
    return url


def start_postgres(parts: Parts, settings: dict[str, str] | None, for_tests: bool) -> str:
    with step("PostgreSQL"):
        return postgres.start(parts, settings, for_tests=for_tests)


def start_valkey(parts: Parts) -> str:
    with step("Valkey"):
        return valkey.start(parts)


def django_environment(home: Path, port: int, addresses: dict[str, str]) -> dict[str, str]:
    """The whole environment of Django on this machine; what the caller's environment says goes first."""
    return {**local_settings(home, port), **os.environ, **addresses}


def local_settings(home: Path, port: int) -> dict[str, str]:
    origins = [f"http://{host}:{port}" for host in (LOOPBACK, "localhost")]
    return {
        "DJANGO_SETTINGS_MODULE": "loyalty.settings",
        "REGULARS_LOCAL": "1",
        "REGULARS_VAR": str(home),
        "DEBUG": "0",
        "SECRET_KEY": accounts.secret(home / "secret-key"),
        "ALLOWED_HOSTS": f"{LOOPBACK},localhost",
        "CSRF_TRUSTED_ORIGINS": ",".join(origins),
        "BASE_URL": origins[0],
    }
