"""What an import shows: how far it is, what it did, what was refused and why."""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm

from integrations.complete_journey.importing import Choice, Refusal, Summary


def bar(choice: Choice, *, name: str, file: TextIO) -> "tqdm[Any]":
    """
    A bar from the baskets that are there to all that were chosen.

    Where nobody watches it is a line every few seconds.
    """
    return tqdm(
        total=choice.total,
        initial=choice.there,
        desc=name,
        unit=" baskets",
        file=file,
        mininterval=0.2 if file.isatty() else 5.0,
        dynamic_ncols=True,
    )


def told(summary: Summary) -> list[str]:
    """The closing summary, a line for each figure."""
    baskets, lines = (count / (summary.seconds or 1) for count in (summary.baskets, summary.lines))
    figures = [
        f"baskets        {summary.baskets:>12,}   ({summary.baskets_there:,} were there already)",
        f"lines          {summary.lines:>12,}",
        f"members        {summary.members:>12,}   ({summary.members_there:,} were there already)",
        f"points granted {summary.points:>12,}",
        f"wallets        {len(summary.wallets):>12,}   that received points",
        f"time           {summary.seconds:>12,.1f} s ({baskets:,.0f} baskets/s, {lines:,.0f} lines/s)",
        f"refused        {len(summary.refusals):>12,}",
    ]
    reasons = Counter(f"{refusal.kind}: {refusal.code}" for refusal in summary.refusals)
    return figures + [f"  {reason:<40} {count:,}" for reason, count in reasons.most_common()]


def write_refusals(refusals: Sequence[Refusal], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["kind", "external_id", "code", "reason"])
        rows.writerows((r.kind, r.external_id, r.code, r.reason) for r in refusals)
