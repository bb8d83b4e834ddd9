"""Regulars itself on this machine: its tables, static files, web server, worker and scheduler."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from loyalty.local.bootstrap import ROOT, STAMP, step
from loyalty.local.ports import LOOPBACK
from loyalty.local.processes import PartFailed, Parts, die_with_parent

PYTHON = sys.executable


class CommandFailed(Exception):
    """A management command failed; what it said has been shown."""


def manage(env: dict[str, str], *arguments: str, quiet: bool = False) -> str:
    """
    Run a management command; what it says is returned if ``quiet``, else shown.

    :raises CommandFailed: if it fails, with what it said
    """
    return run(env, str(ROOT / "manage.py"), *arguments, quiet=quiet)


def run(env: dict[str, str], *arguments: str, quiet: bool = False) -> str:
    """The same for any program in Python: a file, or ``-m`` and a module."""
    result = subprocess.run(
        [PYTHON, *arguments],
        env=env,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    if result.returncode != 0:
        raise CommandFailed(f"{result.stdout or ''}{' '.join(arguments)} failed, see above.")
    return result.stdout or ""


def migrate(env: dict[str, str]) -> None:
    with step("Tables"):
        said = manage(env, "migrate", "--noinput", quiet=True)
        print(f"    {sum(line.endswith(' OK') for line in said.splitlines())} migrations applied", flush=True)


def collect_static(env: dict[str, str], home: Path) -> None:
    """Gather static files, unless nothing that they come from has changed since the last time."""
    stamp = home / "static-files"
    sources = digest_of_static_sources()
    gathered = Path(env.get("STATIC_ROOT") or ROOT / "static")
    if gathered.exists() and stamp.exists() and stamp.read_text() == sources:
        return
    with step("Static files"):
        said = manage(env, "collectstatic", "--noinput", quiet=True).strip()
        print(f"    {said.splitlines()[-1] if said else 'none'}", flush=True)
    stamp.write_text(sources)


def digest_of_static_sources() -> str:
    """Libraries by their locks, our own files by name, size and time."""
    digest = hashlib.sha256(STAMP.read_bytes() if STAMP.exists() else b"")
    ours = [
        path for app in ROOT.iterdir() if not app.name.startswith(".") for path in app.glob("**/static/**/*")
    ]
    for path in sorted([*filter(Path.is_file, ours), ROOT / "loyalty" / "settings.py"]):
        found = path.stat()
        digest.update(f"{path} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def start(parts: Parts, env: dict[str, str], port: int) -> None:
    """
    Start web server, worker and scheduler, and wait until all of them say that they are ready.

    :raises PartFailed: if one stops, or they are not ready in time
    """
    workers = str(min(os.cpu_count() or 1, 4))
    granian = [PYTHON, "-m", "granian", "--interface", "wsgi", "--host", LOOPBACK, "--port", str(port)]
    granian += ["--workers", workers, "--blocking-threads", "4", "--no-ws", "loyalty.wsgi:application"]
    celery = [PYTHON, "-m", "celery", "--app", "loyalty"]
    worker = [*celery, "worker", "--loglevel", "INFO", "--concurrency", workers]
    with step("Web server, worker, scheduler"):
        parts.start("web", granian, env=env, cwd=ROOT)
        # A cold stop: tasks can run twice, and one that was cut short is taken up again.
        parts.start("worker", worker, env=env, cwd=ROOT, stop_signal=signal.SIGQUIT)
        parts.start("scheduler", [*celery, "beat", "--loglevel", "INFO", "--pidfile", ""], env=env, cwd=ROOT)
        wait_until_ready(parts, f"http://{LOOPBACK}:{port}/readyz")


def wait_until_ready(parts: Parts, address: str, patience: float = 120) -> None:
    # Never by way of a proxy: this is our own machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + patience
    answer = "nothing"
    while time.monotonic() < end:
        parts.raise_if_any_stopped()
        try:
            with opener.open(address, timeout=10) as response:
                answer = response.read(1000).decode(errors="replace")
            # Web is ready by itself before worker and scheduler are.
            if json.loads(answer)["status"] == "ok":
                return
        except urllib.error.HTTPError as problem:
            answer = problem.read(1000).decode(errors="replace")
        except OSError:
            # Not listening yet.
            pass
        time.sleep(0.5)
    raise PartFailed(
        f"{address} is not ready after {patience:.0f} s and says {answer}; logs are in {parts.home / 'log'}"
    )
