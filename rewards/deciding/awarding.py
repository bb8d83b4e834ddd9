"""
What one activity gives: from facts to awards, from awards to points and tiers. Decided, not written.

Everything that evaluates campaigns goes through `decide()`: recording one sale, bulk calls,
imports. A preview is a decision that nobody writes.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _
from msgspec import Struct
from msgspec.structs import replace

from loyalty.core.events import NewEvent
from loyalty.core.ids import new_id
from loyalty.core.models import Program
from members import tiers
from members.ledger import operations, telling
from members.ledger.chain import Cause
from members.ledger.operations import Change, TooManyPoints
from members.ledger.plan import Plan
from members.ledger.renewal import renewed
from members.ledger.state import Account, TierStanding, WalletState
from members.terms import LadderTerms, Terms, WalletTerms
from members.tiers import TierMove
from rewards.deciding.activities import CustomEvent, Line, Sale
from rewards.deciding.dating import Dates
from rewards.deciding.limiting import Limits
from rewards.engine import effects
from rewards.engine.evaluate import Award, Outcome, Rulebook, run
from rewards.engine.facts import ActivityFacts, Facts, LineFacts, MemberFacts, Moment
from rewards.engine.limits import NOTHING_USED, Usage
from rewards.engine.outcome import Gift, Use


class Context(Struct, frozen=True, kw_only=True):
    """The program that something is decided in, and who reported it when."""

    program: Program
    terms: Terms
    source: str
    actor: str
    at: datetime


class Asked(Struct, frozen=True, kw_only=True):
    """What campaigns asked about the member and the program, beside the account; see `Rulebook.asks()`."""

    segments: frozenset[str] = frozenset()
    history: Mapping[str, Any] = {}
    costs: Mapping[str, Decimal] = {}
    tiers: tuple[TierStanding, ...] | None = None
    """Where the member stood when it happened, if that is another place than now."""


NOTHING_ASKED: Final = Asked()


class Decision(Struct, frozen=True, kw_only=True):
    """
    What an activity does: the account afterwards, what to remember and what to tell.

    `awards` are as they are stored; partners are told less of them (`recorded.told_awards`). `gifts`
    are what campaigns give besides points. `usage` is what limits left before, `uses` what is used now.
    """

    activity_id: UUID
    account: Account
    facts: MemberFacts
    awards: tuple[dict[str, Any], ...]
    gifts: tuple[Gift, ...]
    usage: Usage
    uses: tuple[Use, ...]
    points: int
    outcome: dict[str, Any]
    events: tuple[NewEvent, ...]


def decide(
    activity: Sale | CustomEvent,
    *,
    account: Account,
    campaigns: Rulebook,
    context: Context,
    plan: Plan,
    of_sales: Collection[UUID] | None = None,
    asked: Asked = NOTHING_ASKED,
    limits: Limits | None = None,
) -> Decision:
    """
    Evaluate the campaigns for an activity of a member, and add what follows from it to the plan.

    An event also makes available what waits for it among the account's lots: of all, or of these sales.
    Without `limits`, campaigns give as if they had not given anything yet.

    :raises members.ledger.operations.TooManyPoints: if a wallet could not hold the points
    """
    activity_id = new_id()
    member = member_facts(account, context, asked)
    moment = Moment(local=activity.occurred_at.astimezone(context.terms.zone))
    facts = Facts(activity=activity_facts(activity, context.source), member=member, moment=moment)
    given, usage = _given(campaigns, facts, account, context, asked, limits)
    awards = given.awards
    step = _Step(
        activity=activity,
        activity_id=activity_id,
        context=context,
        account=account,
        standing=_standing(account, asked),
    )
    if isinstance(activity, Sale) or awards:
        step.renew()
    for wallet_type, group in groupby(
        sorted(awards, key=attrgetter("wallet_type")), attrgetter("wallet_type")
    ):
        step.grant(context.terms.wallet_types[wallet_type], list(group))
    if isinstance(activity, CustomEvent):
        step.unlock(activity, of_sales)
    step.add_to(plan)
    if limits:
        limits.take(campaigns, given.uses, local=moment.local, member_id=account.member_id)
    return Decision(
        activity_id=activity_id,
        account=step.account,
        facts=member,
        awards=tuple(_kept(award, step.lots[award.version_id, award.effect]) for award in awards),
        gifts=given.gifts,
        usage=usage,
        uses=given.uses,
        points=sum(a.points for a in awards if context.terms.wallet_types[a.wallet_type].is_spendable),
        outcome=outcome(step.account, context.terms),
        events=tuple(step.events),
    )


def _given(
    campaigns: Rulebook,
    facts: Facts,
    account: Account,
    context: Context,
    asked: Asked,
    limits: Limits | None,
) -> tuple[Outcome, Usage]:
    rounding = context.program.rounding
    try:
        if limits is None:
            return run(campaigns, facts, rounding=rounding), NOTHING_USED
        return limits.run(campaigns, facts, rounding=rounding, member_id=account.member_id, costs=asked.costs)
    except effects.TooManyPoints as error:
        raise TooManyPoints(
            _("The campaigns would give more points than can be counted."), pointer="#/amount"
        ) from error


def _kept(award: Award, lot_id: UUID) -> dict[str, Any]:
    """An award as it is stored: what partners are told, and what a return of the activity must know."""
    by_line = {} if award.line_points is None else {"line_points": award.line_points}
    return {
        "campaign": award.campaign_key,
        "version_id": str(award.version_id),
        "wallet_type": award.wallet_type,
        "points": award.points,
        "reason": award.reason.text(),
        "effect": award.effect,
        "lot": str(lot_id),
        **({"variant": award.variant} if award.variant else {}),
        **by_line,
    }


def activity_facts(activity: Sale | CustomEvent, source: str) -> ActivityFacts:
    if isinstance(activity, CustomEvent):
        return ActivityFacts(
            kind="event", event_type=activity.type, source=source, attributes=activity.attributes
        )
    return ActivityFacts(
        kind="sale",
        amount=activity.amount.value,
        currency=activity.amount.currency,
        store=activity.store,
        source=source,
        lines=tuple(map(_line_facts, activity.lines)),
        attributes=activity.attributes,
    )


def _line_facts(line: Line) -> LineFacts:
    return LineFacts(
        id=line.id,
        sku=line.sku,
        quantity=Decimal(line.quantity),
        amount=line.amount.value,
        category=line.category,
        brand=line.brand,
        department=line.department,
        discount=line.discount.value if line.discount else Decimal(0),
        tax=line.tax.value if line.tax else Decimal(0),
    )


def member_facts(account: Account, context: Context, asked: Asked = NOTHING_ASKED) -> MemberFacts:
    """The member before the activity, as conditions see one."""
    terms = context.terms
    spendable = {wallet_type.id for wallet_type in terms.wallet_types.values() if wallet_type.is_spendable}
    return MemberFacts(
        tier=_tier_key(_standing(account, asked), terms.ladders[0]) if terms.ladders else "",
        balance=sum(wallet.available for wallet in account.wallets if wallet.type_id in spendable),
        enrolled_date=account.enrolled_at.astimezone(terms.zone).date(),
        birth_date=account.birth_date,
        attributes=account.attributes,
        id=str(account.member_id),
        segments=asked.segments,
        history=asked.history,
    )


def _standing(account: Account, asked: Asked) -> tuple[TierStanding, ...]:
    return account.tiers if asked.tiers is None else asked.tiers


def _tier_key(tiers: Iterable[TierStanding], ladder: LadderTerms) -> str:
    return next(
        (ladder.rung(tier.tier_id).key for tier in tiers if tier.ladder_id == ladder.id), ladder.rungs[0].key
    )


def outcome(account: Account, terms: Terms) -> dict[str, Any]:
    """What a till shows after an activity: the balances, and the tier on the program's first ladder."""
    keys = {wallet_type.id: wallet_type.key for wallet_type in terms.wallet_types.values()}
    return {
        "wallets": [
            {
                "type": keys[wallet.type_id],
                "available": wallet.available,
                "pending": wallet.pending,
                "held": wallet.held,
            }
            for wallet in account.wallets
        ],
        "tier": _tier_key(account.tiers, terms.ladders[0]) if terms.ladders else None,
    }


class _Step:
    """One activity's way into the plan: points first, then the ladders that they count for."""

    def __init__(
        self,
        *,
        activity: Sale | CustomEvent,
        activity_id: UUID,
        context: Context,
        account: Account,
        standing: tuple[TierStanding, ...],
    ) -> None:
        self.activity = activity
        self.activity_id = activity_id
        self.context = context
        self.account = account
        self.standing = standing
        self.changes: list[Change] = []
        self.lots: dict[tuple[UUID, int], UUID] = {}
        self.renewed: list[WalletState] = []
        self.moved_tiers: list[TierStanding] = []
        self.events: list[NewEvent] = []

    def add_to(self, plan: Plan) -> None:
        """All of the step, now that nothing of it was refused."""
        for wallet in self.renewed:
            plan.touch(wallet)
        for change in self.changes:
            plan.apply(change)
        for standing in self.moved_tiers:
            plan.move_tier(standing, member_id=self.account.member_id)

    def renew(self) -> None:
        """The member is active: what lives by that lives on."""
        self.account, self.renewed = renewed(self.account, self.context.terms, self.activity.occurred_at)

    def unlock(self, event: CustomEvent, of_sales: Collection[UUID] | None) -> None:
        """What waited for this event, and was not due to be cancelled, waits no longer."""
        for wallet in self.account.wallets:
            lot_ids = [
                lot.id
                for lot in wallet.lots
                if lot.pending
                and lot.unlock_event == event.type
                and (lot.cancels_at is None or lot.cancels_at > self.context.at)
                and (of_sales is None or lot.activity_id in of_sales)
            ]
            if lot_ids:
                self._unlock(wallet, lot_ids)

    def _unlock(self, wallet: WalletState, lot_ids: list[UUID]) -> None:
        key = self.context.terms.of_type(wallet.type_id).key
        cause = Cause(
            key=f"event:{self.activity_id}:unlock:{key}",
            actor=self.context.actor,
            effective_at=self.activity.occurred_at,
            recorded_at=self.context.at,
        )
        change = operations.unlock(wallet, lot_ids=lot_ids, cause=cause)
        self.changes.append(change)
        self._keep(change.wallet)
        points = change.moved("pending", "available")
        self.events.append(telling.told(change, wallet_type=key, points=points))

    def grant(self, wallet_type: WalletTerms, awards: list[Award]) -> None:
        kind = "event" if isinstance(self.activity, CustomEvent) else "sale"
        cause = Cause(
            key=f"{kind}:{self.activity_id}:earn:{wallet_type.key}",
            actor=self.context.actor,
            effective_at=self.activity.occurred_at,
            recorded_at=self.context.at,
        )
        dates = Dates(self.context.terms, wallet_type, self.activity.occurred_at, self.standing)
        is_sale = isinstance(self.activity, Sale)
        grants = [
            dates.grant(award, activity_id=self.activity_id, is_purchase=is_sale and award.is_base)
            for award in awards
        ]
        change = operations.grant(self._wallet(wallet_type), grants=grants, cause=cause)
        self.changes.append(change)
        for award, lot in zip(awards, change.new_lots, strict=True):
            self.lots[award.version_id, award.effect] = lot.id
        self._keep(change.wallet)
        # What pays for points that are owed is earned, too.
        earned = sum(award.points for award in awards)
        self._tell(
            "points.earned",
            entry_id=str(change.entry.id),
            activity_id=str(self.activity_id),
            external_id=self.activity.external_id,
            wallet_type=wallet_type.key,
            points=earned,
            balance=change.entry.available_after,
            **({"pending": pending} if (pending := change.moved("issued", "pending")) else {}),
        )
        counted = tiers.moves(
            self.account,
            terms=self.context.terms,
            type_id=wallet_type.id,
            points=earned,
            # A till's clock may be ahead; nobody has reached a tier in the future.
            at=min(self.activity.occurred_at, self.context.at),
        )
        for move in counted:
            self._climb(move)

    def _wallet(self, wallet_type: WalletTerms) -> WalletState:
        """The member's wallet of that type; a new one if the type is younger than the membership."""
        return self.account.wallet_of(wallet_type.id) or WalletState(
            id=new_id(),
            program_id=self.context.program.pk,
            member_id=self.account.member_id,
            type_id=wallet_type.id,
            lapses_at=self.context.terms.lapses_at(wallet_type, self.activity.occurred_at),
            is_new=True,
        )

    def _keep(self, wallet: WalletState) -> None:
        others = tuple(known for known in self.account.wallets if known.id != wallet.id)
        self.account = replace(self.account, wallets=(*others, wallet))

    def _climb(self, move: TierMove) -> None:
        self.moved_tiers.append(move.after)
        others = tuple(known for known in self.account.tiers if known.id != move.after.id)
        self.account = replace(self.account, tiers=(*others, move.after))
        if move.is_upgrade:
            self._tell("tier.upgraded", **move.told)

    def _tell(self, event_type: str, **data: Any) -> None:
        self.events.append(
            NewEvent(
                type=event_type,
                program_id=self.context.program.pk,
                member_id=self.account.member_id,
                occurred_at=self.activity.occurred_at,
                recorded_at=self.context.at,
                data=data,
            )
        )
