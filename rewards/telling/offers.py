"""
Offers: campaigns that a member could use now, in words.

Nothing is read for them alone. `columns` says what the statement about the member needs besides, `told()`
makes offers of what they held; a program that has none to make needs none.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property, lru_cache
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from django.utils.translation import get_language, ngettext
from msgspec import Struct
from msgspec.structs import replace

from loyalty.core.api import rendering
from loyalty.core.models import Program
from rewards.deciding import histories, rules
from rewards.deciding.counting import counts_column, read_counts
from rewards.deciding.histories import PAST_COLUMN, Past, read_past, windows
from rewards.deciding.loading import segments_column
from rewards.deciding.rules import Rules
from rewards.engine import usable
from rewards.engine.definition import Variant
from rewards.engine.evaluate import CompiledCampaign, Rulebook
from rewards.engine.facts import MemberFacts, Moment
from rewards.engine.gifts import GiftEffect
from rewards.engine.limits import Usage
from rewards.engine.usable import Candidate, Usable
from rewards.models import Badge, Challenge
from rewards.telling import vocabulary
from rewards.telling.vocabulary import Names

OFFERS_AT_MOST: Final = 50


class Offer(Struct, frozen=True):
    """A campaign that the member could use now: what has to be done for what, as a sentence."""

    campaign: str
    name: str
    text: str
    is_personal: bool
    ends_at: datetime | None
    not_with: tuple[str, ...] = ()
    """Campaigns of other offers to the member, of which one gives for each activity."""


class Column(Struct, frozen=True):
    """A column for a statement about `member`, `standing` and `wallet`; its parameters stand as {0}, {1} …"""

    sql: str
    parameters: list[Any]


# What is named by the program's own words, and is not kept in memory. The rest is: see `Repertoire`.
_TABLES: Final = {"draw": "rewards_prizedraw", "reward": "rewards_reward"}
_PROFILE: Final = """json_build_array(
    member.birth_date, member.enrolled_at, member.attributes,
    (SELECT tier FROM standing ORDER BY ladder LIMIT 1),
    (SELECT coalesce(sum(available), 0) FROM wallet WHERE is_spendable))::text"""


class Repertoire:
    """
    What campaigns in force have to offer, what must be known for it, and what is there to be shown at all.

    The same until the program's `rules_revision` moves. Whoever makes or renames a campaign, a kind of
    points, a badge or a challenge moves it. Rewards and prize draws do not, and are named by the statement.
    One query for each kind of thing that is named.
    """

    def __init__(self, rulebook: Rulebook, program_id: UUID) -> None:
        self.campaigns = usable.could_be_used(rulebook)
        self.candidates = [Candidate(campaign) for campaign in self.campaigns]
        definitions = [campaign.definition for campaign in self.campaigns]
        self.limited = [one for one in self.campaigns if one.definition.limits.per_member]
        self.budgeted = [one for one in self.campaigns if one.definition.limits.in_all]
        self.segments = sorted(frozenset[str]().union(*(one.segments for one in definitions)))
        self.history = frozenset[str]().union(*(one.history for one in definitions))
        named = usable.names(self.campaigns)
        self.names = vocabulary.looked_up(program_id, (one for one in named if one[0] not in _TABLES))
        self.named_elsewhere = {f"name.{kind}": _names(kind, named) for kind, _ in named if kind in _TABLES}
        self.has_challenges = Challenge.objects.of(program_id).exists()
        self.has_badges = Badge.objects.of(program_id).exists()
        effects = (effect for campaign in rulebook for effect in campaign.definition.effects)
        self.challenges = sorted(
            {
                str(effect.parameters["challenge"])
                for effect in effects
                if isinstance(effect, GiftEffect) and effect.kind == "challenge_progress"
            }
        )
        """Those that members can make progress with, by whatever they do."""


def _names(kind: str, named: Iterable[tuple[str, str]]) -> Column:
    return Column(
        "(SELECT json_agg(json_build_array(key, name) ORDER BY key)"
        f" FROM {_TABLES[kind]} WHERE program_id = $1 AND key = ANY({{0}}::text[]))::text",
        [sorted(key for of, key in named if of == kind)],
    )


_repertoire = lru_cache(maxsize=256)(Repertoire)


class Offering:
    """What a program could offer at a moment, before it is known to whom."""

    def __init__(self, program: Program, *, at: datetime) -> None:
        self.program = program
        self.at = at
        self.local = at.astimezone(ZoneInfo(program.time_zone))
        self.rules: Rules = rules.of(program)
        self.repertoire = _repertoire(self.rules.in_force(at), program.pk)
        self.campaigns = self.repertoire.campaigns

    @cached_property
    def columns(self) -> dict[str, Column]:
        """What must be known of the member, and the names that are not kept."""
        if not self.campaigns:
            return {}
        return {"profile": Column(_PROFILE, []), **self._asked(), **self.repertoire.named_elsewhere}

    def _asked(self) -> dict[str, Column]:
        found: dict[str, Column] = {}
        if self.repertoire.segments:
            found["segments"] = Column(segments_column("{0}::text[]"), [self.repertoire.segments])
        if self.repertoire.history:
            back = windows(self.repertoire.history, self.local)
            asked = [{"days": days, "begins_at": begins.isoformat()} for days, begins in back.items()]
            found["past"] = Column(
                f"(SELECT {PAST_COLUMN} FROM (SELECT $2::timestamptz AS occurred_at,"
                " {0}::json AS windows) AS asked)",
                [orjson.dumps(asked).decode()],
            )
        if limited := self.repertoire.limited:
            periods = {p for one in limited for p in one.definition.limits.periods(self.local)}
            campaigns = [self.rules.campaign_ids[one.key] for one in limited]
            counts = counts_column("{0}::uuid[]", "{1}::text[]")
            found["counts"] = Column(counts, [campaigns, sorted(periods)])
        return found

    def told(self, member_id: UUID, row: Sequence[Any]) -> bytes:
        """
        The offers to a member as a list in JSON, from what the columns held.

        Personal ones first, then those that end first. No more than `OFFERS_AT_MOST`.
        """
        held = {name: value for name, value in zip(self.columns, row, strict=True) if value is not None}
        names = tuple((name, held.pop(name)) for name in self.repertoire.named_elsewhere if name in held)
        read = {name: orjson.loads(value) for name, value in held.items()}
        found = usable.usable(
            self.repertoire.candidates,
            member=self._member(member_id, read),
            moment=Moment(local=self.local),
            usage=self._usage(read),
        )
        variants = tuple(
            one.campaign.definition.variant_of(one.campaign.key, str(member_id))
            if one.campaign.definition.variants
            else None
            for one in found
        )
        manner = (self.program.currency, self.program.rounding, get_language())
        return _spoken(self.repertoire, found, variants, manner, names)

    def _member(self, member_id: UUID, read: dict[str, Any]) -> MemberFacts:
        born, enrolled, attributes, tier, balance = read["profile"]
        past = read_past(read["past"]) if "past" in read else None
        return MemberFacts(
            tier=tier or "",
            balance=balance,
            enrolled_date=datetime.fromisoformat(enrolled).astimezone(self.local.tzinfo).date(),
            birth_date=date.fromisoformat(born) if born else None,
            attributes=attributes,
            id=str(member_id),
            segments=frozenset(read.get("segments", ())),
            history=self._history(past) if past else {},
        )

    def _history(self, past: Past) -> dict[str, Any]:
        return histories.facts(past, self.repertoire.history, ZoneInfo(self.program.time_zone))

    def _usage(self, read: dict[str, Any]) -> Usage:
        keys = {self.rules.campaign_ids[one.key]: one.key for one in self.repertoire.limited}
        counters = {
            f"{keys[count.campaign_id]}/{count.period}": (count.times, count.points)
            for count in read_counts(read.get("counts"))
        }
        return Usage(counters=counters, left=dict.fromkeys(self._empty(), 0))

    def _empty(self) -> list[str]:
        return [
            f"{campaign.key}/{limit.unit}"
            for campaign in self.repertoire.budgeted
            for limit in campaign.definition.limits.in_all
            if self._budget(campaign, limit.unit) in self.rules.empty_budgets
        ]

    def _budget(self, campaign: CompiledCampaign, unit: str) -> UUID | None:
        return self.rules.budgets.get((self.rules.campaign_ids[campaign.key], unit))


@lru_cache(maxsize=1024)
def _spoken(
    repertoire: Repertoire,
    found: tuple[Usable, ...],
    variants: tuple[Variant | None, ...],
    manner: tuple[str, str, str | None],
    names: tuple[tuple[str, str], ...],
) -> bytes:
    """
    All that is offered, in JSON: the same for many members, and saying it takes longer than all else.

    `manner` is the currency, the rounding and the language; `names` are those that are not kept, as lists
    in JSON by their columns.
    """
    called = repertoire.names | {
        (column.removeprefix("name."), key): name
        for column, told in names
        for key, name in orjson.loads(told)
    }
    offers = (_offer(one, variant, manner, called) for one, variant in zip(found, variants, strict=True))
    in_order = sorted((offer for offer in offers if offer is not None), key=_urgency)
    groups = {one.campaign.key: one.group for one in found}
    return rendering.dumps(_with_alternatives(in_order[:OFFERS_AT_MOST], groups))


def _offer(
    found: Usable,
    variant: Variant | None,
    manner: tuple[str, str, str | None],
    names: Names,
) -> Offer | None:
    campaign, (currency, rounding, _language) = found.campaign, manner
    said = usable.said(campaign, found.left, variant, currency=currency, rounding=rounding)
    if said is None:
        return None
    return Offer(
        campaign=campaign.key,
        name=names.get(("campaign", campaign.key), campaign.name),
        text=said.named(names).text(ngettext),
        is_personal=found.is_personal,
        ends_at=campaign.definition.ends_at,
    )


def _with_alternatives(offers: list[Offer], groups: Mapping[str, str]) -> list[Offer]:
    others = usable.instead_of((offer.campaign, groups[offer.campaign]) for offer in offers)
    return [
        replace(offer, not_with=others[offer.campaign]) if offer.campaign in others else offer
        for offer in offers
    ]


def _urgency(offer: Offer) -> tuple[bool, bool, float, str]:
    ends = offer.ends_at.timestamp() if offer.ends_at else 0.0
    return not offer.is_personal, offer.ends_at is None, ends, offer.campaign
