"""
Points passed on from one member to another, with their dates; and the undo.

Both members' wallets are held, in id order, before anything is read: see Note [The lock] in
`members.ledger.store`.
"""

from members.transfers.rules import (
    TransferLimitReached,
    TransferNotAllowed,
    TransferToOneself,
    TransferTooSmall,
    left_this_month,
)
from members.transfers.sending import RACES, AlreadySent, send
from members.transfers.undoing import NothingIsLeft, TransferWasUndone, Undone, undo
from members.transfers.writing import Also, Move, Transferred, Writing

__all__ = [
    "RACES",
    "AlreadySent",
    "Also",
    "Move",
    "NothingIsLeft",
    "TransferLimitReached",
    "TransferNotAllowed",
    "TransferToOneself",
    "TransferTooSmall",
    "TransferWasUndone",
    "Transferred",
    "Undone",
    "Writing",
    "left_this_month",
    "send",
    "undo",
]
