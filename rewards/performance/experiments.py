"""
The times in which a campaign ran with the same audience and the same groups: what can be compared.

Membership of a group never changes, but a new version can say that the control group is larger, or
that there is one more variant. From then on the groups are others, and another experiment begins.
A pause is part of its experiment: the groups stay what they are.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import zip_longest
from typing import Any, Final
from uuid import UUID

from rewards.engine import assignment

CONTROL: Final = "control"
TREATED: Final = "treated"
VARIANT: Final = "variant:"
"""Begins the key of a variant's group, so that a variant may be called "control"."""


@dataclass(frozen=True, slots=True)
class Split:
    """
    Whom a campaign is for, and into which groups chance puts them.

    `control` is of ten thousand parts; `variants` are their keys with the part that ends each.
    """

    segments: tuple[str, ...] = ()
    not_segments: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    control: int = 0
    variants: tuple[tuple[str, int], ...] = ()

    @property
    def is_everyone(self) -> bool:
        return not (self.segments or self.not_segments or self.tiers)

    @property
    def is_experiment(self) -> bool:
        return bool(self.control or self.variants)

    @property
    def shares(self) -> dict[str, float]:
        """The groups, in order, and the part of all members that belongs to each."""
        taking_part = 1 - self.control / assignment.PARTS
        groups = {CONTROL: self.control / assignment.PARTS} if self.control else {}
        begin = 0
        for key, end in self.variants:
            groups[VARIANT + key] = taking_part * (end - begin) / assignment.PARTS
            begin = end
        return groups if self.variants else {**groups, TREATED: taking_part}

    def group_of(self, campaign_key: str, member_id: str) -> str:
        """The group of a member of the audience, as the engine gives by it."""
        if self.control and assignment.part(campaign_key, member_id, assignment.CONTROL) < self.control:
            return CONTROL
        if not self.variants:
            return TREATED
        part = assignment.part(campaign_key, member_id, assignment.VARIANT)
        return VARIANT + next(key for key, end in self.variants if part < end)


def split_of(definition: Mapping[str, Any]) -> Split:
    """What a version's definition says of its audience."""
    audience = definition.get("audience") or {}
    variants, end = [], 0
    for variant in audience.get("variants") or ():
        end += int(variant["percent"]) * 100
        variants.append((variant["key"], end))
    return Split(
        segments=_keys(audience, "segments"),
        not_segments=_keys(audience, "not_segments"),
        tiers=_keys(audience, "tiers"),
        control=int(audience.get("control_percent") or 0) * 100,
        variants=tuple(variants),
    )


def _keys(audience: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(sorted(audience.get(name) or ()))


def variant_names(definition: Mapping[str, Any]) -> dict[str, str]:
    """What the variants are called, by the keys of their groups."""
    variants = (definition.get("audience") or {}).get("variants") or ()
    return {VARIANT + one["key"]: one.get("name") or one["key"] for one in variants}


@dataclass(frozen=True, slots=True)
class Version:
    """A campaign's version, as far as it matters here."""

    id: UUID
    number: int
    effective_at: datetime
    is_running: bool
    definition: Mapping[str, Any] = field(hash=False)

    @classmethod
    def of(cls, row: Any) -> "Version":
        """As it is stored."""
        return cls(row.pk, row.number, row.effective_at, row.is_running, row.definition)


@dataclass(frozen=True, slots=True)
class Experiment:
    """
    From when to when members could earn by the same audience and groups; a pause counts.

    `ends_at` is None as long as it goes on. `versions` are those in force in it, oldest first.
    """

    split: Split
    starts_at: datetime
    ends_at: datetime | None
    versions: tuple[Version, ...]

    def until(self, at: datetime) -> datetime:
        """Its end, or the present while it goes on."""
        return at if self.ends_at is None or self.ends_at > at else self.ends_at

    def before(self, at: datetime) -> datetime:
        """Where an equally long time before it begins."""
        return self.starts_at - (self.until(at) - self.starts_at)


def experiments(versions: Iterable[Version], *, at: datetime) -> list[Experiment]:
    """The experiments that have begun, oldest first."""
    found: list[Experiment] = []
    for version, starts_at, ends_at in _runs(versions):
        if starts_at > at or (ends_at is not None and ends_at <= starts_at):
            continue
        split = split_of(version.definition)
        if found and found[-1].split == split:
            known = found[-1].versions
            there = known if known[-1] == version else (*known, version)
            found[-1] = replace(found[-1], ends_at=ends_at, versions=there)
        else:
            found.append(Experiment(split, starts_at, ends_at, (version,)))
    return found


def _runs(versions: Iterable[Version]) -> Iterable[tuple[Version, datetime, datetime | None]]:
    """When which version gave something: of those whose time has come, the one of the highest number."""
    in_force: list[Version] = []
    for version in sorted(versions, key=lambda one: (one.effective_at, one.number)):
        if not in_force or version.number > in_force[-1].number:
            in_force.append(version)
    for version, following in zip_longest(in_force, in_force[1:]):
        end = following.effective_at if following else None
        if version.is_running:
            schedule = version.definition.get("schedule") or {}
            first, last = _moment(schedule.get("starts_at")), _moment(schedule.get("ends_at"))
            starts_at = max(version.effective_at, first) if first else version.effective_at
            yield version, starts_at, min(filter(None, (end, last)), default=None)


def _moment(stored: str | None) -> datetime | None:
    return datetime.fromisoformat(stored) if stored else None
