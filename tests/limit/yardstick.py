"""
Runs the limit's work on a server and measures it; see README.md in this folder.

Takes a database of its own, ``yardstick``, beside the product's: both share one server and its settings.
"""

import os
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from loyalty.local.postgres import find_programs

HERE = Path(__file__).parent
DATABASE: Final = "yardstick"
LINES = (
    '"[{""sku"":""A1"",""qty"":1,""price"":10.5,""cat"":""food""},'
    '{""sku"":""B2"",""qty"":2,""price"":5.25,""cat"":""home""}]"'
)


@dataclass(frozen=True)
class Measurement:
    """Work done by some clients for some seconds; times are in milliseconds."""

    per_second: float
    median_ms: float
    p95_ms: float
    p99_ms: float


class Yardstick:
    """
    The limit's database on the server of ``server_url``, whose role must be allowed to create databases.

    Needs ``psql`` and ``pgbench``, which come with the embedded server and with any other.
    """

    def __init__(self, server_url: str) -> None:
        self.server_url = server_url
        self.members = 0
        self.programs = find_programs()

    @property
    def environment(self) -> dict[str, str]:
        """Where the database is, for PostgreSQL's programs; a password has no place on a command line."""
        words = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
        known = conninfo_to_dict(self.server_url)
        told = {variable: str(known[word]) for word, variable in words.items() if known.get(word)}
        return {**os.environ, **told, "PGDATABASE": DATABASE}

    def prepare(self, *, members: int = 100_000, sales: int = 2) -> None:
        """Make the database afresh, with so many members and so many past sales each."""
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {DATABASE}")
        self.members = members
        self.run("schema.sql")
        self.run("seed.sql", members=members, txns=sales)

    def run(self, file: str, **variables: object) -> float:
        """Run a file of SQL; returns the seconds it took."""
        command = [self.programs / "psql", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]
        for name, value in variables.items():
            command += ["--set", f"{name}={value}"]
        began = time.monotonic()
        self.call([*command, "--file", str(HERE / file)])
        return time.monotonic() - began

    def call(self, command: list[str]) -> str:
        """:raises RuntimeError: if the program fails, with what it said"""
        result = subprocess.run(
            command, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if result.returncode != 0:
            raise RuntimeError(f"{Path(command[0]).name} failed: {result.stderr.strip()}")
        return result.stdout

    def measure(self, script: str, *, clients: int = 8, seconds: int = 10) -> Measurement:
        """Let clients do one kind of work, each over and over again, with durable commits."""
        command = [self.programs / "pgbench", "--no-vacuum", "--protocol", "prepared"]
        command += ["--client", str(clients), "--jobs", str(min(clients, os.cpu_count() or 1))]
        command += ["--time", str(seconds), "--define", f"members={self.members}"]
        with tempfile.TemporaryDirectory() as folder:
            command += ["--file", str(HERE / f"{script}.pgbench"), "--log", "--log-prefix", f"{folder}/log"]
            self.call(command)
            took = sorted(latencies(Path(folder)))
        return Measurement(
            per_second=len(took) / seconds,
            median_ms=took[len(took) // 2] / 1000,
            p95_ms=took[int(len(took) * 0.95)] / 1000,
            p99_ms=took[int(len(took) * 0.99)] / 1000,
        )

    def import_sales(self, rows: int, *, sessions: int = 2, tag: str = "imp") -> float:
        """Load a file of sales, 1 % of them repeated and 0.5 % of unknown members; returns rows a second."""
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
            file.writelines(sales_file(rows, self.members, tag))
            file.flush()
            began = time.monotonic()
            self.run("import_stage.sql", csv=file.name)
            self.load(sessions)
            return rows / (time.monotonic() - began)

    def load(self, sessions: int) -> None:
        parts = ["0,1"] if sessions == 1 else ["0", "1"]
        command = [self.programs / "psql", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]
        command += ["--file", str(HERE / "import_load.sql")]
        running = [
            subprocess.Popen(
                [*command, "--set", f"parts={part}"], env=self.environment, stdin=subprocess.DEVNULL
            )
            for part in parts
        ]
        codes = [process.wait() for process in running]
        if any(codes):
            raise RuntimeError("loading the sales failed, see above")


def latencies(folder: Path) -> Iterator[int]:
    """Microseconds of each transaction, from what pgbench has logged."""
    for path in folder.iterdir():
        for line in path.read_text().splitlines():
            yield int(line.split()[2])


def sales_file(rows: int, members: int, tag: str) -> Iterator[str]:
    """Sales as a partner would send them, the same ones every time."""
    chance = random.Random(7)
    yield "idem_key,partner_id,member_ref,amount,occurred_at,lines\n"
    for row in range(rows):
        key = row - chance.randrange(1, 1000) if row > 1000 and chance.random() < 0.01 else row
        known = chance.random() > 0.005
        member = chance.randrange(1, members + 1) if known else members + chance.randrange(1, 1000)
        amount = chance.randrange(500, 20000) / 100
        when = f"2026-{1 + row % 10:02d}-{1 + row % 28:02d} 12:{row % 60:02d}:00+00"
        yield f"{tag}-{key},{1 + key % 50},M{member:09d},{amount},{when},{LINES}\n"
