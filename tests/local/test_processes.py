"""Parts that will not stop, that leave children, that outlive their supervisor."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loyalty.local import processes
from loyalty.local.processes import PartFailed, Parts
from tests.local.conftest import alive_in_sessions, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

SLEEP = "import time; time.sleep(60)"
STUBBORN = (
    f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); {SLEEP}"
)
LAST_WORDS = f"""
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.1), print(time.monotonic()), sys.exit()))
print("ready", flush=True); {SLEEP}
"""
CHILD = f"subprocess.Popen([sys.executable, '-c', '{SLEEP}'])"
PARENT = f"import subprocess, sys; {CHILD}; print('ready', flush=True); {SLEEP}"


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    with Parts(tmp_path) as parts:
        yield parts


def begin(parts: Parts, code: str, **options: float) -> processes.Part:
    name = f"part-{len(parts.running)}"
    part = parts.start(name, [sys.executable, "-c", code], env=dict(os.environ), **options)  # type: ignore[arg-type]
    if "ready" in code:
        assert wait_for(lambda: "ready" in part.log.read_text(), 20)
    return part


class TestStop:
    def test_insists_with_a_part_that_does_not_listen(self, parts: Parts) -> None:
        part = begin(parts, STUBBORN, patience=0.2)

        parts.stop()

        assert part.process.returncode == -signal.SIGKILL

    def test_reaches_the_children_of_a_part_that_was_killed(self, parts: Parts) -> None:
        part = begin(parts, PARENT)
        part.process.kill()
        part.process.wait()
        assert alive_in_sessions([part.process.pid])

        parts.stop()

        assert wait_for(lambda: not alive_in_sessions([part.process.pid]), 5)

    def test_stops_servers_last(self, parts: Parts) -> None:
        server = begin(parts, LAST_WORDS, is_server=True)
        client = begin(parts, LAST_WORDS)

        parts.stop()

        assert float(client.log.read_text().split()[1]) < float(server.log.read_text().split()[1])


class TestRaiseIfAnyStopped:
    def test_tells_the_last_words_of_a_part(self, parts: Parts) -> None:
        part = begin(parts, "raise SystemExit('no more points')")
        part.process.wait()

        with pytest.raises(
            PartFailed, match=r"part-0 stopped by itself \(exit code 1\), see .*part-0.log:\s+no more points"
        ):
            parts.raise_if_any_stopped()


class TestStopLeftovers:
    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True)

    def record(self, folder: Path, pid: int, born: str | None) -> Path:
        path = folder / "running.json"
        path.write_text(json.dumps([{"pid": pid, "born": born, "stop": 15, "patience": 5}]))
        return path

    def test_stops_what_an_earlier_run_has_left(self, tmp_path: Path) -> None:
        left = self.start()

        stopped = processes.stop_leftovers(self.record(tmp_path, left.pid, processes.born(left.pid)))

        assert stopped == 1
        assert left.wait() == -signal.SIGTERM

    def test_spares_a_process_that_only_has_the_same_number(self, tmp_path: Path) -> None:
        other = self.start()

        stopped = processes.stop_leftovers(self.record(tmp_path, other.pid, "born before"))

        assert stopped == 0
        assert other.poll() is None
        other.kill()
        other.wait()
