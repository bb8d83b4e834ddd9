"""Which version of a campaign counts when, and when members can earn by it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from rewards.models import CampaignVersion, VersionStep


@dataclass(frozen=True, slots=True)
class Span:
    """From when until when a version counts; the end is exclusive, None is open."""

    version: CampaignVersion
    starts_at: datetime
    ends_at: datetime | None

    def covers(self, moment: datetime) -> bool:
        return self.starts_at <= moment and not self.is_over(moment)

    def is_over(self, moment: datetime) -> bool:
        return self.ends_at is not None and self.ends_at <= moment


def spans(versions: Iterable[CampaignVersion]) -> list[Span]:
    """
    The time of each version that ever counts, in order. Two never overlap.

    The newest version whose time has come is in force: one with a later number and an earlier
    moment overtakes those that were to come.
    """
    found: list[Span] = []
    until: datetime | None = None
    for version in sorted(versions, key=lambda version: version.number, reverse=True):
        if until is None or version.effective_at < until:
            found.append(Span(version, version.effective_at, until))
            until = version.effective_at
    return found[::-1]


def at(found: Iterable[Span], moment: datetime) -> Span | None:
    """What counts at that moment; None before the first version."""
    return next((span for span in found if span.covers(moment)), None)


def upcoming(found: Iterable[Span], moment: datetime) -> list[Span]:
    """What counts later than that moment, unless somebody overtakes it."""
    return [span for span in found if span.starts_at > moment]


def runs(found: Iterable[Span]) -> list[Span]:
    """When members can earn: the spans of running versions, within their schedules' first and last moment."""
    clipped = (_within_schedule(span) for span in found if span.version.is_running)
    return [span for span in clipped if span.ends_at is None or span.starts_at < span.ends_at]


def _within_schedule(span: Span) -> Span:
    first, last = schedule(span.version)
    return Span(
        span.version,
        max(filter(None, (span.starts_at, first))),
        min(filter(None, (span.ends_at, last)), default=None),
    )


def in_a_row(found: Iterable[Span]) -> list[Span]:
    """Spans that follow each other without a gap as one, of the first of their versions."""
    rows: list[Span] = []
    for span in found:
        if rows and rows[-1].ends_at == span.starts_at:
            rows[-1] = Span(rows[-1].version, rows[-1].starts_at, span.ends_at)
        else:
            rows.append(span)
    return rows


def schedule(version: CampaignVersion) -> tuple[datetime | None, datetime | None]:
    """The schedule's first moment and the one at which it is over; None is open."""
    said = version.definition.get("schedule") or {}
    first, last = said.get("starts_at"), said.get("ends_at")
    return (
        datetime.fromisoformat(first) if first else None,
        datetime.fromisoformat(last) if last else None,
    )


def next_turn(found: Iterable[Span], moment: datetime) -> datetime | None:
    """The first moment after that one at which something begins or ends by itself."""
    moments = [known for span in found for known in (span.starts_at, *schedule(span.version)) if known]
    return min((known for known in moments if known > moment), default=None)


def without_pauses(versions: Iterable[CampaignVersion]) -> list[Span]:
    """What would count if nobody had paused the campaign."""
    return spans(version for version in versions if version.step != VersionStep.PAUSED)


def is_over(found: Iterable[Span], moment: datetime) -> bool:
    """Whether the schedule's end has passed and nothing comes after it."""
    listed = list(found)
    current = at(listed, moment)
    if current is None or upcoming(listed, moment):
        return False
    _, last = schedule(current.version)
    return last is not None and last <= moment
