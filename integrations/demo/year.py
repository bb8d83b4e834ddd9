"""The year itself: purchases as they happened, and between them what a year brings besides."""

from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

from django.db.models import Max

from integrations.complete_journey import importing
from integrations.complete_journey.importing import Choice, Progress, Summary
from integrations.demo import households
from loyalty.core.errors import DomainError
from loyalty.core.models import Program
from members import expiry
from members.models import Entry, Wallet
from members.references import MemberReference
from rewards import redeeming
from rewards.models import Reward

ACTOR: Final = "system:demo"
SHOP: Final = "web-shop"
PARTS: Final = 90
"""Into how many parts the year is cut; between two of them rewards are bought."""
BUYERS: Final = 0.03
"""The share of those who can afford a reward that buys one between two parts."""
EXPIRY_EVERY: Final = timedelta(days=7)


class Between:
    """What happens between two parts of the year: points expire, rewards are bought."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.rewards = list(Reward.objects.filter(program=program).order_by("-price"))
        self.next_expiry_at: datetime | None = None
        self.chance = Random(84.51)
        # Members of an earlier load have lived through the year: nothing is put between what is written.
        entries = Entry.objects.filter(program=program).values_list("member_id")
        self.written_until = dict(entries.annotate(Max("recorded_at")))

    def __call__(self, at: datetime) -> None:
        if self.next_expiry_at is None or at >= self.next_expiry_at:
            for _ in expiry.run(self.program, at=at):
                pass
            self.next_expiry_at = at + EXPIRY_EVERY
        self._redeem_some(at)

    def _redeem_some(self, at: datetime) -> None:
        """Some of those who can afford it buy a reward. Who does is drawn by chance."""
        cheapest = min(reward.price for reward in self.rewards)
        rich = Wallet.objects.filter(program=self.program, available__gte=cheapest).order_by("member_id")
        for member_id, available in rich.values_list("member_id", "available"):
            if self.written_until.get(member_id, at) <= at and self.chance.random() < BUYERS:
                affordable = [reward for reward in self.rewards if reward.price <= available]
                self._redeem(member_id, self.chance.choice(affordable), at)

    def _redeem(self, member_id: UUID, reward: Reward, at: datetime) -> None:
        # Sold out, or its points are about to expire: then this member buys nothing today.
        with suppress(DomainError):
            redeeming.redeem(
                member=MemberReference(kind="id", value=str(member_id)),
                reward=reward.key,
                program=self.program,
                source=SHOP,
                actor=ACTOR,
                at=at,
            )


def live_through(choice: Choice, *, progress: Progress | None = None) -> Summary:
    """Import what is missing of the year, each purchase recorded when it happened."""
    summary = importing.run(
        choice,
        chunk=max(choice.total // PARTS, 20),
        people=households.person,
        progress=progress,
        after_chunk=Between(choice.program),
    )
    # The year ends with nothing overdue, so that every page and answer says the same from the start.
    for _ in expiry.run(choice.program, at=choice.before):
        pass
    return summary
