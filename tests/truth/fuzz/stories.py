"""
Which operations make what others need: a sale can be returned, a held reward confirmed.

A call that names something that is there gets further than one that does not, and meets more of the code
that could break.
"""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

RECENT: Final = 50
STORIES: Final = (
    (
        "record_transaction",
        (
            "return_transaction",
            "correct_transaction",
            "cancel_transaction",
            "read_transaction",
            "claim_transaction",
            "activate_pending_points",
            "cancel_pending_points",
        ),
    ),
    (
        "hold_reward",
        ("confirm_redemption", "cancel_redemption", "fulfil_redemption", "return_redemption"),
    ),
    (
        "redeem_reward",
        (
            "check_voucher",
            "use_voucher",
            "use_voucher",
            "roll_back_voucher",
            "void_voucher",
            "read_voucher",
            "cancel_redemption",
            "return_redemption",
        ),
    ),
    ("place_hold", ("settle_hold", "release_hold", "read_hold")),
    ("open_checkout", ("change_checkout", "confirm_checkout", "abandon_checkout", "confirm_checkout")),
    ("invite_friends", ("accept_referral", "read_referral", "record_transaction")),
    ("block_member", ("record_transaction", "spend_points", "unblock_member")),
    ("adjust_points", ("spend_points", "transfer_points", "read_balance", "list_entries")),
    ("register_member", ("register_member", "record_transaction", "export_member")),
    ("add_identifier", ("remove_identifier", "remove_identifier", "list_identifiers")),
    ("use_voucher", ("roll_back_voucher", "roll_back_voucher", "check_voucher")),
    ("add_segment_members", ("list_segment_members", "remove_segment_members")),
)
"""What is made first, and what is then done with it, in any order and some of it twice."""

_OF_RESOURCE: Final = (
    ("/points/holds", "hold_id"),
    ("/redemptions", "redemption_id"),
    ("/checkouts", "checkout_id"),
    ("/transactions", "transaction_id"),
    ("/events", "transaction_id"),
    ("/activities", "transaction_id"),
    ("/vouchers", "voucher_id"),
    ("/referrals", "referral_id"),
)
_NAMED: Final = ("hold_id", "redemption_id", "checkout_id", "transaction_id", "voucher_id", "referral_id")
_TOLD: Final = {"endCursor": "end_cursor", "access_token": "token", "code": "", "voucher_code": ""}


@dataclass
class Known:
    """What answers have named so far: ids, codes, cursors, the newest last."""

    random: Random
    seen: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=RECENT)))

    def one(self, name: str, otherwise: str) -> str:
        """Mostly the newest, as the one before has just made it; `otherwise` if there is none."""
        found = self.seen[name]
        if not found:
            return otherwise
        return found[-1] if self.random.random() < 0.6 else self.random.choice(found)

    def learn(self, path: str, answer: Any) -> None:
        kind = next((name for step, name in _OF_RESOURCE if step in path), "")
        self._learn(answer, kind, "referral_code" if kind == "referral_id" else "code")
        if not isinstance(answer, dict):
            return
        if isinstance(answer.get("next"), str):
            self.seen["cursor"].append(answer["next"].rpartition("cursor=")[2])
        if kind == "checkout_id" and isinstance(answer.get("total"), dict):
            self.seen["due"].append(answer["total"]["amount"])

    def _learn(self, value: Any, kind: str, code: str) -> None:
        if isinstance(value, list):
            for inner in value[:5]:
                self._learn(inner, kind, code)
        if not isinstance(value, dict):
            return
        for name, inner in value.items():
            if not isinstance(inner, str):
                self._learn(inner, kind if name in ("data", "results", "body") else "", code)
            elif name == "id" and kind:
                self.seen[kind].append(inner)
            elif name in _NAMED:
                self.seen[name].append(inner)
            elif name in _TOLD:
                self.seen[_TOLD[name] or code].append(inner)
