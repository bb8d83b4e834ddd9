"""
The demo: everything that Regulars consists of, on this machine, until Ctrl-C.

Data stays in ``var`` (or, where root's clone is closed to the database's account, under /var/lib): the next
start goes on where this one ended.
"""

import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from loyalty.local import servers
from loyalty.local.bootstrap import ROOT, STAMP, step
from loyalty.local.ports import LOOPBACK, is_free
from loyalty.local.postgres import NoServer
from loyalty.local.processes import PartFailed, Parts, die_with_parent, end_on_signals

HOME = ROOT / "var"
PYTHON = sys.executable


class CannotRun(Exception):
    """Why the demo cannot run, in one line that says what to do."""


def main(arguments: list[str]) -> None:
    end_on_signals()
    port = web_port()
    began = time.monotonic()
    with servers.claim(HOME), Parts(HOME) as parts:
        if not is_free(port):
            raise CannotRun(
                f"Port {port} is taken by another program; choose another: make demo PORT={port + 1}"
            )
        env = prepare(parts, port, full="--full" in arguments)
        start_regulars(parts, env, port)
        print(welcome(env["BASE_URL"]))
        print(
            f"  Up after {time.monotonic() - began:.0f} s. Ctrl-C stops everything and keeps the data.",
            flush=True,
        )
        while True:
            time.sleep(0.5)
            parts.raise_if_any_stopped()


def web_port() -> int:
    chosen = os.environ.get("PORT") or "8000"
    if not chosen.isdigit() or not 0 < int(chosen) < 65536:
        raise CannotRun(
            f"PORT={chosen} is no port: choose a number from 1 to 65535, for example make demo PORT=8001"
        )
    return int(chosen)


def prepare(parts: Parts, port: int, *, full: bool) -> dict[str, str]:
    """Bring servers, tables, static files and the demo's program to where they should be."""
    env = servers.django_environment(HOME, port, servers.start(parts))
    write_environment(env)
    migrate(env)
    collect_static(env)
    manage(env, "load_demo", *(["--full"] if full else []))
    return env


def migrate(env: dict[str, str]) -> None:
    with step("Tables"):
        said = manage(env, "migrate", "--noinput", quiet=True)
        print(f"    {sum(line.endswith(' OK') for line in said.splitlines())} migrations applied")


def collect_static(env: dict[str, str]) -> None:
    """Gather static files, unless nothing that they come from has changed since the last time."""
    stamp = HOME / "static-files"
    sources = digest_of_static_sources()
    gathered = Path(env.get("STATIC_ROOT") or ROOT / "static")
    if gathered.exists() and stamp.exists() and stamp.read_text() == sources:
        return
    with step("Static files"):
        said = manage(env, "collectstatic", "--noinput", quiet=True)
        print(f"    {said.strip().splitlines()[-1] if said.strip() else ''}")
    stamp.write_text(sources)


def digest_of_static_sources() -> str:
    """Libraries by their locks, our own files by name, size and time."""
    digest = hashlib.sha256(STAMP.read_bytes() if STAMP.exists() else b"")
    ours = [path for path in ROOT.glob("*/**/static/**/*") if path.is_file() and ".venv" not in path.parts]
    for path in sorted([*ours, ROOT / "loyalty" / "settings.py"]):
        found = path.stat()
        digest.update(f"{path} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def manage(env: dict[str, str], *arguments: str, quiet: bool = False) -> str:
    """
    Run a management command; what it says is returned if ``quiet``, else shown.

    :raises CannotRun: if it fails; then what it said is shown in any case
    """
    result = subprocess.run(
        [PYTHON, str(ROOT / "manage.py"), *arguments],
        env=env,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    if result.returncode != 0:
        raise CannotRun(f"{result.stdout or ''}manage.py {arguments[0]} failed, see above.")
    return result.stdout or ""


def write_environment(env: dict[str, str]) -> None:
    """For a shell beside the demo: ``set -a; . var/environment; .venv/bin/python manage.py shell``."""
    told = {*servers.django_environment(HOME, 0, {}), "DATABASE_URL", "REDIS_URL"}
    path = HOME / "environment"
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in env.items() if name in told))


def start_regulars(parts: Parts, env: dict[str, str], port: int) -> None:
    """Start web server, worker and scheduler, and wait until all of them say that they are ready."""
    workers = min(os.cpu_count() or 1, 4)
    granian = [PYTHON, "-m", "granian", "--interface", "wsgi", "--host", LOOPBACK, "--port", str(port)]
    granian += ["--workers", str(workers), "--blocking-threads", "4", "--no-ws", "loyalty.wsgi:application"]
    celery = [PYTHON, "-m", "celery", "--app", "loyalty"]
    schedule = ["beat", "--loglevel", "INFO", "--pidfile", ""]
    worker = ["worker", "--loglevel", "INFO", "--concurrency", str(workers)]
    with step("Web server, worker, scheduler"):
        parts.start("web", granian, env=env, cwd=ROOT)
        # A cold stop: tasks can run twice, and one that was cut short is taken up again.
        parts.start("worker", [*celery, *worker], env=env, cwd=ROOT, stop_signal=signal.SIGQUIT)
        parts.start("scheduler", [*celery, *schedule], env=env, cwd=ROOT)
        wait_until_ready(parts, f"http://{LOOPBACK}:{port}/readyz")


def wait_until_ready(parts: Parts, address: str, patience: float = 120) -> None:
    end = time.monotonic() + patience
    answer = "nothing"
    while time.monotonic() < end:
        parts.raise_if_any_stopped()
        try:
            # Never by way of a proxy: this is our own machine.
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(address, timeout=10):
                return
        except urllib.error.HTTPError as problem:
            answer = problem.read().decode(errors="replace")
        except OSError:
            pass
        time.sleep(0.25)
    raise CannotRun(
        f"{address} is not ready after {patience:.0f} s; it says {answer}; logs are in {HOME / 'log'}"
    )


def welcome(address: str) -> str:
    """Where to go and how to log in, from what `load_demo` has written."""
    path = HOME / "demo.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    lines = ["", f"  Regulars is at {address}", ""]
    rows = [(who["role"], who["email"], who["password"]) for who in known.get("logins", [])]
    if rows:
        rows.insert(0, ("Role", "E-mail", "Password"))
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines += [
            "    " + "   ".join(word.ljust(width) for word, width in zip(row, widths, strict=True))
            for row in rows
        ]
        lines += ["", f"  API keys and the webhook's secret: {path}", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (CannotRun, NoServer, PartFailed, servers.AlreadyRunning) as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        print("\n  Stopped. The data is kept.")
