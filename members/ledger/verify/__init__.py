"""
Proof that the books are right: postings make up lots, lots wallets, and nobody rewrote history.

A program is read in one snapshot, a chunk of members at a time, so that a million members need no
more memory than ten, and sales go on meanwhile. What is checked is said in SQL, over the rows of
one chunk (see `rows`); what comes back to Python is faults and figures.
"""

from collections.abc import Iterator, Sequence

from loyalty.core.models import Program
from members.ledger.verify.checks import HOLDS, LEDGER
from members.ledger.verify.proof import Progress, Proof, strays
from members.ledger.verify.rows import CHAIN, Fault, Part

__all__ = ["CHAIN", "HOLDS", "LEDGER", "Fault", "Part", "Progress", "Proof", "run", "strays"]


def run(*, program: Program | None = None, parts: Sequence[Part] = (LEDGER, HOLDS)) -> Iterator[Fault]:
    """All faults of a program, or of all programs and of rows that belong to none."""
    if program is not None:
        yield from Proof(program, parts=parts).faults()
        return
    for one in Program.objects.order_by("key"):
        yield from Proof(one, parts=parts).faults()
    yield from strays()
