"""The tests, with servers and a browser of their own, beside a demo that may be running."""

import hashlib
import os
import signal
import subprocess
import sys

from loyalty.local import browser, servers
from loyalty.local.bootstrap import ROOT
from loyalty.local.postgres import NoServer
from loyalty.local.processes import PartFailed, Parts, die_with_parent, end_on_signals

HOME = ROOT / "var" / "test"
# Nothing listens there: a test's web server takes a port of its own.
PORT = 8000


def main(arguments: list[str]) -> int:
    end_on_signals()
    chromium = browser.find()
    with servers.claim(HOME), Parts(HOME) as parts:
        env = servers.django_environment(HOME, PORT, servers.start(parts, for_tests=True))
        if chromium:
            env["REGULARS_CHROMIUM"] = chromium
        code = run_pytest(env, arguments)
    if not chromium:
        print("The browser tests were skipped: there is no Chromium here, and none could be installed.")
    return code


def run_pytest(env: dict[str, str], arguments: list[str]) -> int:
    command = [sys.executable, "-m", "pytest"]
    if not any(argument.startswith("-n") for argument in arguments):
        command += ["-n", "2"]
    stamp = HOME / "migrations"
    migrations = digest_of_migrations()
    if not stamp.exists() or stamp.read_text() != migrations:
        # Tables are kept from run to run, but not those of migrations that have been rewritten since.
        command.append("--create-db")
    result = subprocess.run(
        [*command, *arguments],
        env=env,
        cwd=ROOT,
        stdin=subprocess.DEVNULL if not os.isatty(0) else None,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    if result.returncode in (0, 1):
        stamp.write_text(migrations)
    return result.returncode


def digest_of_migrations() -> str:
    digest = hashlib.sha256()
    for path in sorted(ROOT.glob("*/**/migrations/*.py")):
        if ".venv" not in path.parts:
            digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (NoServer, PartFailed, servers.AlreadyRunning) as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit(130)
