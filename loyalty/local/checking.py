"""All that is checked without running a test."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from loyalty.local import locks
from loyalty.local.bootstrap import ROOT, clean_environment

BIN = Path(sys.executable).parent
BUILDER = ROOT / "rewards" / "builder"
DJANGO = [sys.executable, "manage.py"]

CHECKS = {
    "format": [str(BIN / "ruff"), "format", "--check", "--quiet", "."],
    "lint": [str(BIN / "ruff"), "check", "--quiet", "."],
    "types": [str(BIN / "mypy")],
    "layers": [str(BIN / "lint-imports"), "--no-cache"],
    "migrations": [*DJANGO, "makemigrations", "--check", "--dry-run"],
    "deployment": [*DJANGO, "check", "--deploy", "--fail-level", "WARNING"],
}

# As in production, but for the servers: no check asks them for anything.
PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "loyalty.settings",
    "DEBUG": "0",
    "SECRET_KEY": "only-for-checks-and-as-long-and-varied-as-a-real-one-0123456789",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "ALLOWED_HOSTS": "loyalty.example",
    "BASE_URL": "https://loyalty.example",
    # It says that it could not look up which migrations were applied; that needs a database.
    "PYTHONWARNINGS": "ignore:Got an error checking a consistent migration history:RuntimeWarning",
}


def main() -> int:
    env = {name: value for name, value in clean_environment().items() if name != "REGULARS_LOCAL"}
    failed = [name for name, command in CHECKS.items() if not passes(name, command, {**env, **PRODUCTION})]
    if not builder_is_as_its_sources_make_it(env):
        failed.append("builder")
    complaints = locks.disagreements()
    print("\n".join(complaints) or "  locks: ok")
    if complaints:
        failed.append("locks")
    print(f"Checks that failed: {', '.join(failed)}." if failed else "All checks passed.", flush=True)
    return 1 if failed else 0


def builder_is_as_its_sources_make_it(env: dict[str, str]) -> bool:
    """Whether the committed file of the builder of rules is what its sources make, and their types hold."""
    if shutil.which("npm") is None:
        print("  builder: skipped, as there is no Node here to make it with", flush=True)
        return True
    command = "npm ci --silent --no-audit --no-fund && npm run --silent types && npm run --silent check"
    return passes("builder", ["sh", "-c", f"{command} && npm run --silent test"], env, cwd=BUILDER)


def passes(name: str, command: list[str], env: dict[str, str], cwd: Path = ROOT) -> bool:
    """Run one check; what it says is shown only if it fails."""
    began = time.monotonic()
    result = subprocess.run(
        command,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode == 0:
        print(f"  {name}: ok ({time.monotonic() - began:.1f} s)", flush=True)
        return True
    print(f"{result.stdout.rstrip()}\n  {name}: FAILED", flush=True)
    return False


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
