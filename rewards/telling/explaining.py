"""Why an activity gave what it gave, told again from what was stored with it."""

from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from django.utils.translation import gettext as _

from loyalty.core.errors import NotFound
from loyalty.core.models import Program
from members.references import MemberReference
from rewards.deciding import rules
from rewards.deciding.activities import CustomEvent, Line, Money, Sale
from rewards.deciding.awarding import activity_facts
from rewards.deciding.limiting import read_usage
from rewards.deciding.recorded import told_awards, told_gifts, told_messages
from rewards.engine.evaluate import Award, evaluate
from rewards.engine.explain import Verdict, explain
from rewards.engine.facts import Facts, MemberFacts, Moment
from rewards.models import Activity, ActivityKind
from rewards.models.activity import TAKES_BACK
from rewards.telling import vocabulary


def facts_of(activity: Activity, program: Program) -> Facts:
    """What the engine saw when the activity was booked."""
    reported = _reported(activity, program)
    return Facts(
        activity=activity_facts(reported, activity.source),
        member=MemberFacts.from_json(activity.facts["member"]),
        moment=Moment(local=activity.occurred_at.astimezone(ZoneInfo(activity.facts["time_zone"]))),
    )


def _reported(activity: Activity, program: Program) -> Sale | CustomEvent:
    member = MemberReference(kind="id", value=str(activity.member_id))
    if activity.kind == ActivityKind.EVENT:
        return CustomEvent(
            external_id=activity.external_id,
            occurred_at=activity.occurred_at,
            type=activity.event_type,
            member=member,
            attributes=activity.attributes,
        )
    return Sale(
        external_id=activity.external_id,
        occurred_at=activity.occurred_at,
        member=member,
        amount=Money(amount=str(activity.amount), currency=program.currency),
        store=activity.store,
        lines=msgspec.convert(activity.lines, tuple[Line, ...]),
        attributes=activity.attributes,
    )


def verdicts(activity: Activity, *, program: Program) -> tuple[Verdict, ...]:
    """
    Every campaign that was in force when it happened: what it gave, or what was lacking.

    Nothing of a return, and nothing if what was decided from has been forgotten with the member.
    """
    if activity.kind in TAKES_BACK or "forgotten" in activity.facts:
        return ()
    campaigns = rules.of(program).in_force(activity.occurred_at)
    return explain(
        campaigns,
        facts_of(activity, program),
        rounding=activity.facts["rounding"],
        usage=read_usage(activity.facts),
    )


def recomputed(activity: Activity, *, program: Program) -> tuple[Award, ...]:
    """The awards that the frozen versions give for the stored facts: the same as were booked."""
    campaigns = rules.of(program).in_force(activity.occurred_at)
    return evaluate(
        campaigns,
        facts_of(activity, program),
        rounding=activity.facts["rounding"],
        usage=read_usage(activity.facts),
    )


def find(program: Program, transaction_id: UUID) -> Activity:
    """
    A sale or return with what it was corrected by, and what it corrects.

    :raises NotFound: if the program has none by that id
    """
    known = Activity.objects.of(program).transactions().select_related("undoing", "replaces")
    try:
        return known.get(pk=transaction_id)
    except Activity.DoesNotExist:
        raise NotFound(_("There is no transaction {id}.").format(id=transaction_id)) from None


def status_of(activity: Activity) -> Literal["booked", "cancelled", "corrected"]:
    """Whether it holds, or was a mistake that was put right."""
    if activity.kind != ActivityKind.UNDONE:
        return "booked"
    return "corrected" if activity.undoing.replacement_id else "cancelled"


def told(activity: Activity, *, program: Program) -> dict[str, Any]:
    """The activity as the API shows it, with the reasons."""
    plain: dict[str, Any] = msgspec.to_builtins(_told(activity, program))
    return plain


def _told(activity: Activity, program: Program) -> dict[str, Any]:
    return {
        "id": activity.pk,
        "kind": "sale" if activity.kind == ActivityKind.UNDONE else activity.kind,
        "status": status_of(activity),
        "corrected_by": activity.undoing.replacement_id if activity.kind == ActivityKind.UNDONE else None,
        "corrects": activity.replaces.sale_id if hasattr(activity, "replaces") else None,
        "source": activity.source,
        "lines": activity.lines,
        "attributes": activity.attributes,
        "external_id": activity.external_id,
        "member_id": activity.member_id,
        "occurred_at": activity.occurred_at,
        "recorded_at": activity.recorded_at,
        "points": activity.points,
        "awards": told_awards(activity.awards),
        "wallets": activity.outcome["wallets"],
        "tier": activity.outcome["tier"],
        "messages": told_messages(activity.outcome.get("gifts", ())),
        "gifts": told_gifts(activity.outcome.get("gifts", ())),
        **({"returned": activity.outcome["returned"]} if "returned" in activity.outcome else {}),
        "amount": {"amount": str(activity.amount), "currency": program.currency},
        "store": activity.store,
        "verdicts": [
            told_verdict(verdict, program=program) for verdict in verdicts(activity, program=program)
        ],
    }


def told_verdict(verdict: Verdict, *, program: Program) -> dict[str, Any]:
    """What a campaign gave or lacked, as partners are told."""
    return {
        "campaign": verdict.campaign_key,
        "name": verdict.name,
        "matched": verdict.has_matched,
        "points": sum(award.points for award in verdict.awards),
        "reasons": [vocabulary.spoken(reason, program=program) for reason in verdict.reasons],
    }
