"""Campaigns: what the file says becomes their draft, or a new version of theirs."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from django.db import models
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from loyalty.core.models import Program, User
from rewards.blueprint.columns import Column, Values, without_nothing
from rewards.blueprint.faults import Faults
from rewards.blueprint.reading import Node
from rewards.blueprint.section import Read, Section
from rewards.engine import definition as engine
from rewards.models import NEVER_PUBLISHED, OVER, Campaign, CampaignStatus, CampaignVersion
from rewards.planning import campaigns

_TRIGGER: Final = {"tiers": "tiers", "segments": "segments", "challenges": "challenges"}
_AUDIENCE: Final = {"tiers": "tiers", "segments": "segments", "not_segments": "segments"}
_EFFECT: Final = {"reward": "rewards", "badge": "badges", "challenge": "challenges", "draw": "draws"}
_FACTS: Final = {"member.tier": "tiers", "member.segments": "segments"}
_FIRST: Final = (
    *("trigger", "audience", "conditions", "effects", "limits", "stacking", "schedule"),
    *("kind", "key", "name", "percent", "event_type", "fact", "days", "operator", "value", "times"),
    *("wallet_type", "points", "per", "money", "factor", "of", "lines", "from", "until"),
)
"""Keys of a definition that come first, wherever they stand; others follow by the alphabet."""
_PLACES: Final = {key: place for place, key in enumerate(_FIRST)}


class DefinitionColumn(Column):
    """The rule: the draft or, as long as that is not complete, what was published last."""

    def of(self, row: Any) -> Any:
        return in_order(without_nothing(rule_of(row)))

    @property
    def usual(self) -> Any:
        return {}

    @property
    def is_needed(self) -> bool:
        return True

    def read(self, node: Node, faults: Faults) -> Any:
        return in_order(super().read(node, faults))


def rule_of(campaign: Any) -> Any:
    """`campaign` as `Campaigns.rows()` gives it."""
    return campaign.draft if not engine.problems(campaign.draft) else campaign.published


def in_order(value: Any) -> Any:
    """JSON with its keys as a reader expects them: the database keeps no order."""
    if isinstance(value, Mapping):
        keys = sorted(value, key=lambda key: (_PLACES.get(key, len(_PLACES)), key))
        return {key: in_order(value[key]) for key in keys}
    return [in_order(child) for child in value] if isinstance(value, list) else value


class Campaigns(Section):
    """Without those that are over, and without drafts that nobody has finished or published."""

    key = "campaigns"
    label = _("Campaign")
    model = Campaign
    columns = ("name", "description", "definition")
    attributes = {"definition": "draft"}
    kinds = {"definition": DefinitionColumn}
    stays = _("It goes on as it is.")
    retires = _("It ends, for good.")

    def rows(self, program: Program) -> models.QuerySet[Any]:
        newest = CampaignVersion.objects.filter(campaign=models.OuterRef("pk")).order_by("-number")
        return (
            Campaign.objects.filter(program=program)
            .exclude(status__in=OVER)
            .annotate(published=models.Subquery(newest.values("definition")[:1]))
        )

    def there(self, program: Program) -> dict[str, Any]:
        return {key: row for key, row in super().there(program).items() if rule_of(row) is not None}

    def check(self, key: str, read: Read, before: Values | None, program: Program, faults: Faults) -> None:
        super().check(key, read, before, program, faults)
        at = read.node
        if before is None and Campaign.objects.filter(program=program, key=key, status__in=OVER).exists():
            faults.add(
                at.line, at.path, _now("There was such a campaign, and it has ended: choose another key.")
            )
        is_other = before is not None and before["definition"] != read.values["definition"]
        if (
            is_other
            and Campaign.objects.filter(program=program, key=key, status=CampaignStatus.IN_REVIEW).exists()
        ):
            faults.add(at.line, at.path, _now("Somebody is reviewing it, so it stays as it is until then."))
        for problem in engine.problems(read.values["definition"]):
            at = read.node.below("#/definition").below(problem.pointer)
            faults.add(at.line, at.path, problem.text())

    def references(self, read: Read) -> Iterator[tuple[Node, str, str]]:
        rule = read.node.below("#/definition")
        for pointer, section, key in references(read.values["definition"]):
            yield rule.below(pointer), section, key

    def retire(self, row: Any, *, by: User, at: datetime) -> None:
        if row.published is not None:
            campaigns.end(row, by=by, at=at)

    def is_over(self, row: Any) -> bool:
        """A draft that never ran has nothing to end."""
        return row.published is None


def is_published(campaign: Any, definition: Any) -> bool:
    """Whether members earn by that definition, or will."""
    published = campaign.published
    return (
        campaign.status not in NEVER_PUBLISHED
        and published is not None
        and without_nothing(published) == without_nothing(definition)
    )


def references(rule: Any) -> Iterator[tuple[str, str, str]]:
    """What a definition names, wherever it is well formed: the pointer, the section and the key."""
    if not isinstance(rule, Mapping):
        return
    yield from _listed(rule.get("trigger"), "#/trigger", _TRIGGER)
    audience = rule.get("audience")
    yield from _listed(audience, "#/audience", _AUDIENCE)
    yield from of_conditions(rule.get("conditions"), "#/conditions")
    yield from _of_effects(rule.get("effects"), "#/effects")
    variants = audience.get("variants") if isinstance(audience, Mapping) else None
    for number, variant in enumerate(variants if isinstance(variants, list) else []):
        if isinstance(variant, Mapping):
            yield from _of_effects(variant.get("effects"), f"#/audience/variants/{number}/effects")


def _listed(found: Any, pointer: str, sections: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for name, section in sections.items():
        keys = found.get(name) if isinstance(found, Mapping) else None
        for number, key in enumerate(keys if isinstance(keys, list) else []):
            if isinstance(key, str):
                yield f"{pointer}/{name}/{number}", section, key


def _of_effects(effects: Any, pointer: str) -> Iterator[tuple[str, str, str]]:
    for number, effect in enumerate(effects if isinstance(effects, list) else []):
        if isinstance(effect, Mapping):
            at = f"{pointer}/{number}"
            for name, section in _EFFECT.items():
                if isinstance(effect.get(name), str):
                    yield f"{at}/{name}", section, effect[name]
            if isinstance(effect.get("wallet_type"), str):
                yield f"{at}/wallet_type", "wallet_types", effect["wallet_type"]
            yield from _listed(effect, at, {"of": "campaigns"})


def of_conditions(tree: Any, pointer: str) -> Iterator[tuple[str, str, str]]:
    """What a tree of conditions names."""
    if not isinstance(tree, Mapping):
        return
    if section := _FACTS.get(str(tree.get("fact"))):
        value, at = tree.get("value"), f"{pointer}/value"
        if isinstance(value, str):
            yield at, section, value
        elif isinstance(value, list):
            yield from ((f"{at}/{n}", section, key) for n, key in enumerate(value) if isinstance(key, str))
    for kind in ("all", "any", "none"):
        children = tree.get(kind)
        for number, child in enumerate(children if isinstance(children, list) else []):
            yield from of_conditions(child, f"{pointer}/{kind}/{number}")
