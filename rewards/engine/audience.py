"""Whom a campaign is for: segments, tiers, and a control group that is held out."""

from __future__ import annotations

from typing import Any

import msgspec

from rewards.engine.assignment import is_held_out
from rewards.engine.facts import MemberFacts
from rewards.engine.operands import read_between, read_keys
from rewards.engine.operators import Predicate
from rewards.engine.problems import Place

CONTROL_AT_MOST = 90
KEYS = ("segments", "not_segments", "tiers", "control_percent", "variants")


class Audience(msgspec.Struct, frozen=True):
    """Members in one of `segments`, in none of `not_segments`, in one of `tiers`; empty ones ask nothing."""

    segments: frozenset[str] = frozenset()
    not_segments: frozenset[str] = frozenset()
    tiers: frozenset[str] = frozenset()
    control_percent: int = 0

    @property
    def is_everyone(self) -> bool:
        return not (self.segments or self.not_segments or self.tiers)

    def has(self, member: MemberFacts) -> bool:
        """Whether the campaign is for the member, held out or not."""
        return (
            (not self.segments or not self.segments.isdisjoint(member.segments))
            and self.not_segments.isdisjoint(member.segments)
            and (not self.tiers or member.tier in self.tiers)
        )

    def holds_out(self, campaign_key: str, member: MemberFacts) -> bool:
        """Whether the member is of the campaign's control group."""
        return is_held_out(campaign_key, member.id, self.control_percent)

    def predicate(self) -> Predicate | None:
        if self.is_everyone:
            return None

        def is_for(facts: Any) -> bool:
            return self.has(facts.member)

        return is_for


EVERYONE = Audience()


def parse(raw: object, place: Place) -> Audience:
    """The audience without its variants, which have effects; what is wrong is noted at the place."""
    found = None if raw is None else place.mapping(raw, keys=KEYS)
    if found is None:
        return EVERYONE
    percent = found.get("control_percent")
    if percent is not None:
        percent = read_between(percent, 0, CONTROL_AT_MOST, place / "control_percent")
    return Audience(
        segments=read_keys(found.get("segments"), place / "segments", what="segment") or frozenset(),
        not_segments=read_keys(found.get("not_segments"), place / "not_segments", what="segment")
        or frozenset(),
        tiers=read_keys(found.get("tiers"), place / "tiers", what="tier") or frozenset(),
        control_percent=percent or 0,
    )
