"""
The demo: everything that Regulars consists of, on this machine, until Ctrl-C.

Data stays in ``var`` (or, where root's clone is closed to the database's account, under /var/lib): the next
start goes on where this one ended.
"""

import json
import os
import shlex
import sys
import time
from pathlib import Path

from loyalty.local import product, servers
from loyalty.local.bootstrap import ROOT
from loyalty.local.ports import is_free
from loyalty.local.postgres import NoServer
from loyalty.local.processes import PartFailed, Parts, end_on_signals


class CannotRun(Exception):
    """Why the demo cannot run, in one line that says what to do."""


def main(arguments: list[str]) -> None:
    end_on_signals()
    began = time.monotonic()
    home = Path(os.environ.get("REGULARS_VAR") or ROOT / "var")
    with servers.claim(home), Parts(home) as parts:
        port = web_port()
        env = servers.django_environment(home, port, servers.start(parts))
        write_environment(env, home, port)
        product.migrate(env)
        product.collect_static(env, home)
        product.manage(env, "load_demo", *arguments)
        product.start(parts, env, port)
        print(welcome(env["BASE_URL"], home))
        print(
            f"  Up after {time.monotonic() - began:.0f} s. Ctrl-C stops everything and keeps the data.",
            flush=True,
        )
        while True:
            time.sleep(0.5)
            parts.raise_if_any_stopped()


def web_port() -> int:
    """:raises CannotRun: if the wanted port is no port, or taken"""
    chosen = os.environ.get("PORT") or "8000"
    if not chosen.isdecimal() or not 0 < int(chosen) < 65536:
        raise CannotRun(
            f"PORT={chosen} is no port: choose a number from 1 to 65535, for example make demo PORT=8001"
        )
    port = int(chosen)
    if not is_free(port):
        raise CannotRun(
            f"Port {port} is taken or not allowed: choose another, for example make demo PORT={port + 1}"
        )
    return port


def write_environment(env: dict[str, str], home: Path, port: int) -> None:
    """For a shell beside the demo: ``set -a; . var/environment; .venv/bin/python manage.py shell``."""
    path = home / "environment"
    path.touch(mode=0o600)
    names = [*servers.local_settings(home, port), "DATABASE_URL", "REDIS_URL"]
    path.write_text("".join(f"{name}={shlex.quote(env[name])}\n" for name in names))


def welcome(address: str, home: Path) -> str:
    """Where to go and how to log in, from what `load_demo` has written."""
    path = home / "demo.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    lines = ["", f"  Regulars is at {address}", ""]
    rows = [(who["role"], who["email"], who["password"]) for who in known.get("logins", [])]
    if rows:
        rows.insert(0, ("Role", "E-mail", "Password"))
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines += ["    " + "   ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        lines += ["", f"  API keys and the webhook's secret are in {path}", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (CannotRun, NoServer, PartFailed, product.CommandFailed, servers.AlreadyRunning) as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        print("\n  Stopped. The data is kept.")
