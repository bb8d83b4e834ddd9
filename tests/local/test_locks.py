"""Lock files that fit the ranges, fit each other, and say nothing of where they were made."""

import shutil
from pathlib import Path

import pytest

from loyalty.local import bootstrap, locks


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = Path(shutil.copytree(bootstrap.LOCKS, tmp_path / "requirements"))
    monkeypatch.setattr(locks, "LOCKS", folder)
    return folder


class TestDisagreements:
    def test_are_none_as_committed(self) -> None:
        assert locks.disagreements() == []

    def test_name_a_lock_that_is_older_than_its_ranges(self, copies: Path) -> None:
        text = (copies / "embedded.txt").read_text()
        (copies / "embedded.txt").write_text(text.replace("ranges ", "ranges 0", 1))

        assert locks.disagreements() == [
            "requirements/embedded.txt is older than its ranges in pyproject.toml: make lock"
        ]

    def test_name_a_library_with_two_versions(self, copies: Path) -> None:
        text = (copies / "dev.txt").read_text()
        (copies / "dev.txt").write_text(text.replace("\ndjango==", "\ndjango==9.", 1))

        (complaint,) = locks.disagreements()

        assert complaint.startswith("django is pinned to 5.")
        assert complaint.endswith(": make lock")


class TestLocks:
    def test_pin_every_library_with_hashes_and_no_address(self) -> None:
        for path in bootstrap.LOCKS.glob("*.txt"):
            text = path.read_text()
            pins = list(locks.PIN.finditer(text))

            assert pins
            assert "://" not in text
            assert text.count(" \\\n    --hash=sha256:") >= len(pins)
