"""
What campaigns give beside points: decided with the activity, written in the same statement.

A `Giving` belongs to one attempt to book activities. It reads in one statement what the gifts are
about (what is left of a reward, which badges and how much progress members have), decides one
activity after the other, each from what the one before it left, and adds its rows to the batch. Who
gave the last piece or made the same step meanwhile shows as the violation of a constraint named in
`RACES`: the whole attempt is then decided again.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from loyalty.core.db import Batch, fetch
from loyalty.core.events import NewEvent
from loyalty.core.ids import new_id
from rewards import redeeming
from rewards.deciding.awarding import Context
from rewards.deciding.recorded import NAMED
from rewards.engine.gifts import GiftEffect
from rewards.engine.outcome import Gift
from rewards.models import (
    ChallengeProgress,
    DrawEntry,
    MemberBadge,
    Redemption,
    RedemptionStatus,
    Reward,
    Voucher,
)
from rewards.redeeming import Offer, RewardNotOnOffer, RewardSoldOut, issuing

RACES: Final = (
    "stock_is_never_negative",
    "a_voucher_code_is_unique",
    "a_badge_is_earned_once",
    "steps_of_a_challenge_are_numbered",
    "a_drawn_draw_takes_no_entries",
)
"""Constraints by which two that give the same thing meet."""


class Given(Struct, frozen=True, kw_only=True):
    """
    What came of the gifts for one activity.

    `gifts` is stored with the activity: {campaign, version_id, effect, kind, parameters, variant, given,
    …}, with a `reason` where nothing was given.
    """

    gifts: tuple[dict[str, Any], ...] = ()
    events: tuple[NewEvent, ...] = ()


NOTHING: Final = Given()


class _Goal(Struct, frozen=True):
    id: UUID
    key: str
    goal: int
    is_repeatable: bool


class _Prizes(Struct, frozen=True):
    id: UUID
    key: str
    closes_at: datetime
    is_drawn: bool


class _Badge(Struct, frozen=True):
    id: UUID
    key: str


class _Held(Struct, frozen=True):
    member_id: UUID
    badge_id: UUID


class _Standing(Struct, frozen=True):
    """The newest step of a member towards a goal."""

    member_id: UUID
    challenge_id: UUID
    number: int = 0
    progress: int = 0
    completions: int = 0


class _Receiver(Struct, frozen=True):
    """Whom gifts are for, and the activity that they are given for."""

    member_id: UUID
    activity_id: UUID
    occurred_at: datetime


class _Refused(Exception):
    """A gift that is not given; the argument says why, in a code."""


class Giving:
    """The gifts of one attempt: read, decided, written."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._passed_on: dict[tuple[Any, ...], Mapping[str, Any]] = {}
        self._members: set[UUID] = set()
        self._keys: dict[str, set[str]] = {}
        self._offers: dict[str, Offer] = {}
        self._badges: dict[str, _Badge] = {}
        self._held: set[_Held] = set()
        self._goals: dict[str, _Goal] = {}
        self._standings: dict[tuple[UUID, UUID], _Standing] = {}
        self._draws: dict[str, _Prizes] = {}
        self._rows: dict[str, list[tuple[Any, ...]]] = {kind: [] for kind in (*NAMED, "voucher")}
        self._pieces: Counter[UUID] = Counter()

    def pass_on(self, gifts: Iterable[Mapping[str, Any]]) -> None:
        """The member has these already, as they are stored: they are told of again, and not given again."""
        self._passed_on = {_identity(gift): gift for gift in gifts}

    def prepare(self, effects: Iterable[GiftEffect], member_ids: Collection[UUID]) -> None:
        """
        Read what these gifts would need for these members, in one statement; none if they need nothing.

        For bulk calls. What was not prepared is read when it is needed.
        """
        named = [
            (effect.kind, str(effect.parameters[NAMED[effect.kind]]))
            for effect in effects
            if effect.kind in NAMED
        ]
        self._read(named, member_ids)

    def decide(
        self, gifts: Sequence[Gift], *, member_id: UUID, activity_id: UUID, occurred_at: datetime
    ) -> Given:
        """What the member gets of these for the activity; the rows are kept for `add_to()`."""
        if not gifts:
            return NOTHING
        self._read(
            [(g.kind, str(g.parameters[NAMED[g.kind]])) for g in gifts if g.kind in NAMED], [member_id]
        )
        receiver = _Receiver(member_id, activity_id, occurred_at)
        stored, events = list[dict[str, Any]](), list[NewEvent]()
        for gift in gifts:
            told = _named(gift)
            if self._passed_on and (had := self._passed_on.pop(_identity(told), None)):
                stored.append({**had, **told})
                continue
            try:
                more, happened = self._give(gift, receiver)
                stored.append({**told, "given": True, **more})
                events += happened
            except _Refused as refusal:
                stored.append({**told, "given": False, "reason": str(refusal)})
        return Given(gifts=tuple(stored), events=tuple(events))

    def add_to(self, batch: Batch) -> None:
        """The rows of all that was decided, for the statement that books the activities."""
        rows = self._rows
        batch.insert(Redemption, _REDEMPTION, rows["reward"])
        batch.insert(Voucher, issuing.FIELDS, rows["voucher"])
        # Once for each reward, in one order: whoever takes pieces of two does not wait crosswise.
        batch.take(Reward, ("id", "stock"), sorted(self._pieces.items()))
        batch.insert(MemberBadge, _MEMBER_BADGE, rows["badge"])
        batch.insert(ChallengeProgress, _STEP, rows["challenge_progress"])
        batch.insert(DrawEntry, _DRAW_ENTRY, rows["prize_draw_entry"])

    # Reading.

    def _read(self, named: Iterable[tuple[str, str]], member_ids: Collection[UUID]) -> None:
        wanted: dict[str, set[str]] = {kind: set() for kind in NAMED}
        for kind, key in named:
            wanted[kind].add(key)
        if not any(wanted.values()):
            return
        is_known = all(keys <= self._keys.get(kind, set()) for kind, keys in wanted.items())
        members = set(member_ids)
        if is_known and members <= self._members:
            return
        for kind, keys in wanted.items():
            wanted[kind] = keys | self._keys.get(kind, set())
        self._fill(wanted, members | self._members)

    def _fill(self, wanted: Mapping[str, set[str]], members: set[UUID]) -> None:
        """What was decided already is not read again: its rows are not written yet."""
        parameters = [sorted(wanted[kind]) for kind in NAMED]
        ((rewards, badges, held, goals, standings, draws),) = fetch(
            _LOAD, [self.context.program.pk, sorted(members), *parameters]
        )
        for offer in msgspec.json.decode(rewards, type=list[Offer]):
            self._offers.setdefault(offer.key, offer)
        self._badges.update({badge.key: badge for badge in msgspec.json.decode(badges, type=list[_Badge])})
        self._held |= set(msgspec.json.decode(held, type=list[_Held]))
        self._goals.update({goal.key: goal for goal in msgspec.json.decode(goals, type=list[_Goal])})
        for standing in msgspec.json.decode(standings, type=list[_Standing]):
            self._standings.setdefault((standing.member_id, standing.challenge_id), standing)
        self._draws.update({draw.key: draw for draw in msgspec.json.decode(draws, type=list[_Prizes])})
        self._keys = dict(wanted)
        self._members = members

    # Deciding.

    def _give(self, gift: Gift, receiver: _Receiver) -> tuple[dict[str, Any], list[NewEvent]]:
        """What is stored of the gift beside what it is, and what is published."""
        match gift.kind:
            case "message":
                return {}, []
            case "webhook":
                return {}, [self._signal(gift, receiver)]
            case "reward":
                return self._reward(gift, receiver)
            case "badge":
                return self._badge(gift, receiver)
            case "challenge_progress":
                return self._progress(gift, receiver)
            case "prize_draw_entry":
                return self._enter(gift, receiver)
        raise AssertionError(f"there is no gift of the kind {gift.kind}")

    def _signal(self, gift: Gift, receiver: _Receiver) -> NewEvent:
        """An event of the campaign's own, by a name that the marketer chose."""
        return self._event(
            "campaign.signal",
            receiver,
            name=gift.parameters["event_type"],
            campaign=gift.campaign_key,
            activity_id=str(receiver.activity_id),
        )

    def _reward(self, gift: Gift, receiver: _Receiver) -> tuple[dict[str, Any], list[NewEvent]]:
        offer = self._offers.get(str(gift.parameters["reward"]))
        if offer is None:
            raise _Refused("unknown_reward")
        if offer.has_uploaded_codes:
            raise _Refused("reward_not_given")
        try:
            redeeming.check(offer, at=self.context.at)
        except (RewardNotOnOffer, RewardSoldOut) as refusal:
            raise _Refused(refusal.code) from refusal
        if offer.stock is not None:
            self._pieces[offer.id] += 1
            self._offers[offer.key] = replace(offer, stock=offer.stock - 1)
        program_id, at, redemption_id = self.context.program.pk, self.context.at, new_id()
        self._rows["reward"].append(
            (
                redemption_id, program_id, receiver.member_id, offer.id, self.context.source, 0,
                receiver.activity_id, RedemptionStatus.CONFIRMED.value, offer.stock is not None, at,
            )
        )  # fmt: skip
        about = {"redemption_id": str(redemption_id), "reward": offer.key}
        redeemed = self._event("reward.redeemed", receiver, **about, points=0, campaign=gift.campaign_key)
        if not offer.has_voucher:
            return {"redemption_id": str(redemption_id)}, [redeemed]
        code, expires_at = issuing.new_code(), issuing.ends_at(offer, at=at)
        self._rows["voucher"].append(issuing.row(program_id, redemption_id, code, offer, expires_at))
        until = expires_at.isoformat()
        # The code is told to whoever reported the activity, not to all who listen.
        return {"redemption_id": str(redemption_id), "voucher_code": code, "voucher_expires_at": until}, [
            redeemed,
            self._event("voucher.issued", receiver, **about, expires_at=until),
        ]

    def _badge(self, gift: Gift, receiver: _Receiver) -> tuple[dict[str, Any], list[NewEvent]]:
        badge = self._badges.get(str(gift.parameters["badge"]))
        if badge is None:
            raise _Refused("unknown_badge")
        held = _Held(receiver.member_id, badge.id)
        if held in self._held:
            raise _Refused("badge_earned_before")
        self._held.add(held)
        self._rows["badge"].append(
            (
                new_id(), self.context.program.pk, receiver.member_id, badge.id, receiver.activity_id,
                receiver.occurred_at,
            )
        )  # fmt: skip
        event = self._event("badge.earned", receiver, badge=badge.key, campaign=gift.campaign_key)
        return {}, [event]

    def _progress(self, gift: Gift, receiver: _Receiver) -> tuple[dict[str, Any], list[NewEvent]]:
        goal = self._goals.get(str(gift.parameters["challenge"]))
        if goal is None:
            raise _Refused("unknown_challenge")
        key = (receiver.member_id, goal.id)
        before = self._standings.get(key) or _Standing(*key)
        if before.completions and not goal.is_repeatable:
            raise _Refused("challenge_completed_before")
        after, added = _stepped(before, goal, int(gift.parameters["count"]))
        self._standings[key] = after
        self._rows["challenge_progress"].append(
            (
                new_id(), self.context.program.pk, receiver.member_id, goal.id, after.number, added,
                after.progress, after.completions, receiver.activity_id, receiver.occurred_at,
            )
        )  # fmt: skip
        stands = {"challenge": goal.key, "progress": after.progress, "goal": goal.goal}
        progressed = self._event("challenge.progressed", receiver, **stands, added=added)
        completed = [
            self._event("challenge.completed", receiver, challenge=goal.key, completions=number)
            for number in range(before.completions + 1, after.completions + 1)
        ]
        more = {"added": added, "progress": after.progress, "goal": goal.goal}
        return {**more, "completions": after.completions}, [progressed, *completed]

    def _enter(self, gift: Gift, receiver: _Receiver) -> tuple[dict[str, Any], list[NewEvent]]:
        draw = self._draws.get(str(gift.parameters["draw"]))
        if draw is None:
            raise _Refused("unknown_prize_draw")
        if draw.is_drawn or receiver.occurred_at >= draw.closes_at:
            raise _Refused("prize_draw_closed")
        self._rows["prize_draw_entry"].append(
            (
                new_id(), self.context.program.pk, draw.id, receiver.member_id, receiver.activity_id,
                gift.parameters["entries"], receiver.occurred_at,
            )
        )  # fmt: skip
        return {"entries": gift.parameters["entries"]}, []

    def _event(self, event_type: str, receiver: _Receiver, **data: Any) -> NewEvent:
        return NewEvent(
            type=event_type,
            program_id=self.context.program.pk,
            member_id=receiver.member_id,
            occurred_at=receiver.occurred_at,
            recorded_at=self.context.at,
            data=data,
        )


def _identity(stored: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes a gift the same one: its campaign, and what it is."""
    return stored["campaign"], stored["kind"], tuple(sorted(stored["parameters"].items()))


def _named(gift: Gift) -> dict[str, Any]:
    """Which gift it is: as awards are named, with the place of the effect in the version."""
    variant = {"variant": gift.variant} if gift.variant else {}
    return {
        "campaign": gift.campaign_key,
        "version_id": str(gift.version_id),
        "effect": gift.effect,
        "kind": gift.kind,
        "parameters": dict(gift.parameters),
        **variant,
    }


def _stepped(before: _Standing, goal: _Goal, count: int) -> tuple[_Standing, int]:
    """The standing after so much more progress, and how much counted: no more than completes it once."""
    if not goal.is_repeatable:
        count = max(1, min(count, goal.goal - before.progress))
    total = before.progress + count
    completed = total // goal.goal if goal.is_repeatable else int(total >= goal.goal)
    progress = total % goal.goal if goal.is_repeatable else total
    after = replace(
        before, number=before.number + 1, progress=progress, completions=before.completions + completed
    )
    return after, count


_REDEMPTION: Final = (
    "id", "program", "member", "reward", "source", "points", "activity", "status", "took_piece",
    "redeemed_at",
)  # fmt: skip
_MEMBER_BADGE: Final = ("id", "program", "member", "badge", "activity", "earned_at")
_STEP: Final = (
    "id", "program", "member", "challenge", "number", "added", "progress", "completions", "activity",
    "made_at",
)  # fmt: skip
_DRAW_ENTRY: Final = ("id", "program", "draw", "member", "activity", "entries", "entered_at")

_OFFER: Final = ", ".join(Offer.__struct_fields__)
_LOAD: Final = f"""
WITH reward AS (SELECT {_OFFER} FROM rewards_reward WHERE program_id = $1 AND key = ANY($3::text[])),
badge AS (SELECT id, key FROM rewards_badge WHERE program_id = $1 AND key = ANY($4::text[])),
held AS (
    SELECT held.member_id, held.badge_id FROM rewards_memberbadge held
    WHERE held.member_id = ANY($2::uuid[]) AND held.badge_id IN (SELECT id FROM badge)),
goal AS (
    SELECT id, key, goal, is_repeatable FROM rewards_challenge
    WHERE program_id = $1 AND key = ANY($5::text[])),
standing AS (
    SELECT member_id, goal.id AS challenge_id, step.number, step.progress, step.completions
    FROM unnest($2::uuid[]) AS member_id CROSS JOIN goal CROSS JOIN LATERAL (
        SELECT number, progress, completions FROM rewards_challengeprogress step
        WHERE step.member_id = member_id.member_id AND step.challenge_id = goal.id
        ORDER BY number DESC LIMIT 1) AS step),
draw AS (
    SELECT id, key, closes_at, drawn_at IS NOT NULL AS is_drawn FROM rewards_prizedraw
    WHERE program_id = $1 AND key = ANY($6::text[]))
SELECT {
    ", ".join(
        f"(SELECT coalesce(json_agg(found), '[]') FROM {name} AS found)::text"
        for name in ("reward", "badge", "held", "goal", "standing", "draw")
    )
}"""
