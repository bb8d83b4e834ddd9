"""
The bars: what the product does, over what the database itself can do for the same work.

    python -m tests.bench [--members 20000] [--pairs 5] [--seconds 8] [--clients 8] [--only points|api]

Needs the product at BASE_URL and its database at DATABASE_URL: `make bench` brings both up. The two
sides take turns in pairs of swapped order; shown are the medians with their spread, and the share
of the processor that others took meanwhile.

Beside them: `python -m tests.bench.engine` (the rule engine alone, without a database),
`python -m tests.bench.expiry` (an expiry run, while members go on earning) and
`python -m tests.bench.webhooks` (webhooks sent a second).
"""

import argparse
import io
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import django


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--members", type=int, default=20_000)
    options.add_argument("--pairs", type=int, default=5)
    options.add_argument("--seconds", type=float, default=8)
    options.add_argument("--clients", type=int, default=8)
    options.add_argument("--only", choices=["points", "api"], help="measure these alone")
    chosen = options.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty.settings")
    django.setup()
    Comparison(chosen).run()


class Comparison:
    """One run: one server, one program, one yardstick."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        from django.conf import settings

        from tests.bench import program
        from tests.limit.yardstick import Yardstick

        self.chosen = chosen
        self.base_url = settings.BASE_URL
        self.program = program
        print(f"{chosen.members:,} members, {program.CAMPAIGNS} campaigns; making them …", flush=True)
        began = time.monotonic()
        self.bench = program.make(members=chosen.members)
        print(f"  enrolled and sold to in bulk in {time.monotonic() - began:.0f} s", flush=True)
        self.yardstick = Yardstick(os.environ["DATABASE_URL"])
        self.yardstick.prepare(members=chosen.members)
        self._settle()

    def _settle(self) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")

    def run(self) -> None:
        program = self.program
        if self.chosen.only == "points":
            return self._points()
        if self.chosen.only == "api":
            return self._api()
        self._compare("POST /v1/transactions", program.sales, "earn_fn", bar=0.25)
        self._compare("GET …/status", program.statuses, "balance", bar=0.10)
        self._compare("POST /v1/redemptions", program.redemptions, "redeem_fn", bar=0.20)
        self._compare_rates(
            f"sales, {program.BATCH} a batch",
            lambda: self._bulk(self.chosen.clients),
            lambda: self._limit("earn_fn").per_second,
            bar=0.8,
        )
        self._points()
        self._processor_time()
        self._half_load()

    def _points(self) -> None:
        """Paying with points, by one till and by many; no bar is set for it."""
        for clients in (1, self.chosen.clients):
            for path, requests in (("spend", self.program.spends), ("holds", self.program.holds)):
                name = f"POST /v1/points/{path}, {clients}"
                self._compare(name, requests, "redeem_fn", bar=None, clients=clients)

    def _api(self) -> None:
        """What partners call most, by one connection and by many, with what the database could do of it."""
        program = self.program
        for name, requests, script in (
            ("GET …/status", program.statuses, "balance"),
            ("POST …/transactions/preview", program.previews, "balance"),
            ("POST /v1/transactions", program.sales, "earn_fn"),
            ("POST /v1/redemptions", program.redemptions, "redeem_fn"),
        ):
            for clients in (1, 8, 32):
                self._rate_and_latency(name, requests, script, clients=clients)
        for clients in (1, 8):
            rate, limit = self._bulk(clients), self._limit("earn_fn", clients).per_second
            name = f"sales, {program.BATCH} a batch"
            print(
                f"{name:28} {clients:3} connections {rate:7,.0f}/s"
                f"  limit {limit:7,.0f}/s  ratio {rate / limit:.3f}",
                flush=True,
            )

    def _rate_and_latency(
        self, name: str, requests: Callable[..., Iterator[Any]], script: str, *, clients: int
    ) -> None:
        self._load(requests, clients, 1)
        seen = self._load(requests, clients, self.chosen.seconds)
        limit = self._limit(script, clients).per_second
        print(
            f"{name:28} {clients:3} connections {seen.per_second:7,.0f}/s"
            f"  median {seen.median_ms:6.1f} ms  p99 {seen.p99_ms:6.1f} ms"
            f"  limit {limit:7,.0f}/s  ratio {seen.per_second / limit:.3f}",
            flush=True,
        )

    def _limit(self, script: str, clients: int = 0) -> Any:
        return self.yardstick.measure(
            script, clients=clients or self.chosen.clients, seconds=int(self.chosen.seconds)
        )

    def _load(self, requests: Callable[..., Iterator[Any]], clients: int, seconds: float) -> Any:
        from tests.bench import load

        return load.measure(
            self.base_url,
            self.bench.key,
            lambda number: requests(self.bench, number),
            clients=clients,
            seconds=seconds,
        )

    def _compare(
        self,
        name: str,
        requests: Callable[..., Iterator[Any]],
        script: str,
        *,
        bar: float | None,
        clients: int = 0,
    ) -> None:
        clients = clients or self.chosen.clients
        self._load(requests, clients, 5)

        def product() -> float:
            rate: float = self._load(requests, clients, self.chosen.seconds).per_second
            return rate

        self._compare_rates(name, product, lambda: self._limit(script, clients).per_second, bar=bar)

    def _compare_rates(
        self, name: str, product: Callable[[], float], limit: Callable[[], float], *, bar: float | None
    ) -> None:
        pairs = []
        for turn in range(self.chosen.pairs):
            if turn % 2:
                limit_rate, rate = limit(), product()
            else:
                rate, limit_rate = product(), limit()
            pairs.append((rate, limit_rate))
        ratios = sorted(rate / limit_rate for rate, limit_rate in pairs)
        rate, limit_rate = (statistics.median(column) for column in zip(*pairs, strict=True))
        median = statistics.median(ratios)
        verdict = f"  bar {bar}  {'met' if median >= bar else 'MISSED'}" if bar else ""
        print(
            f"{name:26} {rate:8,.0f}/s  limit {limit_rate:8,.0f}/s  ratio {median:.2f}"
            f" ({ratios[0]:.2f} to {ratios[-1]:.2f}){verdict}",
            flush=True,
        )

    def _bulk(self, clients: int) -> float:
        """Sales a second over HTTP, in batches."""
        program = self.program
        self._load(program.batches, clients, 1)
        return float(self._load(program.batches, clients, self.chosen.seconds).per_second * program.BATCH)

    def _processor_time(self) -> None:
        """Of Python alone, in this process: one sale over one empty view."""
        empty = self._processor_ms(self.program.nothing)
        for name, requests, bar in (
            ("sale", self.program.sales, 12.0),
            ("status", self.program.statuses, 0.0),
        ):
            took = self._processor_ms(requests)
            against = f"  bar {bar:.0f}  {'met' if took / empty <= bar else 'MISSED'}" if bar else ""
            print(
                f"processor time: {name:8} {took:.2f} ms, empty view {empty:.2f} ms,"
                f" ratio {took / empty:.1f}{against}"
            )

    def _processor_ms(self, requests: Callable[..., Iterator[Any]], times: int = 1_000) -> float:
        from loyalty.wsgi import application

        asked = requests(self.bench, 0)
        environments = [_environment(next(asked), self.bench.key) for _ in range(times + 100)]
        for environment in environments[:100]:
            b"".join(application(environment, _start_response))
        began = time.process_time()
        for environment in environments[100:]:
            b"".join(application(environment, _start_response))
        return (time.process_time() - began) / times * 1000

    def _half_load(self) -> None:
        """Latency at about half of what it can do: half as many connections as saturate it."""
        for name, requests, bar in (("sale", self.program.sales, 50), ("status", self.program.statuses, 25)):
            seen = self._load(requests, 1, self.chosen.seconds)
            verdict = "met" if seen.p99_ms <= bar else "MISSED"
            print(
                f"latency, 1 connection: {name:8} median {seen.median_ms:.1f} ms, p99 {seen.p99_ms:.1f} ms"
                f"  bar {bar} ms  {verdict}"
            )


def _start_response(*_: Any) -> Callable[[bytes], object]:
    """A server's part in an answer; this one throws it away."""
    return io.BytesIO().write


def _environment(request: Any, key: str) -> dict[str, Any]:
    environment = {
        "REQUEST_METHOD": "POST" if request.body else "GET",
        "PATH_INFO": request.path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "HTTP_HOST": "127.0.0.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(request.body)),
        "HTTP_AUTHORIZATION": f"Bearer {key}",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http",
    }
    if request.headers:
        environment["HTTP_IDEMPOTENCY_KEY"] = request.headers.split(": ")[1].strip()
    return environment


if __name__ == "__main__":
    main()
