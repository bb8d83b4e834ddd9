"""
Make the environment of a clone, then run a command in it: ``python3 loyalty/local/bootstrap.py demo``.

Runs on any Python 3.9 or newer with the standard library alone, because a machine's default ``python3`` may
be older than what Regulars needs; a newer one is looked for. What is set up already is not set up again.
"""

# Run as a file, never imported by Django: `loyalty/__init__.py` needs the libraries that this installs.
from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
LOCKS = ROOT / "requirements"
STAMP = VENV / "installed-locks.json"

OLDEST = (3, 12)
NEWEST_TRIED = (3, 14)

# command: (module in loyalty.local, locks it needs)
COMMANDS = {
    "demo": ("demo", ["app", "embedded", "demo-data"]),
    "test": ("testing", ["app", "embedded", "demo-data", "dev"]),
    "check": ("checking", ["app", "embedded", "demo-data", "dev"]),
    "bench": ("bench", ["app", "embedded", "demo-data", "dev"]),
    "lock": ("locks", ["app"]),
    "format": ("formatting", ["app", "dev"]),
}
# Wheels of these may be missing for a platform; the machine's own servers stand in for them.
MAY_BE_MISSING = {"embedded"}

# Where systems keep the certificates that they trust: Debian, Fedora, macOS and Alpine.
TRUSTED = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"]


class SetupFailed(Exception):
    """What keeps the set-up from going on, in one line that says what to do."""


def main(arguments: list[str]) -> None:
    if not arguments or arguments[0] not in COMMANDS:
        raise SetupFailed("Say what to run: " + ", ".join(COMMANDS) + ".")
    module, locks = COMMANDS[arguments[0]]
    with only_one_setup():
        make_environment()
        install(locks)
    command = [str(VENV / "bin" / "python"), "-m", "loyalty.local." + module, *arguments[1:]]
    os.chdir(ROOT)
    os.execve(command[0], command, clean_environment())


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    print(f"  {title} ...", flush=True)
    began = time.monotonic()
    yield
    print(f"  {title}: done in {time.monotonic() - began:.1f} s", flush=True)


@contextlib.contextmanager
def only_one_setup() -> Iterator[None]:
    """Two commands started together must not install into the same environment at once."""
    import fcntl

    (ROOT / "var").mkdir(exist_ok=True)
    with open(ROOT / "var" / "setup.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def clean_environment() -> dict[str, str]:
    """
    The environment, without what would make another Python, pip or uv act elsewhere than in `.venv`.

    Where to download from, and where to cache, stay the machine's own business.
    """
    kept = {name: value for name, value in os.environ.items() if not misleads(name)}
    kept["PATH"] = str(VENV / "bin") + os.pathsep + kept.get("PATH", os.defpath)
    kept["VIRTUAL_ENV"] = str(VENV)
    if any(os.path.exists(path) for path in TRUSTED):
        # Trust what the machine trusts, as pip does: behind a company's proxy nothing else works.
        kept.setdefault("UV_SYSTEM_CERTS", "true")
    return kept


def misleads(name: str) -> bool:
    """Whether an environment variable may send Python or an installer to another place."""
    if name.startswith("PYTHON"):
        return name not in ("PYTHONUNBUFFERED", "PYTHONWARNINGS", "PYTHONDEVMODE", "PYTHONBREAKPOINT")
    if name.startswith(("PIP_", "UV_")):
        about_downloads = "INDEX CERT PROXY TRUSTED TIMEOUT RETRIES CACHE FIND_LINKS OFFLINE HTTP NATIVE_TLS"
        return not any(word in name for word in [*about_downloads.split(), "CONCURRENT", "LINK_MODE"])
    return name in ("VIRTUAL_ENV", "CONDA_PREFIX", "__PYVENV_LAUNCHER__")


def make_environment() -> None:
    """Create `.venv`, or keep the one that is there if its Python still runs and is new enough."""
    if version_of(VENV / "bin" / "python") is not None:
        return
    python = find_python()
    with step(f"Environment in .venv, with Python {'.'.join(map(str, version_of(python) or ()))}"):
        shutil.rmtree(VENV, ignore_errors=True)
        made = subprocess.run(
            [str(python), "-I", "-m", "venv", str(VENV)],
            env=clean_environment(),
            capture_output=True,
            text=True,
        )
        if made.returncode != 0:
            install_venv_module(python, made.stdout + made.stderr)


def install_venv_module(python: Path, complaint: str) -> None:
    """Debian keeps `venv` in a package of its own: install it where that is allowed, else say its name."""
    shutil.rmtree(VENV, ignore_errors=True)
    if "ensurepip" not in complaint and "No module named venv" not in complaint:
        raise SetupFailed(f"{python} could not make an environment: {' '.join(complaint.split())[-300:]}")
    package = "python{}.{}-venv".format(*(version_of(python) or OLDEST))
    if os.geteuid() == 0 and shutil.which("apt-get"):
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", package]):
            subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        if (
            subprocess.run([str(python), "-I", "-m", "venv", str(VENV)], env=clean_environment()).returncode
            == 0
        ):
            return
    shutil.rmtree(VENV, ignore_errors=True)
    raise SetupFailed(f"Python's venv module is missing; install it, on Debian: apt-get install {package}")


def find_python() -> Path:
    """
    The Python to build the environment on: this one if it fits, else the newest tried one on the machine.

    :raises SetupFailed: if there is none
    """
    here = Path(sys.executable)
    if OLDEST <= sys.version_info[:2] <= NEWEST_TRIED and version_of(here) is not None:
        return here
    found = {path: version for path in candidates() if (version := version_of(path)) is not None}
    if found:
        # A Python newer than those tried may lack wheels, so it comes last.
        return max(found, key=lambda path: (found[path] <= NEWEST_TRIED, found[path]))
    raise SetupFailed(
        f"Regulars needs Python {OLDEST[0]}.{OLDEST[1]} or newer, and this is {sys.version.split()[0]}: "
        "install one, for example with `uv python install 3.13` or `pyenv install 3.13`."
    )


def candidates() -> Iterator[Path]:
    """Where Pythons are kept: PATH, pyenv, uv, Homebrew and /usr/local."""
    names = [f"python3.{minor}" for minor in range(12, 16)]
    home = Path(os.environ.get("HOME") or "/")
    folders = [Path(folder) for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if folder]
    folders += [Path("/usr/bin"), Path("/usr/local/bin"), Path("/opt/homebrew/bin")]
    trees = [
        Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions",
        Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or home / ".local/share/uv/python"),
        Path("/usr/local/pyenv/versions"),
        Path("/opt/python"),
    ]
    for tree in trees:
        with contextlib.suppress(OSError):
            folders += sorted(tree.glob("*/bin"))
    for folder in folders:
        for name in names:
            with contextlib.suppress(OSError):
                if (folder / name).is_file():
                    yield folder / name


def version_of(python: Path) -> tuple[int, int] | None:
    """Version of an interpreter that can carry Regulars, or None (too old, broken, or not CPython)."""
    question = (
        "import sys, ssl, ctypes, venv, platform, sysconfig;"
        "free = sysconfig.get_config_var('Py_GIL_DISABLED') or 0;"
        "print(platform.python_implementation(), free, *sys.version_info[:2])"
    )
    try:
        answer = subprocess.run(
            [str(python), "-I", "-c", question], capture_output=True, text=True, timeout=60, cwd="/"
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = answer.stdout.split()
    if answer.returncode != 0 or words[:2] != ["CPython", "0"]:
        return None
    version = (int(words[2]), int(words[3]))
    return version if version >= OLDEST else None


def install(names: list[str]) -> None:
    """Install what the locks pin, unless exactly that is installed already."""
    digests = {name: digest(LOCKS / f"{name}.txt") for name in names}
    done = read_stamp()
    wanted = [name for name in names if done.get(name) not in (digests[name], "missing " + digests[name])]
    if not wanted:
        return
    install_uv(done)
    sure = [name for name in wanted if name not in MAY_BE_MISSING]
    for names in filter(None, (sure, [name for name in wanted if name in MAY_BE_MISSING])):
        with step(f"Libraries: {', '.join(names)} ({count_pins(names)} pinned)"):
            installed = uv_install(names, optional=names != sure)
        done.update({name: ("" if installed else "missing ") + digests[name] for name in names})
        STAMP.write_text(json.dumps(done, indent=1))


def install_uv(done: dict[str, str]) -> None:
    """uv installs, and compiles to bytecode, several times as fast as pip; pip only brings uv."""
    wanted = digest(LOCKS / "uv.txt")
    if done.get("uv") == wanted and (VENV / "bin" / "uv").exists():
        return
    with step("Installer: uv"):
        run(
            [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-user", "--no-input"]
            + ["--disable-pip-version-check", "--require-hashes", "--no-deps", "-r", str(LOCKS / "uv.txt")]
        )
        done["uv"] = wanted
        STAMP.write_text(json.dumps(done, indent=1))


def uv_install(names: list[str], optional: bool) -> bool:
    command = [str(VENV / "bin" / "uv"), "pip", "install", "--python", str(VENV / "bin" / "python")]
    # The locks name all there is to install, so nothing has to be worked out again.
    command += ["--require-hashes", "--no-deps", "--compile-bytecode"]
    for name in names:
        command += ["-r", str(LOCKS / f"{name}.txt")]
    try:
        run(command)
    except SetupFailed:
        if not optional:
            raise
        print("  No embedded servers for this platform: PostgreSQL and Redis of the machine will be used.")
        return False
    return True


def run(command: list[str]) -> None:
    if subprocess.run(command, env=clean_environment(), cwd=ROOT, stdin=subprocess.DEVNULL).returncode != 0:
        raise SetupFailed(
            f"{Path(command[0]).name} failed, see above; run the same command again to try once more."
        )


def read_stamp() -> dict[str, str]:
    try:
        stamp: dict[str, str] = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def count_pins(names: list[str]) -> int:
    lines = [line for name in names for line in (LOCKS / f"{name}.txt").read_text().splitlines()]
    return len({line.split("==")[0] for line in lines if "==" in line and not line.startswith((" ", "#"))})


def stop(complaint: str) -> NoReturn:
    print(complaint, file=sys.stderr)
    raise SystemExit(1)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SetupFailed as problem:
        stop(str(problem))
    except PermissionError as problem:
        stop(f"{problem.filename} belongs to another user and cannot be written: use a clone of your own.")
    except KeyboardInterrupt:
        stop("\nStopped; run the same command again to go on.")
