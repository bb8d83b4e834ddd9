"""A small run with real processes, and a look at what is left of it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from loyalty.local.bootstrap import ROOT

SERVERS = """
import json, sys, time
from pathlib import Path
from loyalty.local import servers
from loyalty.local.processes import Parts, end_on_signals

end_on_signals()
home = Path(sys.argv[1])
with servers.claim(home), Parts(home) as parts:
    addresses = servers.start(parts)
    pids = [part.process.pid for part in parts.running]
    (home / "ready.new").write_text(json.dumps({**addresses, "pids": pids}))
    (home / "ready.new").rename(home / "ready.json")
    while True:
        time.sleep(0.1)
        parts.raise_if_any_stopped()
"""


class Run:
    """A supervisor with its servers, in a process of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "ready.json").unlink(missing_ok=True)
        names = ("DATABASE_URL", "REDIS_URL")
        env = {name: value for name, value in os.environ.items() if name not in names}
        self.supervisor = subprocess.Popen(
            [sys.executable, "-c", SERVERS, str(home)],
            env=env,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            # The tests may run under `nohup`, of which the supervisor is not to know.
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        )

    def ready(self) -> dict[str, Any]:
        """What the supervisor says of its servers, as soon as they answer."""
        wait_for(lambda: (self.home / "ready.json").exists() or self.supervisor.poll() is not None, 60)
        assert self.supervisor.poll() is None, self.supervisor.communicate()[1]
        known: dict[str, Any] = json.loads((self.home / "ready.json").read_text())
        return known

    def end(self) -> None:
        if self.supervisor.poll() is None:
            self.supervisor.terminate()
        self.supervisor.communicate(timeout=60)


def wait_for(condition: Callable[[], object], seconds: float) -> bool:
    """Whether something came true within some seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def alive_in_sessions(leaders: list[int]) -> list[int]:
    """Pids of all that still runs in the sessions of these leaders."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] not in "ZX" and int(fields[3]) in leaders:
            found.append(int(entry.parent.name))
    return found


@pytest.fixture
def home() -> Iterator[Path]:
    """A run's folder that the servers' account can get to; pytest's own folders are closed to it."""
    with tempfile.TemporaryDirectory(prefix="regulars-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def run(home: Path) -> Iterator[Run]:
    run = Run(home)
    yield run
    run.end()
