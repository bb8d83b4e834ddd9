"""
The ledger's operations: what happens to a wallet, decided without looking anything up.

Each takes a wallet's state and returns a `Change`: the state afterwards, with the one entry and the
postings that lead there. A lot's points are conserved by construction, as every posting takes from
one bucket what it gives to another.
"""

from members.ledger.operations.changes import Change
from members.ledger.operations.expiring import expire, forfeit
from members.ledger.operations.granting import MAX_POINTS, Grant, TooManyPoints, cancel_pending, grant, unlock
from members.ledger.operations.passing_on import come_home, move_debt, move_out, passed_on, transfer_out
from members.ledger.operations.spending import (
    InsufficientPoints,
    adjust_down,
    hold,
    release,
    restore,
    settle,
    spend,
)
from members.ledger.operations.taking_back import Reversal, TakeBack, reverse

__all__ = [
    "MAX_POINTS",
    "Change",
    "Grant",
    "InsufficientPoints",
    "Reversal",
    "TakeBack",
    "TooManyPoints",
    "adjust_down",
    "cancel_pending",
    "come_home",
    "expire",
    "forfeit",
    "grant",
    "hold",
    "move_debt",
    "move_out",
    "passed_on",
    "release",
    "restore",
    "reverse",
    "settle",
    "spend",
    "transfer_out",
    "unlock",
]
