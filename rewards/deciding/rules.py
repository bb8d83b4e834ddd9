"""The campaign versions of a program, compiled once per process and kept until they change."""

from bisect import bisect_right
from collections.abc import Collection, Mapping
from datetime import datetime
from itertools import groupby
from typing import Final
from uuid import UUID

import structlog

from loyalty.core.models import Program
from rewards.engine.evaluate import CompiledCampaign, Rulebook, compile_campaign
from rewards.engine.gifts import GiftEffect
from rewards.engine.problems import InvalidDefinition
from rewards.models import CampaignBudget, CampaignVersion

log = structlog.get_logger(__name__)


class Rules:
    """
    What is in force when.

    Between two moments at which any version takes effect, the same campaigns are in force: they are
    put together once per such span.
    """

    def __init__(
        self,
        histories: list[list[tuple[datetime, CompiledCampaign | None]]],
        *,
        campaign_ids: Mapping[str, UUID] | None = None,
        budgets: Collection[CampaignBudget] = (),
    ) -> None:
        self.campaign_ids = campaign_ids or {}
        self.budgets = {(budget.campaign_id, budget.unit): budget.pk for budget in budgets}
        """By campaign and unit: the budget that sales draw from."""
        self.empty_budgets = frozenset(budget.pk for budget in budgets if budget.is_empty)
        self._histories = histories
        self._changes = sorted({effective_at for history in histories for effective_at, _ in history})
        self._spans: dict[int, Rulebook] = {}
        self.awaited_events = frozenset(
            effect.pending.event_type
            for history in histories
            for _, campaign in history
            if campaign
            for effect in campaign.definition.effects
            if not isinstance(effect, GiftEffect) and effect.pending and effect.pending.event_type
        )
        """Types of events that points of any version, old or new, wait for."""

        self.looks_back = any(
            campaign.definition.history for history in histories for _, campaign in history if campaign
        )
        """Whether any version asks what members bought before: then no two sales may miss each other."""

    def in_force(self, at: datetime) -> Rulebook:
        """The versions that are running at that moment."""
        span = bisect_right(self._changes, at)
        if span not in self._spans:
            versions = (_version_at(history, at) for history in self._histories)
            self._spans[span] = Rulebook(version for version in versions if version)
        return self._spans[span]


def _version_at(
    history: list[tuple[datetime, CompiledCampaign | None]], at: datetime
) -> CompiledCampaign | None:
    """The newest version whose time has come: what was scheduled before it was overtaken counts no more."""
    return next((campaign for effective_at, campaign in reversed(history) if effective_at <= at), None)


_KEPT: Final[dict[UUID, tuple[int, Rules]]] = {}


def of(program: Program) -> Rules:
    """The program's rules; from memory unless its `rules_revision` has moved."""
    kept = _KEPT.get(program.pk)
    if kept and kept[0] == program.rules_revision:
        return kept[1]
    rules = _load(program)
    _KEPT[program.pk] = (program.rules_revision, rules)
    return rules


def _load(program: Program) -> Rules:
    versions = (
        CampaignVersion.objects.filter(program=program)
        .select_related("campaign")
        .order_by("campaign__key", "number")
    )
    by_campaign = [list(group) for _, group in groupby(versions, key=lambda version: version.campaign_id)]
    has_limits = any(version.definition.get("limits") for history in by_campaign for version in history)
    return Rules(
        [[(version.effective_at, _compiled(version)) for version in history] for history in by_campaign],
        campaign_ids={history[0].campaign.key: history[0].campaign_id for history in by_campaign},
        budgets=list(CampaignBudget.objects.filter(program=program)) if has_limits else (),
    )


def _compiled(version: CampaignVersion) -> CompiledCampaign | None:
    """
    A version that is not running stands in the history as None: it ends what ran before it.

    One that can no longer be read does too, loudly: it may not keep tills from booking sales by all the
    other campaigns.
    """
    if not version.is_running:
        return None
    try:
        return compile_campaign(
            version_id=version.pk,
            campaign_key=version.campaign.key,
            name=version.campaign.name,
            definition=version.definition,
        )
    except InvalidDefinition as invalid:
        log.error(
            "campaign.unreadable",
            program=str(version.program_id),
            campaign=version.campaign.key,
            version=version.number,
            problems=[str(problem) for problem in invalid.problems],
        )
        return None
