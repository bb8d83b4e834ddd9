"""
Expiry beside the database's own limit: the same lots, due on the same days, in turns.

    python -m tests.bench.expiry [--lots 200000] [--rounds 4] [--earners 1]

Needs a migrated database at DATABASE_URL. Half as many members as lots, each lot with its own date
within a year. In each round the product expires a part of the year, then the limit does in one
statement, or the other way round; meanwhile members of the product go on earning.
"""

import argparse
import os
import resource
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import batched
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import django
import psycopg


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lots", type=int, default=200_000)
    options.add_argument("--rounds", type=int, default=4)
    options.add_argument("--earners", type=int, default=1, help="processes that book sales meanwhile")
    chosen = options.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty.settings")
    django.setup()
    Comparison(chosen).run()


class Comparison:
    """One program and one yardstick, with the same number of lots."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        from django.utils import timezone

        from tests.bench import program
        from tests.limit.yardstick import Yardstick

        self.chosen = chosen
        self.members = chosen.lots // 2
        self.now = timezone.now()
        print(f"{chosen.lots:,} lots of {self.members:,} members; making them …", flush=True)
        self.bench = program.make(members=0)
        self._fill()
        self.yardstick = Yardstick(os.environ["DATABASE_URL"])
        self.yardstick.prepare(members=self.members, sales=2)
        _settle()

    def _fill(self) -> None:
        from members.enrolment import Enrolment, enrol_many
        from rewards.journeys import earning
        from tests.bench.program import card, sale

        began = self.now - timedelta(days=400)
        for numbers in batched(range(self.members), 2_000):
            enrol_many(
                [Enrolment(identifiers=[("card", card(n))], enrolled_at=began) for n in numbers],
                program=self.bench.program,
                actor="system:bench",
                at=self.now,
            )
            sales = [
                sale(f"seed-{n}-{turn}", n, self.now - timedelta(days=(n * 7919 + turn * 182) % 365), "20.00")
                for n in numbers
                for turn in (0, 1)
            ]
            earning.record_many(
                sales, program=self.bench.program, source="seed", actor="system:bench", at=self.now
            )

    def run(self) -> None:
        pairs = []
        for turn in range(self.chosen.rounds):
            through = self.now + timedelta(days=366 * (turn + 1) / self.chosen.rounds)
            sides = [self._product, self._limit]
            rates = {side.__name__: side(through) for side in (sides if turn % 2 else reversed(sides))}
            pairs.append((rates["_product"], rates["_limit"]))
            print(
                "  product {:,.0f} lots/s, limit {:,.0f}, ratio {:.2f}".format(
                    *pairs[-1], pairs[-1][0] / pairs[-1][1]
                ),
                flush=True,
            )
        ratios = sorted(rate / limit for rate, limit in pairs)
        median = statistics.median(ratios)
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(
            f"expiry, members earning meanwhile: ratio {median:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
            f"  bar 0.4  {'met' if median >= 0.4 else 'MISSED'}  memory {megabytes} MB",
            flush=True,
        )

    def _product(self, through: Any) -> float:
        from members import expiry
        from members.models import ExpiryRun, WalletType

        points = WalletType.objects.get(program=self.bench.program)
        with _earning(self.bench, self.chosen.earners):
            began, longest = time.monotonic(), 0.0
            run = expiry.start(points, through=through, actor=expiry.ACTOR, at=through)
            chunk_began = began
            for _ in expiry.proceed(run.pk, at=through):
                longest, chunk_began = max(longest, time.monotonic() - chunk_began), time.monotonic()
            took = time.monotonic() - began
        lots = ExpiryRun.objects.get(pk=run.pk).lots
        print(f"  {lots:,} lots in {took:.1f} s, longest chunk {longest * 1000:.0f} ms", flush=True)
        return lots / took

    def _limit(self, through: Any) -> float:
        # The yardstick's lots live 400 days where the product's live a year.
        day = (through + timedelta(days=34)).date()
        with psycopg.connect(self.yardstick.server_url, dbname="yardstick") as connection:
            due = "SELECT count(*) FROM y.lot WHERE remaining > 0 AND expires_on <= %s"
            ((lots,),) = connection.execute(due, [day]).fetchall()
        return float(lots) / self.yardstick.run("expire.sql", on=day.isoformat())


@contextmanager
def _earning(bench: Any, earners: int) -> Iterator[None]:
    """Members go on buying, as fast as these processes can book it."""
    context = get_context("spawn")
    running = []
    for number in range(earners):
        ours, theirs = context.Pipe()
        process = context.Process(target=_sell, args=(bench.program.pk, number, theirs), daemon=True)
        process.start()
        ours.recv()  # it has begun
        running.append((process, ours))
    yield
    for process, ours in running:
        ours.send("stop")
        times = sorted(ours.recv())
        process.join()
        print(
            f"  meanwhile {len(times):,} sales: median {statistics.median(times) * 1000:.1f} ms,"
            f" p99 {times[int(len(times) * 0.99)] * 1000:.1f} ms, longest {times[-1] * 1000:.0f} ms",
            flush=True,
        )


def _sell(program_id: Any, number: int, told: Connection) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty.settings")
    django.setup()
    from uuid import uuid4

    from django.utils import timezone

    from loyalty.core.models import Program
    from members.models import Member
    from rewards.journeys import earning
    from tests.bench.program import sale

    program = Program.objects.get(pk=program_id)
    members = Member.objects.filter(program=program).count()
    run = uuid4().hex
    times: list[float] = []
    told.send("begun")
    while not told.poll():
        at, began = timezone.now(), time.monotonic()
        one = sale(f"{run}-{len(times)}", (len(times) * 2654435761 + number) % members, at, "20.00")
        earning.record(one, program=program, source="till", actor="partner:till", at=at)
        times.append(time.monotonic() - began)
    told.send(times)


def _settle() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")


if __name__ == "__main__":
    main()
