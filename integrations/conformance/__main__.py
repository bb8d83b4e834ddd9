"""`python conformance.pyz`: see `docs/partners/conformance.md`."""

import argparse
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from integrations.conformance import receiving, report, rules
from integrations.conformance.proxy import Proxy
from integrations.conformance.report import Report

KEPT_ALL, BROKE_SOME, NOTHING_JUDGED = 0, 1, 2


class Unusable(Exception):
    """What was asked for cannot be done; the message says what to change."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0: no rule was broken; 1: one was, or the command that made the calls failed; 2: nothing was judged."""
    options = _parser().parse_args(arguments)
    try:
        found, failed = _calls(options) if options.what == "calls" else (_receiver(options), 0)
    except Unusable as error:
        print(error, file=sys.stderr)
        return NOTHING_JUDGED
    _tell(found, options)
    if failed:
        print(f"The command ended with {failed}: what it tests may not have come to pass.", file=sys.stderr)
    if not found.count(rules.KEPT) + found.count(rules.BROKEN):
        return NOTHING_JUDGED
    return BROKE_SOME if found.count(rules.BROKEN) or failed else KEPT_ALL


def _tell(found: Report, options: argparse.Namespace) -> None:
    if options.html:
        options.html.write_text(report.page(found))
    if options.json:
        print(json.dumps([asdict(one) for one in found.verdicts], indent=2))
    else:
        is_coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        print(report.text(found, is_coloured=is_coloured))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="conformance", description="See what an integration does when something goes wrong."
    )
    kinds = parser.add_subparsers(dest="what", required=True)
    calls = kinds.add_parser("calls", help="stand between an integration and its sandbox, and make trouble")
    calls.add_argument("--sandbox", required=True, metavar="URL", help="address of the sandbox's API")
    calls.add_argument("--port", type=int, default=8400, help="where to listen (8400)")
    calls.add_argument(
        "--slow", type=float, default=8.0, metavar="SECONDS", help="how late late answers are (8)"
    )
    calls.add_argument(
        "--seconds", type=float, help="end by itself; otherwise Ctrl-C or the command's end do"
    )
    calls.add_argument(
        "command", nargs="*", help="after --: the integration, which finds the address in REGULARS_URL"
    )
    receiver = kinds.add_parser("receiver", help="send a webhook receiver what it must take and must not")
    receiver.add_argument("--url", required=True, help="where the receiver listens")
    receiver.add_argument("--secret", required=True, help="whsec_…, the one it verifies with")
    receiver.add_argument("--effects", metavar="URL", help="answers which messages had an effect")
    for one in (calls, receiver):
        one.add_argument("--json", action="store_true", help="report as JSON")
        one.add_argument("--html", type=Path, metavar="FILE", help="write the report as a page, too")
    return parser


def _calls(options: argparse.Namespace) -> tuple[Report, int]:
    """What was found, and what the command that made the calls ended with."""
    _see_that_there_is_somebody(options.sandbox)
    try:
        proxy = Proxy(sandbox=options.sandbox, port=options.port, slow_seconds=options.slow)
    except OSError as error:
        raise Unusable(
            f"Port {options.port} cannot be used ({error}); choose another with --port."
        ) from error
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    print(f"Let your integration use {proxy.address} instead of {options.sandbox}.", file=sys.stderr)
    try:
        failed = _work(options, proxy.address)
    finally:
        proxy.shutdown()
        proxy.server_close()
    seen = list(proxy.log)
    return report.of_calls(seen, rules.judge(seen)), failed


def _work(options: argparse.Namespace, address: str) -> int:
    """Until the command ends, or the time is over, or somebody says that it is enough."""
    try:
        if options.command:
            environment = {**os.environ, "REGULARS_URL": address}
            done = subprocess.run(options.command, env=environment, timeout=options.seconds, check=False)
            return done.returncode
        print("Ctrl-C ends it with the report.", file=sys.stderr)
        time.sleep(options.seconds or 10**6)
    except FileNotFoundError as error:
        raise Unusable(f"There is no command {options.command[0]}.") from error
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        print("Stopped.", file=sys.stderr)
    return 0


def _receiver(options: argparse.Namespace) -> Report:
    _see_that_there_is_somebody(options.url)
    try:
        receiver = receiving.Receiver(url=options.url, secret=options.secret, effects=options.effects)
    except ValueError as error:
        raise Unusable("This is no secret: it is whsec_ and then Base64, as it was shown to you.") from error
    return report.of_receiver(options.url, receiving.judge(receiver))


def _see_that_there_is_somebody(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Unusable(f"{url} is no address: begin with https:// or http://.")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname, port), timeout=10).close()
    except OSError as error:
        raise Unusable(f"Nobody answers at {url} ({error}).") from error


if __name__ == "__main__":
    sys.exit(main())
