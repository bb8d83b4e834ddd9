"""
Processes that live and die together.

Note [No process is left behind]
~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
Every part is the leader of a session of its own, so a signal to its group reaches all it started. The kernel
sends the part its stop signal when we die without a word (``kill -9``). What survives even that (there is no
such favour outside Linux) is found at the next start: parts are written down with pid and time of birth, and
a pid is not given away again while its group lives, so neither is taken for another's.
"""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from loyalty.local.accounts import Account

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class PartFailed(Exception):
    """A part did not start or stopped by itself; says which, and where its log is."""


@dataclass(frozen=True)
class Part:
    """One running process: ``patience`` is how long it may take to stop, in seconds."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    stop_signal: signal.Signals
    patience: float
    is_server: bool

    def failure(self) -> PartFailed:
        lines = self.log.read_text(errors="replace").splitlines()[-8:]
        code = self.process.returncode
        said = "".join(f"\n    {line}" for line in lines)
        return PartFailed(f"{self.name} stopped by itself (exit code {code}), see {self.log}:{said}")


class Parts:
    """
    The parts of one run. Use as a context: however it is left, nothing runs afterwards.

    ``home`` is the folder that this run has for itself; logs go to ``home/log``.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.running: list[Part] = []
        (home / "log").mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> "Parts":
        stop_leftovers(self.record)
        return self

    def __exit__(self, *_: object) -> None:
        with uninterrupted():
            self.stop()

    @property
    def record(self) -> Path:
        return self.home / "running.json"

    def start(
        self,
        name: str,
        command: list[str],
        *,
        env: dict[str, str],
        cwd: Path | str = "/",
        account: Account | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        patience: float = 10,
        is_server: bool = False,
    ) -> Part:
        log = self.home / "log" / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent(stop_signal),
                **(account.identity if account else {}),
            )
        part = Part(name, process, log, stop_signal, patience, is_server)
        self.running.append(part)
        self.write_down()
        return part

    def write_down(self) -> None:
        running = [(part.process.pid, part.stop_signal, part.patience) for part in self.running]
        parts = [
            {"pid": pid, "born": born(pid), "stop": stop, "patience": wait} for pid, stop, wait in running
        ]
        new = self.record.with_suffix(".new")
        new.write_text(json.dumps(parts))
        new.replace(self.record)

    def forget(self, part: Part) -> None:
        """Take out a part that has done its work and ended."""
        self.running.remove(part)
        self.write_down()

    def raise_if_any_stopped(self) -> None:
        for part in self.running:
            if part.process.poll() is not None:
                raise part.failure()

    def stop(self) -> None:
        """Stop all; the servers outlive what uses them."""
        for is_server in (False, True):
            wave = [part for part in self.running if part.is_server == is_server]
            for part in wave:
                part.process.send_signal(part.stop_signal)
            for part in wave:
                wait_for_end(part.process.pid, part.patience, reap=part.process.poll)
                self.running.remove(part)
        self.record.unlink(missing_ok=True)


def die_with_parent(stop_signal: signal.Signals) -> Callable[[], None] | None:
    """What a child does before it becomes another program. See Note [No process is left behind]."""
    if LIBC is None:
        return None
    libc, parent = LIBC, os.getpid()

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(stop_signal))
        # The parent may have died just before we asked.
        if os.getppid() != parent:
            os._exit(1)

    return ask


def wait_for_end(leader: int, patience: float, *, reap: Callable[[], object] = lambda: None) -> None:
    """Wait for a process that was asked to stop, insist after ``patience`` seconds, clear up its group."""
    if not is_gone(leader, reap, within=patience):
        signal_group(leader, signal.SIGKILL)
        is_gone(leader, reap, within=10)
    # The leader has gone in good order; a child that it forgot has no one left to work for.
    signal_group(leader, signal.SIGKILL)


def stop_process(pid: int, stop_signal: signal.Signals, patience: float) -> None:
    """Stop a process that is no child of ours, with its group."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, stop_signal)
    wait_for_end(pid, patience)


def is_gone(leader: int, reap: Callable[[], object], *, within: float) -> bool:
    end = time.monotonic() + within
    while True:
        reap()
        if born(leader) is None:
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.05)


def signal_group(leader: int, number: signal.Signals) -> None:
    # macOS says "not permitted" of a group in which only zombies are left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def stop_leftovers(record: Path) -> int:
    """Stop what an earlier run has left running; returns how many parts that were."""
    try:
        parts = json.loads(record.read_text())
    except (OSError, ValueError):
        return 0
    stopped = 0
    for part in reversed(parts):
        birth = born(part["pid"])
        if birth == part["born"] or (birth is None and group_exists(part["pid"])):
            stop_process(part["pid"], signal.Signals(part["stop"]), part["patience"])
            stopped += 1
    record.unlink(missing_ok=True)
    return stopped


def group_exists(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def born(pid: int) -> str | None:
    """A mark that no other process with this pid, before or after, has; None if none is alive."""
    if sys.platform == "linux":
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return None if fields[0] in "ZX" else f"{boot} {fields[19]}"
    answer = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True
    ).stdout
    return None if not answer.strip() or answer.startswith("Z") else answer.split(maxsplit=1)[1].strip()


def end_on_signals() -> None:
    """Leave by the same way on Ctrl-C, on a plain ``kill``, and when the terminal is closed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # `nohup` has asked that a closed terminal be ignored.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupt)
    if LIBC is not None and "MAKELEVEL" in os.environ:
        # `make` may be killed without a word too; then the one who could stop us is gone.
        LIBC.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))


def interrupt(number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """A second Ctrl-C, out of impatience, must not leave half of the parts running."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
