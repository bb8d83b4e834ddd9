"""Campaigns as those see them who do not make them: what was published, in words, and what is left of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from loyalty.core.errors import NotFound
from loyalty.core.models import Program
from rewards.deciding import budgets, rules
from rewards.engine import definition as engine
from rewards.engine import sentence
from rewards.engine.definition import Definition
from rewards.engine.problems import InvalidDefinition
from rewards.models import NEVER_PUBLISHED, Campaign, CampaignVersion
from rewards.telling import vocabulary


@dataclass(frozen=True, slots=True)
class Published:
    """
    A campaign with the version that is in force, or the first one if its time has not come.

    `rule` is None and `text` empty if the version can no longer be read: then nobody earns by it.
    """

    campaign: Campaign
    version: CampaignVersion
    rule: Definition | None
    text: str
    budgets: tuple[budgets.Standing, ...]

    def runs(self, at: datetime) -> bool:
        """Whether members can earn by it, on its days and hours."""
        version = self.version
        if self.rule is None or not version.is_running or version.effective_at > at:
            return False
        return _has_begun_and_not_ended(self.rule, at)


def _has_begun_and_not_ended(rule: Definition, at: datetime) -> bool:
    has_begun = rule.starts_at is None or rule.starts_at <= at
    return has_begun and (rule.ends_at is None or at < rule.ends_at)


def campaigns(program: Program, *, at: datetime) -> QuerySet[Campaign]:
    """What was ever published and not taken back; `shown` is the id of the version to look at."""
    own = CampaignVersion.objects.filter(campaign=OuterRef("pk"))
    in_force = own.filter(effective_at__lte=at).order_by("-number").values("pk")[:1]
    first = own.order_by("effective_at", "-number").values("pk")[:1]
    rows = Campaign.objects.of(program).exclude(status__in=NEVER_PUBLISHED)
    return rows.annotate(shown=Coalesce(Subquery(in_force), Subquery(first))).filter(shown__isnull=False)


def triggered_by(rows: QuerySet[Campaign], kind: str) -> QuerySet[Campaign]:
    """Those of `campaigns()` that listen to that kind of thing."""
    shown = CampaignVersion.objects.filter(pk=OuterRef("shown"), definition__trigger__kind=kind)
    return rows.filter(Exists(shown))


def running_at(rows: QuerySet[Campaign], moment: datetime, *, program: Program) -> QuerySet[Campaign]:
    """Those by which members could earn at that moment, on their days and hours."""
    book = rules.of(program).in_force(moment)
    return rows.filter(key__in=[one.key for one in book if _has_begun_and_not_ended(one.definition, moment)])


def find(program: Program, key: str, *, at: datetime) -> Campaign:
    """
    One of `campaigns()` by its key.

    :raises NotFound: if there is none
    """
    found = campaigns(program, at=at).filter(key=key).first()
    if found is None:
        raise NotFound(_("There is no campaign “{key}”.").format(key=key))
    return found


def told(found: Iterable[Campaign], *, program: Program) -> list[Published]:
    """
    What is to be said of some of `campaigns()`.

    Two queries for all of them, and one for each kind of thing that they name.
    """
    rows = list(found)
    shown: dict[UUID, UUID] = {row.pk: row.shown for row in rows}  # type: ignore[attr-defined]  # annotated
    versions = CampaignVersion.objects.of(program).in_bulk(list(shown.values()))
    read = {row.pk: _read(versions[shown[row.pk]].definition) for row in rows}
    zone = ZoneInfo(program.time_zone)
    said = {
        campaign_id: sentence.told(rule, currency=program.currency, rounding=program.rounding, zone=zone)
        for campaign_id, rule in read.items()
        if rule is not None
    }
    vocabulary.named(program, chain.from_iterable(reason.keys() for reason in said.values()))
    texts = {key: vocabulary.spoken(reason, program=program) for key, reason in said.items()}
    left = budgets.standing(rows) if rows else {}
    return [
        Published(row, versions[shown[row.pk]], read[row.pk], texts.get(row.pk, ""), left.get(row.pk, ()))
        for row in rows
    ]


def _read(definition: dict[str, Any]) -> Definition | None:
    try:
        return engine.parse(definition)
    except InvalidDefinition:
        return None
