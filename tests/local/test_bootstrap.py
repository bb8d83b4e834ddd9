"""Set-up, from the side of a machine that lacks something."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from loyalty.local import bootstrap
from loyalty.local.bootstrap import SetupFailed


class TestFindPython:
    def test_takes_the_one_that_runs_if_it_fits(self) -> None:
        assert bootstrap.find_python() == Path(sys.executable)

    def test_looks_for_the_newest_tried_one_otherwise(self, monkeypatch: pytest.MonkeyPatch) -> None:
        versions = {
            Path("/a/python3.12"): (3, 12),
            Path("/b/python3.14"): (3, 14),
            Path("/c/python3.15"): (3, 15),
        }
        monkeypatch.setattr(sys, "version_info", (3, 11, 7, "final", 0))
        monkeypatch.setattr(bootstrap, "candidates", lambda: iter(versions))
        monkeypatch.setattr(bootstrap, "version_of", versions.get)

        assert bootstrap.find_python() == Path("/b/python3.14")

    def test_says_what_to_install_where_all_are_too_old(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "version_info", (3, 11, 7, "final", 0))
        monkeypatch.setattr(bootstrap, "candidates", lambda: iter([]))

        with pytest.raises(SetupFailed, match=r"needs Python 3\.12 or newer.*install one"):
            bootstrap.find_python()

    def test_finds_none_in_what_is_no_python(self, tmp_path: Path) -> None:
        shim = tmp_path / "python3.12"
        shim.write_text("#!/bin/sh\necho 'pyenv: python3.12: command not found' >&2; exit 127\n")
        shim.chmod(0o755)

        assert bootstrap.version_of(shim) is None
        assert bootstrap.version_of(tmp_path / "nothing") is None


class TestCleanEnvironment:
    @pytest.mark.parametrize(
        "name",
        [
            "PYTHONPATH",
            "PYTHONHOME",
            "PYTHONSAFEPATH",
            "PYTHONOPTIMIZE",
            "CONDA_PREFIX",
            "PIP_USER",
            "PIP_TARGET",
            "PIP_NO_BINARY",
            "UV_SYSTEM_PYTHON",
            "UV_PROJECT_ENVIRONMENT",
        ],
    )
    def test_drops_what_would_install_or_import_elsewhere(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(name, "1")

        assert name not in bootstrap.clean_environment()

    @pytest.mark.parametrize(
        "name",
        ["PIP_INDEX_URL", "PIP_CERT", "PIP_CACHE_DIR", "UV_CACHE_DIR", "UV_INDEX_URL", "HTTPS_PROXY", "HOME"],
    )
    def test_keeps_where_to_download_from(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(name, "somewhere")

        assert bootstrap.clean_environment()[name] == "somewhere"


class TestInstall:
    @pytest.fixture(autouse=True)
    def scratch(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bootstrap, "STAMP", tmp_path / "stamp.json")
        monkeypatch.setattr(bootstrap, "install_uv", lambda done: None)
        self.asked: list[list[str]] = []

    def succeed(self, names: list[str], optional: bool) -> bool:
        self.asked.append(names)
        return True

    def fail_if_optional(self, names: list[str], optional: bool) -> bool:
        self.asked.append(names)
        return not optional

    def test_does_nothing_the_second_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bootstrap, "uv_install", self.succeed)

        bootstrap.install(["app", "embedded"])
        bootstrap.install(["app", "embedded"])

        assert self.asked == [["app"], ["embedded"]]

    def test_goes_on_without_servers_that_have_no_wheel_here(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bootstrap, "uv_install", self.fail_if_optional)

        bootstrap.install(["app", "embedded"])
        bootstrap.install(["app", "embedded"])

        assert self.asked == [["app"], ["embedded"]]


class TestCommandLine:
    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", str(bootstrap.ROOT / "loyalty/local/bootstrap.py"), *words],
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
        )

    def test_names_its_commands(self) -> None:
        answer = self.run("dmeo")

        assert answer.returncode == 1
        assert answer.stderr == "Say what to run: demo, test, check, bench, lock, format.\n"

    @pytest.mark.skipif(sys.platform != "linux", reason="Debian's python3")
    def test_runs_on_the_machines_own_python(self) -> None:
        """Which may be older than 3.12, and must get as far as looking for a newer one."""
        answer = subprocess.run(
            ["/usr/bin/python3", "-I", str(bootstrap.ROOT / "loyalty/local/bootstrap.py"), "dmeo"],
            capture_output=True,
            text=True,
        )

        assert answer.stderr == "Say what to run: demo, test, check, bench, lock, format.\n"
