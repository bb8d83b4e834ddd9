"""
Wrong calls by the hundred thousand against the live server.

    python -m tests.truth.fuzz [--requests 100000] [--connections 8] [--seed 1] [--seconds 3600]
        [--url http://…] [--log server.log]

Needs a migrated database at DATABASE_URL, where it makes a program of its own, and Redis at REDIS_URL; starts
the server by itself if there is no `--url`. The calls are the schema's own examples with something wrong in
them. What is held against the answers: none is a 5xx, each refusal is a problem document with a known code,
refused calls change nothing, and in the end the ledger is whole. The exit status is 1 if anything was found.
"""

import argparse
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import django
import httpx


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--requests", type=int, default=100_000)
    options.add_argument("--connections", type=int, default=8)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--seconds", type=float, default=float("inf"), help="stop sending new ones then")
    options.add_argument("--url")
    options.add_argument("--log", type=Path, help="where the server's own errors go")
    chosen = options.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty.settings")
    django.setup()
    from tests import servers
    from tests.truth.fuzz import world
    from tests.truth.fuzz.run import Fuzzer

    made = world.make()
    with ExitStack() as stack:
        running = servers.running(servers.database_url(), log=chosen.log, API_STRANGERS_PER_MINUTE="1000000")
        url = chosen.url or stack.enter_context(running).url
        schema = httpx.get(f"{url}/v1/openapi.json", timeout=60).json()
        began = time.monotonic()
        report = Fuzzer(made, url=url, schema=schema, seed=chosen.seed).run(
            requests=chosen.requests, connections=chosen.connections, seconds=chosen.seconds
        )
    print(report.table())
    print(f"{sum(report.answers.values()):,} calls in {time.monotonic() - began:.0f} s", end="; ")
    print(f"{report.replayed:,} refused ones sent again; {len(report.findings)} findings")
    for (operation, wrong), call in report.findings.items():
        print(f"\n{operation}: {wrong}\n  {call}")
    return bool(report.findings)


if __name__ == "__main__":
    sys.exit(main())
