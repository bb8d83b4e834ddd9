"""`python -m integrations.conformance`: see `docs/partners/conformance.md`."""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict

from integrations.conformance import receiving, rules
from integrations.conformance.proxy import Proxy
from integrations.conformance.rules import BROKEN, Verdict


def main(arguments: Sequence[str] | None = None) -> int:
    """0: no rule was broken; 1: some were."""
    options = _parser().parse_args(arguments)
    verdicts = _calls(options) if options.what == "calls" else _receiver(options)
    print(json.dumps([asdict(one) for one in verdicts], indent=2) if options.json else report(verdicts))
    return 1 if any(one.outcome == BROKEN for one in verdicts) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m integrations.conformance", description=__doc__)
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
    return parser


def _calls(options: argparse.Namespace) -> list[Verdict]:
    proxy = Proxy(sandbox=options.sandbox, port=options.port, slow_seconds=options.slow)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    print(f"Listening at {proxy.address}, for {options.sandbox}.", file=sys.stderr)
    try:
        if options.command:
            environment = {**os.environ, "REGULARS_URL": proxy.address}
            subprocess.run(options.command, env=environment, timeout=options.seconds, check=False)
        else:
            time.sleep(options.seconds or 10**6)
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        print("Stopped.", file=sys.stderr)
    finally:
        proxy.shutdown()
        proxy.server_close()
    return rules.judge(list(proxy.log))


def _receiver(options: argparse.Namespace) -> list[Verdict]:
    return receiving.judge(
        receiving.Receiver(url=options.url, secret=options.secret, effects=options.effects)
    )


def report(verdicts: Sequence[Verdict]) -> str:
    lines = []
    for verdict in verdicts:
        lines.append(f"{verdict.outcome:>8}  {verdict.rule}")
        lines += [f"{'':>10}- {line}" for line in verdict.evidence]
    count = sum(verdict.outcome == BROKEN for verdict in verdicts)
    return "\n".join([*lines, "", f"{count} rules broken." if count else "No rule was broken."])


if __name__ == "__main__":
    sys.exit(main())
