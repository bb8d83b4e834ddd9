"""What runs when: the campaigns of a program on the days of a month or a quarter."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models.fields.json import KT, KeyTransform
from django.utils.translation import ngettext

from loyalty.core.models import Program
from rewards.engine import phrases, schedule
from rewards.engine.catalogue import WEEKDAYS
from rewards.engine.problems import Place
from rewards.engine.schedule import Schedule
from rewards.models import UNDER_WAY, Campaign, CampaignStatus, CampaignVersion
from rewards.planning import spans

PLANNED: Final = (CampaignStatus.IN_REVIEW, CampaignStatus.APPROVED)
PUBLISHED: Final = (*UNDER_WAY, CampaignStatus.ENDED)


@dataclass(frozen=True, slots=True)
class Block:
    """Days in a row, counted from the first day shown; `ends` is exclusive."""

    begins: int
    ends: int

    @property
    def column(self) -> str:
        """As CSS counts the lines of a grid."""
        return f"{self.begins + 1} / {self.ends + 1}"


@dataclass(frozen=True, slots=True)
class Lane:
    """
    One campaign: `reaches` from its start to its end, and the `days` of that on which it gives anything.

    `begins_at` and `ends_at` are those of its runs, which may lie outside of what is shown.
    """

    campaign: Campaign
    reaches: list[Block]
    days: list[Block]
    begins_at: datetime
    ends_at: datetime | None
    rhythm: str
    has_hours: bool

    def covers(self, day: int) -> bool:
        return any(block.begins <= day < block.ends for block in self.days)


@dataclass(frozen=True, slots=True)
class Agenda:
    """The lanes of the days from `first` up to `last`, which is exclusive."""

    first: date
    last: date
    lanes: list[Lane] = field(default_factory=list)

    def at_once(self) -> list[int]:
        """How many campaigns run on each day."""
        changes = [0] * ((self.last - self.first).days + 1)
        for lane in self.lanes:
            for block in lane.days:
                changes[block.begins] += 1
                changes[block.ends] -= 1
        running, counts = 0, []
        for change in changes[:-1]:
            running += change
            counts.append(running)
        return counts


def of(program: Program, *, first: date, last: date, at: datetime) -> Agenda:
    """
    The published campaigns, and those that are on their way and know when they start; two queries.

    They are in the order in which they start.
    """
    zone = ZoneInfo(program.time_zone)
    found = [*_published(program), *_planned(program, at=at)]
    lanes = [lane for campaign, runs in found if (lane := _lane(campaign, runs, first, last, zone))]
    lanes.sort(key=lambda lane: (lane.begins_at, lane.campaign.name, lane.campaign.key))
    return Agenda(first, last, lanes)


def _published(program: Program) -> Iterator[tuple[Campaign, list[spans.Span]]]:
    """Of each definition only what says when is read."""
    rows = (
        CampaignVersion.objects.filter(program=program, campaign__status__in=PUBLISHED)
        .select_related("campaign")
        .defer("definition", "campaign__draft", "campaign__description")
        .annotate(when=KeyTransform("schedule", "definition"), if_=KeyTransform("conditions", "definition"))
        .order_by("campaign_id", "number")
    )
    for _, versions in groupby(rows, key=lambda version: version.campaign_id):
        history = list(versions)
        for version in history:
            version.definition = {"schedule": version.when, "conditions": version.if_}
        yield history[0].campaign, spans.runs(spans.spans(history))


def _planned(program: Program, *, at: datetime) -> Iterator[tuple[Campaign, list[spans.Span]]]:
    """What nobody has published yet, as it would run if somebody did."""
    rows = Campaign.objects.filter(program=program, status__in=PLANNED)
    for campaign in rows.annotate(starts=KT("draft__schedule__starts_at")).filter(starts__isnull=False):
        version = CampaignVersion(number=1, effective_at=at, definition=campaign.draft)
        yield campaign, spans.runs(spans.spans([version]))


def _lane(campaign: Campaign, runs: list[spans.Span], first: date, last: date, zone: ZoneInfo) -> Lane | None:
    shown = [(run, block) for run in runs if (block := _block(run, first, last, zone))]
    if not shown:
        return None
    definition = shown[-1][0].version.definition
    days = [day for run, block in shown for day in _days(run.version.definition, block, first)]
    rhythm = _rhythm(definition)
    said = phrases.of_recurrence(rhythm)
    return Lane(
        campaign=campaign,
        reaches=_joined(range(block.begins, block.ends) for _, block in shown),
        days=_joined([days]),
        begins_at=runs[0].starts_at,
        ends_at=runs[-1].ends_at,
        rhythm=said.text(ngettext) if said else "",
        has_hours=bool(rhythm.hours),
    )


def _block(run: spans.Span, first: date, last: date, zone: ZoneInfo) -> Block | None:
    """The days on which it runs for a while at least, as far as they are shown."""
    begins = (run.starts_at.astimezone(zone).date() - first).days
    ends = (last - first).days
    if run.ends_at is not None:
        until = run.ends_at.astimezone(zone)
        ends = (until.date() - first).days + (until.time() > time.min)
    begins, ends = max(begins, 0), min(ends, (last - first).days)
    return Block(begins, ends) if begins < ends else None


def _days(definition: Mapping[str, Any], block: Block, first: date) -> Iterator[int]:
    rhythm = _rhythm(definition)
    for number in range(block.begins, block.ends):
        if _falls_on(first + timedelta(days=number), rhythm):
            yield number


def _rhythm(definition: Mapping[str, Any]) -> Schedule:
    """The schedule; a condition on weekdays that always has to hold counts like one of its own."""
    raw = dict(definition.get("schedule") or {})
    tree = definition.get("conditions") or {}
    for leaf in tree.get("all") or [tree]:
        if leaf.get("fact") == "moment.weekday" and leaf.get("operator") in ("in", "eq"):
            value = leaf["value"]
            raw["weekdays"] = raw.get("weekdays") or (value if isinstance(value, list) else [value])
    return schedule.parse(raw, Place())


def _falls_on(day: date, rhythm: Schedule) -> bool:
    """Whether it runs at any hour of that day."""
    return (
        (not rhythm.weekdays or WEEKDAYS[day.weekday()] in rhythm.weekdays)
        and (not rhythm.month_days or rhythm.has_day(day))
        and (not rhythm.seasons or any(season.has(f"{day:%m-%d}") for season in rhythm.seasons))
    )


def _joined(days: Iterable[Iterable[int]]) -> list[Block]:
    """Days as blocks of days in a row."""
    blocks: list[Block] = []
    for day in sorted({day for some in days for day in some}):
        if blocks and blocks[-1].ends == day:
            blocks[-1] = Block(blocks[-1].begins, day + 1)
        else:
            blocks.append(Block(day, day + 1))
    return blocks
