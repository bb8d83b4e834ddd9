"""What an activity earned and why, in words: from what was booked with it."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from loyalty.core.models import Program
from members.models import Entry, EntryKind, Hold, WalletType
from rewards.engine import explain
from rewards.engine.explain import Verdict
from rewards.engine.problems import InvalidDefinition
from rewards.engine.reasons import Reason
from rewards.models import Activity, ActivityKind, Campaign, Redemption, Reward
from rewards.telling import explaining, vocabulary

_CAUSE: Final = re.compile(r"(?:sale|return|event):([0-9a-f-]{36}):")
_HOLD: Final = re.compile(r"hold:([0-9a-f-]{36}):")
_REWARD: Final = "reward:"
_REDEMPTION: Final = "redemption:"


@dataclass(frozen=True, slots=True)
class ShownAward:
    """Points that a campaign gave, and its words for it."""

    campaign: str
    points: int
    wallet_type: str
    reason: str


def awards(activities: Iterable[Activity]) -> dict[Any, list[ShownAward]]:
    """The awards of each activity, by its id. One query for all of them."""
    found = list(activities)
    keys = {str(award.get("campaign", "")) for activity in found for award in activity.awards}
    programs = {activity.program_id for activity in found}
    names = (
        dict(Campaign.objects.filter(program__in=programs, key__in=keys).values_list("key", "name"))
        if keys
        else {}
    )
    return {activity.pk: [_shown(award, names) for award in activity.awards] for activity in found}


@dataclass(frozen=True, slots=True)
class ShownTaken:
    """Points that a return took from one kind of points, and where those that it did not take are."""

    wallet_type: str
    points: int
    owed: int
    written_off: int
    debt: int
    campaigns: list[tuple[str, int]]

    @property
    def gone(self) -> int:
        """Points that had expired before."""
        return self.owed - self.points - self.written_off - self.debt


@dataclass(frozen=True, slots=True)
class ShownGivenBack:
    """Points that had paid for what came back."""

    wallet_type: str
    points: int
    expired: int
    debt_paid: int


@dataclass(frozen=True, slots=True)
class ShownReturn:
    sale_id: str
    taken: list[ShownTaken]
    given_back: list[ShownGivenBack]


def returned(activity: Activity) -> ShownReturn | None:
    """What a return did, in the names of the program; None of what is no return, or was not recorded."""
    told = activity.outcome.get("returned")
    if not told:
        return None
    types = dict(WalletType.objects.filter(program=activity.program_id).values_list("key", "name"))
    campaigns = dict(Campaign.objects.filter(program=activity.program_id).values_list("key", "name"))
    return ShownReturn(
        sale_id=told["sale_id"],
        taken=[
            ShownTaken(
                wallet_type=types.get(taken["wallet_type"], taken["wallet_type"]),
                campaigns=[
                    (campaigns.get(part["campaign"], part["campaign"]), part["points"])
                    for part in taken["campaigns"]
                ],
                **{name: taken[name] for name in ("points", "owed", "written_off", "debt")},
            )
            for taken in told["taken"]
        ],
        given_back=[
            ShownGivenBack(
                wallet_type=types.get(given["wallet_type"], given["wallet_type"]),
                **{name: given[name] for name in ("points", "expired", "debt_paid")},
            )
            for given in told["given_back"]
        ],
    )


def _shown(award: Mapping[str, Any], names: Mapping[str, str]) -> ShownAward:
    key = str(award.get("campaign", ""))
    return ShownAward(
        campaign=names.get(key, key),
        points=int(award.get("points", 0)),
        wallet_type=str(award.get("wallet_type", "")),
        reason=words(award.get("reason", "")),
    )


def gifts(activity: Activity) -> list[tuple[str, str]]:
    """What campaigns gave beside points, and what they would have given: each campaign's key, and words."""
    return [(gift["campaign"], _gift(gift)) for gift in activity.outcome.get("gifts", ())]


def _gift(gift: Mapping[str, Any]) -> str:
    parameters = gift["parameters"]
    said: str = {
        "message": _("Message: %(text)s"),
        "webhook": _("Signal %(event_type)s"),
        "reward": _("Reward %(reward)s"),
        "badge": _("Badge %(badge)s"),
        "challenge_progress": _("%(count)s for the challenge %(challenge)s"),
        "prize_draw_entry": _("%(entries)s into the prize draw %(draw)s"),
    }[gift["kind"]] % parameters
    if gift.get("given", True):
        return said
    return _("%(gift)s, not given: %(why)s") % {
        "gift": said,
        "why": _WHY_NOT.get(gift["reason"], gift["reason"]),
    }


_WHY_NOT: Final = {
    "reward_not_given": gettext_lazy("its codes are of a list that members buy from"),
    "reward_sold_out": gettext_lazy("none was left"),
    "reward_not_on_offer": gettext_lazy("it was not on offer"),
    "badge_earned_before": gettext_lazy("the member has it"),
    "challenge_completed_before": gettext_lazy("the member has completed it"),
    "prize_draw_closed": gettext_lazy("it was closed"),
}


def words(reason: Any) -> str:
    """A stored reason as a sentence; a text stays as it is."""
    if isinstance(reason, Mapping):
        try:
            return Reason.from_json(reason).text(ngettext)
        except (msgspec.ValidationError, KeyError):
            return str(reason.get("code", ""))
    return str(reason)


def sentence(definition: Mapping[str, Any], *, program: Program) -> str:
    """What the definition does, in plain words; empty as long as it is not complete."""
    zone = ZoneInfo(program.time_zone)
    try:
        said = explain.told(definition, currency=program.currency, rounding=program.rounding, zone=zone)
    except InvalidDefinition:
        return ""
    return vocabulary.spoken(said, program=program)


def verdict(found: Verdict, *, program: Program) -> str:
    """Why a campaign gave what it gave, or nothing, with the program's own names."""
    return "; ".join(vocabulary.spoken(reason, program=program) for reason in found.reasons)


def lacking(activity: Activity, *, program: Program) -> list[tuple[str, str]]:
    """The campaigns that were in force and gave nothing: name and why not."""
    found = explaining.verdicts(activity, program=program)
    return [(one.name, verdict(one, program=program)) for one in found if not one.awards]


def of_entries(entries: Sequence[Entry]) -> dict[UUID, str]:
    """Where points of the statement come from, and what they bought: stores, campaigns and rewards."""
    program_id = entries[0].program_id
    activity_ids = {entry.pk: UUID(found[1]) for entry in entries if (found := _CAUSE.match(entry.cause))}
    keys = {entry.pk: entry.reason[len(_REWARD) :] for entry in entries if entry.reason.startswith(_REWARD)}
    activities = (
        Activity.objects.filter(program=program_id, pk__in=set(activity_ids.values()))
        .annotate(sale=F("original__external_id"))
        .only("id", "program", "kind", "event_type", "store", "awards")
    )
    by_id = {activity.pk: activity for activity in activities} if activity_ids else {}
    shown = awards(by_id.values())
    rewards = Reward.objects.filter(program=program_id, key__in=set(keys.values())).values_list("key", "name")
    names = dict(rewards) if keys else {}
    told = {entry_id: _("Reward %(name)s") % {"name": names.get(key, key)} for entry_id, key in keys.items()}
    for entry in entries:
        if activity := by_id.get(activity_ids.get(entry.pk, UUID(int=0))):
            told[entry.pk] = _of_activity(activity, shown[activity.pk], wallet_type=entry.wallet.type.key)
    return told | _of_holds(entries)


def _of_holds(entries: Sequence[Entry]) -> dict[UUID, str]:
    """For which reward points were reserved, and what became of it."""
    hold_ids = {entry.pk: UUID(found[1]) for entry in entries if (found := _HOLD.match(entry.cause))}
    if not hold_ids:
        return {}
    rewards = _rewards_of(set(hold_ids.values()), entries[0].program_id)
    return {
        entry.pk: _of_hold(entry.kind, rewards[hold_ids[entry.pk]])
        for entry in entries
        if hold_ids.get(entry.pk) in rewards
    }


def _rewards_of(hold_ids: Collection[UUID], program_id: UUID) -> dict[UUID, str]:
    """By hold, the name of the reward that it is kept for, if it is for one."""
    rows = Hold.objects.of(program_id).filter(pk__in=hold_ids, kept_for__startswith=_REDEMPTION)
    kept = {pk: UUID(what[len(_REDEMPTION) :]) for pk, what in rows.values_list("pk", "kept_for")}
    redemptions = Redemption.objects.of(program_id).filter(pk__in=kept.values())
    names = dict(redemptions.values_list("pk", "reward__name")) if kept else {}
    return {hold_id: names[one] for hold_id, one in kept.items() if one in names}


def _of_hold(kind: str, reward: str) -> str:
    if kind == EntryKind.HOLD:
        return _("Reserved for the reward %(name)s") % {"name": reward}
    if kind == EntryKind.SETTLE:
        return _("Reward %(name)s") % {"name": reward}
    return _("The reward %(name)s was not taken") % {"name": reward}


def _of_activity(activity: Activity, shown: list[ShownAward], *, wallet_type: str) -> str:
    """As "Purchase at berlin-mitte: A point for each euro"."""
    gave = dict.fromkeys(award.campaign for award in shown if award.wallet_type == wallet_type)
    campaigns = ", ".join(name for name in gave if name)
    return ": ".join(text for text in (_occasion(activity), campaigns) if text)


def _occasion(activity: Activity) -> str:
    if activity.kind == ActivityKind.EVENT:
        return activity.event_type
    if activity.kind == ActivityKind.UNDO:
        return _("Receipt %(receipt)s was a mistake") % {"receipt": getattr(activity, "sale", "")}
    if activity.kind == ActivityKind.RETURN:
        return _("Return for receipt %(receipt)s") % {"receipt": getattr(activity, "sale", "")}
    return _("Purchase at %(store)s") % {"store": activity.store} if activity.store else _("Purchase")
