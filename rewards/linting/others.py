"""How a campaign and the others that run go together."""

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from rewards.engine.definition import Definition
from rewards.engine.effects import Multiplier
from rewards.engine.evaluate import CompiledCampaign
from rewards.engine.gifts import GiftEffect
from rewards.linting.case import ERROR, INFO, NAMED_AT_MOST, WARNING, Case, Hint
from rewards.planning.contradictions import are_disjoint


def overlaps(case: Case) -> Iterator[Hint]:
    found = [one for one in case.listening() if may_meet(case.rule, one.definition)]
    for one in found[:NAMED_AT_MOST]:
        yield Hint(
            code="overlaps",
            severity=INFO,
            pointer="#/stacking",
            text=_("“%(name)s” may give for the same activity.") % {"name": one.name},
            advice=_stacked(case.rule, one),
        )
    if (more := len(found) - NAMED_AT_MOST) > 0:
        yield Hint(
            code="overlaps",
            severity=INFO,
            pointer="#/stacking",
            text=ngettext(
                "One more running campaign may as well.", "%(n)d more running campaigns may as well.", more
            )
            % {"n": more},
            advice=_("Try it out on a sale to see what they give together."),
        )


def may_meet(rule: Definition, other: Definition) -> bool:
    """Whether one activity could meet both, as far as that can be said beforehand."""
    starts, ends = (rule.starts_at, other.starts_at), (rule.ends_at, other.ends_at)
    start = max((one for one in starts if one), default=None)
    end = min((one for one in ends if one), default=None)
    if start is not None and end is not None and start >= end:
        return False
    days, other_days = rule.schedule.weekdays, other.schedule.weekdays
    if days and other_days and days.isdisjoint(other_days):
        return False
    tiers, other_tiers = rule.audience.tiers, other.audience.tiers
    if tiers and other_tiers and tiers.isdisjoint(other_tiers):
        return False
    wanted, other_wanted = rule.trigger.wanted, other.trigger.wanted
    if wanted and other_wanted and wanted.isdisjoint(other_wanted):
        return False
    return not are_disjoint(rule.conditions, other.conditions)


def _stacked(rule: Definition, other: CompiledCampaign) -> str:
    group = rule.stacking.group
    if group and group == other.definition.stacking.group:
        if rule.stacking.chooses_first:
            return _("They are of one group: the one with the higher priority gives.")
        return _("They are of one group: the one that gives more points gives.")
    if any(
        isinstance(effect, Multiplier) and (not effect.of or other.key in effect.of)
        for effect in rule.effects
    ):
        return _("Both give; what this one multiplies are the base points.")
    return _("Both give. Put them into one group if only one should.")


def groups(case: Case) -> Iterator[Hint]:
    own = case.rule.stacking
    for one in case.others:
        other = one.definition.stacking
        if own.group and other.group == own.group and other.chooses_first != own.chooses_first:
            yield Hint(
                code="group_chooses_differently",
                severity=WARNING,
                pointer="#/stacking/choose",
                text=_("“%(name)s” of the same group chooses in another way.") % {"name": one.name},
                advice=_("Choose best or first in all campaigns of the group; the first of them decides."),
            )
            return


def multipliers(case: Case) -> Iterator[Hint]:
    keys = {one.key for one in case.others}
    for place, effect in enumerate(case.rule.effects):
        if not isinstance(effect, Multiplier):
            continue
        pointer = case.effect(place)
        if missing := sorted(effect.of - keys):
            yield Hint(
                code="multiplies_what_does_not_run",
                severity=WARNING,
                pointer=f"{pointer}/of",
                text=_("It multiplies “%(key)s”, which does not run.") % {"key": missing[0]},
                advice=_("Start that campaign as well, or multiply all base points."),
            )
        elif not effect.of and not _has_base(case, effect.wallet_type):
            yield Hint(
                code="multiplies_nothing",
                severity=ERROR,
                pointer=pointer,
                text=_("No running campaign gives base points that it could multiply."),
                advice=_("Points per amount are base points: start such a campaign, or give them here too."),
            )


def _has_base(case: Case, wallet_type: str) -> bool:
    effects = [*case.rule.effects, *(e for one in case.listening() for e in one.definition.effects)]
    return any(
        effect.is_base and effect.wallet_type == wallet_type
        for effect in effects
        if not isinstance(effect, GiftEffect)
    )
