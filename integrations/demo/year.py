"""The year itself: purchases as they happened, and between them what a year brings besides."""

from datetime import datetime
from random import Random
from typing import Final

from integrations.complete_journey import importing
from integrations.complete_journey.importing import Choice, Progress, Summary
from loyalty.core.errors import DomainError
from loyalty.core.models import Program
from members import expiry
from members.models import Wallet
from rewards import redeeming
from rewards.activities import MemberReference
from rewards.models import Reward

ACTOR: Final = "system:demo"
SHOP: Final = "web-shop"
CHUNKS: Final = 150
"""Into how many parts the year is cut; between two of them points expire and rewards are bought."""
BUYERS: Final = 0.03
"""The share of those who can afford a reward that buys one between two parts."""


def live_through(choice: Choice, *, baskets: int, progress: Progress | None = None) -> Summary:
    """
    Import the chosen baskets, each recorded when it happened, and let members spend and lose points.

    :param baskets: how many the whole choice has
    """

    def meanwhile(moment: datetime) -> None:
        expiry.expire(choice.program, at=moment)
        redeem_some(choice.program, at=moment)

    return importing.run(
        choice, chunk=max(baskets // CHUNKS, 20), progress=progress, after_chunk=meanwhile
    )


def redeem_some(program: Program, *, at: datetime) -> int:
    """
    Some of the members who can afford it buy the dearest reward that they can, or a smaller one.

    Who does is drawn, but the same way in every clone.
    """
    chance = Random(at.isoformat())
    rewards = list(Reward.objects.filter(program=program).on_offer(at).order_by("-price"))
    rich = Wallet.objects.filter(program=program, available__gte=min(r.price for r in rewards))
    bought = 0
    for wallet in rich.order_by("member_id"):
        if chance.random() < BUYERS:
            affordable = [reward for reward in rewards if reward.price <= wallet.available]
            bought += _redeem(wallet, chance.choice(affordable), at=at)
    return bought


def _redeem(wallet: Wallet, reward: Reward, *, at: datetime) -> bool:
    try:
        redeeming.redeem(
            member=MemberReference(kind="id", value=str(wallet.member_id)),
            reward=reward.key,
            program=wallet.program,
            source=SHOP,
            actor=ACTOR,
            at=at,
        )
    except DomainError:
        return False
    return True
