"""Servers of a clone's own, started and killed for real."""

import os
import re
import shutil
import signal
import socket
import stat
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from loyalty.local import accounts, postgres, servers
from loyalty.local.accounts import Account
from loyalty.local.ports import free_port, is_free
from loyalty.local.processes import Parts
from tests.local.conftest import Run, alive_in_sessions, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
]


def write_a_row(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE proof (word text)")
        connection.execute("INSERT INTO proof VALUES ('kept')")


def read_the_row(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT word FROM proof").fetchone()
    assert row is not None
    return str(row[0])


class TestStart:
    def test_gives_a_durable_database_to_a_role_that_is_no_superuser(self, run: Run) -> None:
        url = run.ready()["DATABASE_URL"]

        with psycopg.connect(url) as connection:
            settings = [
                connection.execute(f"SHOW {name}").fetchone()
                for name in (
                    "fsync",
                    "synchronous_commit",
                    "full_page_writes",
                    "listen_addresses",
                    "is_superuser",
                )
            ]

        assert settings == [("on",), ("on",), ("on",), ("127.0.0.1",), ("off",)]

    def test_keeps_the_values_of_keys_out_of_the_log(self, run: Run) -> None:
        with psycopg.connect(run.ready()["DATABASE_URL"]) as connection:
            connection.execute("CREATE TABLE people (email text PRIMARY KEY)")
            connection.execute("INSERT INTO people VALUES ('ada@example.org')")
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute("INSERT INTO people (SELECT * FROM people)")

        log = (run.home / "log" / "postgres.log").read_text()
        assert "people_pkey" in log
        assert "ada@example.org" not in log

    def test_refuses_who_does_not_know_the_password(self, run: Run) -> None:
        known = run.ready()

        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(known["DATABASE_URL"].replace("regulars:", "regulars:x"))
        without = re.sub(":[^:@]*@", "", known["REDIS_URL"])
        with redis.Redis.from_url(without) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()

    def test_keeps_passwords_from_other_users(self, run: Run, home: Path) -> None:
        run.ready()

        for name in ("postgres/password", "valkey/password", "valkey/valkey.conf"):
            assert stat.S_IMODE((home / name).stat().st_mode) == 0o600

    def test_is_refused_while_another_run_has_the_folder(self, run: Run, home: Path) -> None:
        run.ready()

        second = Run(home)
        complaint = second.supervisor.communicate(timeout=60)[1]

        assert f"running here already, as process {run.supervisor.pid}" in complaint

    def test_is_left_out_for_servers_that_the_environment_names(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        named = {"DATABASE_URL": "postgres://db.example/regulars", "REDIS_URL": "redis://queue.example"}
        for name, url in named.items():
            monkeypatch.setenv(name, url)

        with Parts(home) as parts:
            assert servers.start(parts) == named
            assert parts.running == []


class TestStop:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
    def test_leaves_no_process_and_all_data(self, run: Run, home: Path, number: signal.Signals) -> None:
        known = run.ready()
        write_a_row(known["DATABASE_URL"])

        run.supervisor.send_signal(number)
        run.supervisor.communicate(timeout=60)

        assert wait_for(lambda: not alive_in_sessions(known["pids"]), 20)
        again = Run(home)
        assert read_the_row(again.ready()["DATABASE_URL"]) == "kept"
        again.end()

    @pytest.mark.parametrize("part", [0, 1], ids=["postgres", "valkey"])
    def test_follows_the_crash_of_any_part(self, run: Run, part: int) -> None:
        known = run.ready()

        os.kill(known["pids"][part], signal.SIGKILL)
        complaint = run.supervisor.communicate(timeout=60)[1]

        assert "stopped by itself (exit code -9)" in complaint
        assert not alive_in_sessions(known["pids"])

    def test_all_killed_at_once_is_recovered_from(self, run: Run, home: Path) -> None:
        known = run.ready()
        write_a_row(known["DATABASE_URL"])

        for pid in (run.supervisor.pid, *known["pids"]):
            os.kill(pid, signal.SIGKILL)
        run.supervisor.communicate(timeout=60)

        again = Run(home)
        assert read_the_row(again.ready()["DATABASE_URL"]) == "kept"
        again.end()


class TestClearTheWay:
    def test_takes_away_a_pid_file_whose_number_is_anothers_by_now(self, tmp_path: Path) -> None:
        (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}\n")

        postgres.clear_the_way(tmp_path)

        assert not (tmp_path / "postmaster.pid").exists()


class TestFindPrograms:
    def test_says_what_to_do_where_there_are_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(postgres, "from_wheel", lambda home, account: [])
        monkeypatch.setattr(postgres, "from_system", lambda: [])

        with pytest.raises(
            postgres.NoServer, match="apt-get install postgresql.*or name a server in DATABASE_URL"
        ):
            postgres.find_programs()

    def test_passes_over_a_server_that_does_not_run(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = tmp_path / "postgres"
        broken.write_text("#!/bin/sh\necho libxml2.so.2 is missing >&2; exit 127\n")
        broken.chmod(0o755)
        monkeypatch.setattr(postgres, "from_wheel", lambda home, account: [tmp_path])
        monkeypatch.setattr(postgres, "from_system", lambda: [])

        with pytest.raises(postgres.NoServer, match=r"runs here \(libxml2.so.2 is missing\)"):
            postgres.find_programs()


class TestReachableHome:
    NOBODY = Account("nobody", 65534, 65534)

    def test_stays_where_the_account_can_get_to(self, home: Path) -> None:
        assert accounts.reachable_home(home, self.NOBODY) == home

    def test_stays_where_no_other_account_is_needed(self, home: Path) -> None:
        home.chmod(0o700)

        assert accounts.reachable_home(home, None) == home

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root gives its servers another account")
    def test_is_elsewhere_for_a_folder_that_is_closed_to_the_account(self, home: Path) -> None:
        home.chmod(0o700)

        elsewhere = accounts.reachable_home(home, self.NOBODY)
        run = Run(home)
        url = run.ready()["DATABASE_URL"]
        write_a_row(url)
        run.end()

        assert elsewhere.parent == Path("/var/lib")
        assert (elsewhere / "postgres" / "data" / "PG_VERSION").exists()
        shutil.rmtree(elsewhere)


class TestFreePort:
    def test_is_another_one_where_the_preferred_is_taken(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]

            assert not is_free(port)
            assert free_port(port) != port
