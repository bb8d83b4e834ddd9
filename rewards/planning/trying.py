"""Trying rules out on one activity, made up or real: what each campaign says of it. Nothing is written."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from msgspec import Struct

from loyalty.core.models import Program
from members import terms
from members.finance import estimates
from members.models import Member
from members.references import MemberReference
from rewards.deciding import budgets, histories, loading, rules
from rewards.deciding.activities import CustomEvent, Money, Sale
from rewards.deciding.awarding import Asked, Context, member_facts
from rewards.deciding.loading import Need
from rewards.engine.evaluate import Rulebook, compile_campaign
from rewards.engine.explain import Verdict, explain
from rewards.engine.facts import ActivityFacts, Facts, MemberFacts, Moment
from rewards.engine.limits import Usage
from rewards.engine.problems import InvalidDefinition
from rewards.models import Campaign, CampaignCount


class Judged(Struct, frozen=True):
    """What came of it: points by kind, and the verdict of each campaign, those that give something first."""

    points: Mapping[str, int]
    verdicts: tuple[Verdict, ...]
    facts: Facts


def rulebook(program: Program, *, at: datetime, campaign: Campaign | None = None) -> Rulebook:
    """The rules in force at a moment; a campaign's draft, if it can be run, takes its version's place."""
    found = [one for one in rules.of(program).in_force(at) if campaign is None or one.key != campaign.key]
    if campaign is not None:
        try:
            found.append(
                compile_campaign(
                    version_id=campaign.pk,
                    campaign_key=campaign.key,
                    name=campaign.name,
                    definition=campaign.draft,
                )
            )
        except InvalidDefinition:
            return rules.of(program).in_force(at)
    return Rulebook(found)


def person(
    member: Member, activity: ActivityFacts, *, moment: datetime, program: Program, book: Rulebook
) -> MemberFacts | None:
    """
    The member as they are now, with all that the rules ask of them; None if they are nobody any more.

    Their purchases are those before the moment.
    """
    asks = book.asks(activity.kind, activity.event_type)
    known = terms.of(program)
    context = Context(program=program, terms=known, source="", actor="system:try_out", at=moment)
    local = moment.astimezone(known.zone)
    need = Need(segments=asks.segments, history=asks.history, windows=histories.windows(asks.history, local))
    (found,) = loading.find([_reported(member, activity, moment, program)], [need], context)
    if found.account is None:
        return None
    history = histories.facts(found.past, asks.history, known.zone)
    return member_facts(found.account, context, Asked(segments=found.segments, history=history))


def _reported(
    member: Member, activity: ActivityFacts, moment: datetime, program: Program
) -> Sale | CustomEvent:
    """Something that was never reported, for finding what a report of it would be decided by."""
    reference = MemberReference(kind="id", value=str(member.pk))
    if activity.kind == "event":
        return CustomEvent(
            external_id=str(uuid4()), occurred_at=moment, type=activity.event_type, member=reference
        )
    amount = Money(amount=str(activity.amount), currency=program.currency)
    return Sale(external_id=str(uuid4()), occurred_at=moment, member=reference, amount=amount)


def used_by(member: Member | None, facts: Facts, *, program: Program, book: Rulebook) -> Usage:
    """What limits have left now: for a member who is real, of what they had; of budgets in any case."""
    limited = book.asks(facts.activity.kind, facts.activity.event_type).limited
    if not limited:
        return Usage()
    ids = rules.of(program).campaign_ids
    by_id = {ids[one.key]: one for one in limited if one.key in ids}
    counters: dict[str, tuple[int, int]] = {}
    if member is not None:
        counts = CampaignCount.objects.filter(program=program, member=member, campaign__in=by_id)
        for campaign_id, period, times, points in counts.values_list("campaign", "period", "times", "points"):
            counters[f"{by_id[campaign_id].key}/{period}"] = (times, points)
    left: dict[str, int | Decimal] = {
        f"{by_id[campaign_id].key}/{one.unit}": one.left if one.unit == "money" else int(one.left)
        for campaign_id, standings in budgets.standing(by_id).items()
        for one in standings
    }
    known = estimates.of(program)
    prices = {kind.key: known.cost(kind.id, on=facts.moment.local.date()) for kind in known.kinds}
    return Usage(counters, left, prices)


def judge(facts: Facts, *, program: Program, book: Rulebook, usage: Usage, draft: str = "") -> Judged:
    """What each campaign says; `draft` is the key of the one that comes first whatever it says."""
    verdicts = explain(book, facts, rounding=program.rounding, usage=usage)
    points: dict[str, int] = {}
    for verdict in verdicts:
        for award in verdict.awards:
            points[award.wallet_type] = points.get(award.wallet_type, 0) + award.points
    ordered = sorted(
        verdicts,
        key=lambda one: (one.campaign_key != draft, not (one.awards or one.gifts), not one.has_matched),
    )
    return Judged(points, tuple(ordered), facts)


def facts_of(activity: ActivityFacts, member: MemberFacts, *, local: datetime) -> Facts:
    """What the engine is told of something that is made up."""
    return Facts(activity=activity, member=member, moment=Moment(local=local))


def history_of(asked: frozenset[str], *, purchases: int, spend: Decimal, last: str | None) -> dict[str, Any]:
    """A made-up past: so many purchases for so much in whatever time is asked for, the last on that day."""
    known: dict[str, Any] = {"last": last, "first": last is None}
    for name in asked:
        what, _, days = name.partition(":")
        if days:
            known[name] = purchases if what == "purchases" else str(spend)
    return {name: known[name] for name in asked}
