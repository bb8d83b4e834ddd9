"""
What limits cost: sales of limited campaigns beside the same sales without limits, in turns.

    python -m tests.bench.limits [--sales 300] [--rounds 5] [--tills 8] [--seconds 4]

Needs a migrated database at DATABASE_URL. First one till, with ten campaigns that give something on
every sale, each with a limit for the member and a budget or without: by the clock, and by the time
that Python itself needs, which others on the machine change less. Then many tills at once, of which
each sale draws from one and the same budget, or from none.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from itertools import count
from multiprocessing import get_context
from typing import Any
from uuid import uuid4

import django

LIMITS: dict[str, Any] = {
    "per_member": [{"times": 1_000, "per": "day"}],
    "in_all": [{"points": 1_000_000_000}],
}
MEMBERS = 500


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sales", type=int, default=300)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--tills", type=int, default=8)
    options.add_argument("--seconds", type=float, default=4)
    chosen = options.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty.settings")
    django.setup()
    from tests.bench import program

    made = [program.make(members=MEMBERS) for _ in range(4)]
    plain, limited, free, hot = (one.program for one in made)
    for number in range(10):
        _publish(plain, f"extra-{number}", {})
        _publish(limited, f"extra-{number}", {"limits": LIMITS})
    _publish(free, "spring", {})
    _publish(hot, "spring", {"limits": {"in_all": LIMITS["in_all"]}})
    _settle()

    def one_till(key: str, clock: Callable[[], float]) -> Callable[[], float]:
        return lambda: sales_a_second(key, sales=chosen.sales, clock=clock)

    def tills(key: str) -> Callable[[], float]:
        return lambda: _at_once(key, tills=chosen.tills, seconds=chosen.seconds)

    for name, clock in (("one till", time.monotonic), ("one till, Python", time.process_time)):
        pair = one_till(limited.key, clock), one_till(plain.key, clock)
        _compare(f"{name}, 10 limited campaigns", *pair, chosen.rounds)
    _compare(f"{chosen.tills} tills, one hot budget", tills(hot.key), tills(free.key), chosen.rounds)


def _publish(program: Any, key: str, more: dict[str, Any]) -> None:
    from django.utils import timezone

    from rewards.models import Campaign
    from rewards.planning import campaigns

    definition = {
        "trigger": {"kind": "sale"},
        "conditions": {"all": []},
        "effects": [{"kind": "fixed_points", "wallet_type": "points", "points": 1}],
        **more,
    }
    campaign = Campaign.objects.create(program=program, key=key, name=key)
    campaigns.publish(campaign, definition=definition, by=None, at=timezone.now())


def _settle() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")


def sales_a_second(
    key: str, *, sales: int = 0, seconds: float = 0, clock: Callable[[], float] = time.monotonic
) -> float:
    """Sales that one process books in a second: so many, or for so long."""
    from django.utils import timezone

    from loyalty.core.models import Program
    from rewards.journeys import earning
    from tests.bench import program as bench

    program, run = Program.objects.get(key=key), uuid4().hex
    made = bench.Bench(program=program, members=MEMBERS, key="")
    start = int(run[:6], 16)
    began = clock()
    for done in count(1):
        sale = bench.sale(f"{run}-{done}", bench.spread(made, start + done), timezone.now(), "87.50")
        earning.record(sale, program=program, source="till", actor="partner:till", at=timezone.now())
        passed = clock() - began
        if done == sales or (seconds and passed > seconds):
            return done / passed
    raise AssertionError("a count has no end")


def _till(key: str, seconds: float) -> float:
    django.setup()
    sales_a_second(key, sales=20)
    return sales_a_second(key, seconds=seconds)


def _at_once(key: str, *, tills: int, seconds: float) -> float:
    with get_context("spawn").Pool(tills) as pool:
        return sum(pool.starmap(_till, [(key, seconds)] * tills))


def _compare(name: str, limited: Callable[[], float], plain: Callable[[], float], rounds: int) -> None:
    limited(), plain()
    pairs = []
    for turn in range(rounds):
        if turn % 2:
            rate, other = limited(), plain()
        else:
            other, rate = plain(), limited()
        pairs.append((rate, other))
    ratios = sorted(rate / other for rate, other in pairs)
    rate, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"{name:40} {rate:7,.0f}/s  without {other:7,.0f}/s  ratio {statistics.median(ratios):.2f}"
        f" ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        flush=True,
    )


if __name__ == "__main__":
    main()
