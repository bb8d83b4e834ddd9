"""
How fast past activities are gone through: `python -m tests.bench.backtest [--program KEY]`.

Needs a database with a program that has activities and rules, such as the demo's or an imported year;
nothing of it is changed, but that three backtests are kept. Shown is the best of them: activities a
second, all in, and how much the process's memory grew from the first slice to the last.
"""

import argparse
import os
import resource
import time
from typing import Any

import django

TRIED = {
    "trigger": {"kind": "sale"},
    "conditions": {"all": [{"fact": "sale.amount", "operator": "gte", "value": "50.00"}]},
    "effects": [{"kind": "multiplier", "wallet_type": "points", "factor": "2"}],
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--program", help="the one with most activities if not said")
    options.add_argument("--times", type=int, default=3)
    chosen = options.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty.settings")
    django.setup()
    for _ in range(chosen.times):
        print(_told(_run(_campaign(chosen.program))))


def _campaign(key: str | None) -> Any:
    from django.db.models import Count

    from loyalty.core.models import Program
    from rewards.models import Activity, Campaign

    most = Activity.objects.values("program").annotate(number=Count("pk")).order_by("-number")[0]
    program = Program.objects.get(key=key) if key else Program.objects.get(pk=most["program"])
    return Campaign.objects.get_or_create(
        program=program, key="bench-backtest", defaults={"name": "Tried by the bench"}
    )[0]


def _run(campaign: Any) -> tuple[Any, float, float, int]:
    from rewards.backtests import asking, running

    asked, _ = asking.ask(campaign, definition=TRIED, actor="system:bench")
    wall, processor, before = time.monotonic(), time.process_time(), None
    goes_on = True
    while goes_on:
        backtest = running.claimed(asked.pk)
        assert backtest is not None, "another backtest of the program is at work"
        goes_on = running.go_on(backtest)
        before = before or _memory()
    asked.refresh_from_db()
    return asked, time.monotonic() - wall, time.process_time() - processor, _memory() - (before or 0)


def _memory() -> int:
    """The most that the process ever had, in kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _told(run: tuple[Any, float, float, int]) -> str:
    backtest, wall, processor, grown = run
    return (
        f"{backtest.done:,} activities, {len(backtest.rules)} campaigns and the tried one:"
        f" {backtest.done / wall:,.0f}/s by the clock, {backtest.done / processor:,.0f}/s of processor time,"
        f" {wall:.1f} s; +{grown / 1024:.1f} MB after the first slice"
    )


if __name__ == "__main__":
    main()
