"""
Webhooks sent a second, over what `wrk` gets from the same receiver: see the bar in `make bench`.

    python -m tests.bench.webhooks [--events 5000] [--pairs 5]

Needs `wrk`, and writes events for a program of its own into the database of DATABASE_URL.
"""

import argparse
import asyncio
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django

SALE = {
    "points": 12,
    "balance": 3400,
    "activity_id": "0198c0de-0000-7000-8000-000000000000",
    "wallet": "points",
}
SCRIPT = """
wrk.method = "POST"
wrk.body = string.rep("x", 300)
wrk.headers["Content-Type"] = "application/json"
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("--events", type=int, default=5_000)
    options.add_argument("--pairs", type=int, default=5)
    arguments = options.parse_args()
    with receiver() as url:
        measure_sent(url, 2_000)
        ratios = [
            measure_pair(url, arguments.events, swapped=bool(turn % 2)) for turn in range(arguments.pairs)
        ]
    spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
    print(f"webhooks sent / wrk: median {statistics.median(ratios):.3f} ({spread}); the bar is 0.08")


def measure_pair(url: str, events: int, *, swapped: bool) -> float:
    if swapped:
        sent, limit = measure_sent(url, events), measure_limit(url)
    else:
        limit, sent = measure_limit(url), measure_sent(url, events)
    print(f"sent {sent:,.0f}/s, wrk {limit:,.0f}/s, ratio {sent / limit:.3f}", flush=True)
    return sent / limit


def measure_limit(url: str) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT)
        script.flush()
        told = subprocess.run(
            ["wrk", "-t1", "-c32", "-d5s", "-s", script.name, url], capture_output=True, text=True, check=True
        ).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", told)
    assert found, told
    return float(found[1])


def measure_sent(url: str, count: int) -> float:
    """From events in the log to deliveries recorded as done."""
    from django.utils import timezone

    from integrations import sending, webhooks
    from integrations.models import DeliveryStatus, DisabledBecause, Partner
    from loyalty.core.ids import new_id
    from loyalty.core.models import Event, Program

    program = Program.objects.create(key=f"bench-{time.time_ns()}", name="Bench", currency="EUR")
    partner = Partner.objects.create(program=program, key="bench", name="Bench")
    endpoint, _ = webhooks.subscribe(partner, url=url)
    now = timezone.now()
    Event.objects.bulk_create(
        Event(program=program, member_id=new_id(), type="points.earned", data=SALE, occurred_at=now)
        for _ in range(count)
    )
    began = time.perf_counter()
    while endpoint.deliveries.filter(status=DeliveryStatus.DELIVERED).count() < count:
        asyncio.run(sending.run())
    took = time.perf_counter() - began
    webhooks.disable([endpoint.pk], because=DisabledBecause.BY_HAND, at=timezone.now())
    return count / took


@contextmanager
def receiver() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        str(Path(sys.executable).with_name("granian")),
        "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port), "--no-ws",
        "--log-level", "warning",
        "tests.bench.receiver:app",
    ]  # fmt: skip
    server = subprocess.Popen(command)
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}/hook"
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("the receiver did not start")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty.settings")
    django.setup()
    main()
