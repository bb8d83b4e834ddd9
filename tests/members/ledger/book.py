"""What the ledger should do, told as plainly as can be: dictionaries, and one point after the other."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

FOREVER = datetime.max.replace(tzinfo=UTC)
BUCKETS = ("pending", "available", "held", "redeemed", "expired", "reversed")


class Book:
    """One wallet. A lot is a dictionary of its buckets, its date and the order in which it came."""

    def __init__(self) -> None:
        self.lots: dict[UUID, dict[str, Any]] = {}
        self.debt = 0
        self.holds: dict[int, Counter[UUID]] = {}
        self.spends: dict[int, Counter[UUID]] = {}
        self.owed: Counter[UUID] = Counter()

    def add(
        self, lot_id: UUID, points: int, *, bucket: str, expires: datetime | None, earned: datetime
    ) -> None:
        self.lots[lot_id] = dict.fromkeys(BUCKETS, 0) | {
            bucket: points,
            "points": points,
            "expires": expires or FOREVER,
            "earned": earned,
        }

    def move(self, lot_id: UUID, points: int, source: str, destination: str) -> None:
        self.lots[lot_id][source] -= points
        self.lots[lot_id][destination] += points

    def total(self, bucket: str) -> int:
        return sum(lot[bucket] for lot in self.lots.values())

    def order(self, lot_id: UUID) -> Any:
        lot = self.lots[lot_id]
        return lot["expires"], lot["earned"], lot_id

    def usable(self, now: datetime) -> list[UUID]:
        alive = [lot for lot in self.lots if self.lots[lot]["available"] and self.lots[lot]["expires"] > now]
        return sorted(alive, key=self.order)

    def can_use(self, now: datetime) -> int:
        return sum(self.lots[lot]["available"] for lot in self.usable(now))

    def use(self, points: int, now: datetime, destination: str) -> Counter[UUID]:
        """One point after the other, each from the lot that would be the first to go."""
        taken: Counter[UUID] = Counter()
        for _ in range(points):
            first = self.usable(now)[0]
            self.move(first, 1, "available", destination)
            taken[first] += 1
        return taken

    def pay(self) -> None:
        """What becomes available goes to what is owed first."""
        while self.debt and self.total("available"):
            first = min((lot for lot in self.lots if self.lots[lot]["available"]), key=self.order)
            self.move(first, 1, "available", "reversed")
            self.debt -= 1

    def expire(self, now: datetime) -> int:
        due = [lot for lot in self.lots if self.lots[lot]["expires"] <= now]
        gone = sum(int(self.lots[lot]["available"]) for lot in due)
        for lot in due:
            self.move(lot, self.lots[lot]["available"], "available", "expired")
        return gone

    def take_back(self, lot_id: UUID, points: int, policy: str) -> tuple[int, int]:
        """
        So many more of what a lot gave; how many were taken, and how many could not be.

        What has expired of the lot counts as taken back, once.
        """
        lot, before = self.lots[lot_id], self.owed[lot_id]
        self.owed[lot_id] += points
        unpaid_before = max(before - lot["reversed"] - lot["expired"], 0)
        taken = 0
        for bucket in ("pending", "available"):
            own = min(points - taken, lot[bucket])
            self.move(lot_id, own, bucket, "reversed")
            taken += own
        missing = max(self.owed[lot_id] - lot["reversed"] - lot["expired"], 0) - unpaid_before
        for _ in range(max(missing, 0)):
            left = [other for other in self.lots if self.lots[other]["available"]]
            if not left:
                break
            self.move(min(left, key=self.order), 1, "available", "reversed")
            missing -= 1
            taken += 1
        missing = max(missing, 0)
        if policy == "debt":
            self.debt += missing
        return taken, missing
