"""All kinds of things that a file speaks of, in its order: what is named stands before what names it."""

from typing import Final

from rewards.blueprint.audience import EventTypes, MemberAttributes, SaleAttributes, Segments
from rewards.blueprint.campaigns import Campaigns
from rewards.blueprint.catalogue import Rewards
from rewards.blueprint.gifts import Badges, Challenges, Draws
from rewards.blueprint.points import ReasonCodes, TierLadders, WalletTypes
from rewards.blueprint.section import Section

SECTIONS: Final[tuple[Section, ...]] = (
    WalletTypes(),
    TierLadders(),
    ReasonCodes(),
    MemberAttributes(),
    SaleAttributes(),
    EventTypes(),
    Segments(),
    Rewards(),
    Badges(),
    Challenges(),
    Draws(),
    Campaigns(),
)
BY_KEY: Final = {section.key: section for section in SECTIONS}
KINDS: Final = BY_KEY | {part.key: part for section in SECTIONS for part in section.parts.values()}
"""With those that are part of another."""
