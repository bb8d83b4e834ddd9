"""
What a basket would earn if it were bought: the journey of a purchase without its last step.

Loaded and decided as `rewards.journeys.earning` does, so that till and receipt agree; nothing is written, and
no voucher's code is told.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from msgspec import Struct

from loyalty.core.models import Program
from members import terms
from members.ledger.plan import Plan
from members.ledger.state import Account
from members.models import MemberStatus
from members.references import member_of
from rewards.deciding import histories, rules
from rewards.deciding.activities import NOBODY, Basket, Sale
from rewards.deciding.awarding import Asked, Context, Decision, activity_facts, decide, member_facts, outcome
from rewards.deciding.drawing import own_slot
from rewards.deciding.limiting import Limits
from rewards.deciding.loading import Found, Need, find, need_of
from rewards.deciding.recorded import told_awards, told_gifts, told_messages
from rewards.engine.evaluate import Rulebook
from rewards.engine.explain import Verdict, explain
from rewards.engine.facts import Facts, Moment
from rewards.engine.growing import Step
from rewards.engine.limits import Usage
from rewards.engine.near import NearOffer, near
from rewards.journeys import earning
from rewards.journeys.gifts import Giving
from rewards.telling import vocabulary

_SECRET: Final = ("voucher_code", "voucher_expires_at")


class Previewed(Struct, frozen=True, kw_only=True):
    """What would be told of the purchase, where the member stands now, and which offers are near."""

    member_id: UUID | None
    points: int
    awards: tuple[dict[str, Any], ...]
    wallets: tuple[dict[str, Any], ...]
    tier: str | None
    tier_before: str | None
    messages: tuple[str, ...]
    gifts: tuple[dict[str, Any], ...]
    near: tuple[dict[str, Any], ...]


def preview(basket: Basket, *, program: Program, source: str, at: datetime) -> Previewed:
    """
    What the basket would earn, by what holds when it is bought.

    :raises InvalidInput: wrong currency, a time in the future, a line twice
    :raises UnknownMember: if a member is named, and no member of the program has that identifier
    :raises MemberIsBlocked: if the member may not earn
    """
    made_up = _load(basket, program=program, source=source, at=at)
    return made_up.told(is_known=basket.member is not None)


def simulate(basket: Basket, *, program: Program, source: str, at: datetime) -> tuple[Verdict, ...]:
    """
    What each campaign in force would say of the basket, and what it would lack.

    :raises InvalidInput: wrong currency, a time in the future, a line twice
    :raises UnknownMember: if a member is named, and no member of the program has that identifier
    :raises MemberIsBlocked: if the member may not earn
    """
    return _load(basket, program=program, source=source, at=at).verdicts()


def _load(basket: Basket, *, program: Program, source: str, at: datetime) -> "_Preview":
    context = Context(program=program, terms=terms.of(program), source=source, actor="", at=at)
    sale = _sale(basket, at)
    earning.check(sale, program=program, at=at)
    in_force = rules.of(program)
    need = need_of(sale, in_force, context)
    (found,) = find([sale], [need], context)
    account = member_of(found.account, basket.member) if basket.member else _newcomer(sale.occurred_at)
    return _Preview(sale, context, in_force, need, found, account)


def _sale(basket: Basket, at: datetime) -> Sale:
    """A sale that nobody has reported."""
    return Sale(
        external_id=str(uuid4()),
        occurred_at=basket.occurred_at or at,
        member=basket.member or NOBODY,
        amount=basket.amount,
        store=basket.store,
        lines=basket.lines,
        attributes=basket.attributes,
    )


def _newcomer(at: datetime) -> Account:
    return Account(
        member_id=UUID(int=0),
        status=MemberStatus.ACTIVE.value,
        birth_date=None,
        enrolled_at=at,
        attributes={},
        wallets=(),
        tiers=(),
    )


class _Preview:
    """One basket: the facts of it, what limits leave, and what is decided."""

    def __init__(
        self, sale: Sale, context: Context, in_force: rules.Rules, need: Need, found: Found, account: Account
    ) -> None:
        self.sale = sale
        self.context = context
        self.account = account
        self.campaigns: Rulebook = in_force.in_force(sale.occurred_at)
        self.asked = Asked(
            segments=found.segments & need.segments,
            history=histories.facts(found.past, need.history, context.terms.zone),
            costs=found.costs if need.has_costs else {},
        )
        self.limits = Limits(
            in_force,
            program_id=context.program.pk,
            own_slot=own_slot(account.member_id),
            budgets=need.budgets,
        )
        self.limits.know(account.member_id, counts=found.counts, slots=found.slots)

    def told(self, *, is_known: bool) -> Previewed:
        member_id = self.account.member_id
        offers = self._near()  # before what the sale itself would use is taken from the limits
        decision = self._decision()
        given = Giving(self.context).decide(
            decision.gifts,
            member_id=member_id,
            activity_id=decision.activity_id,
            occurred_at=self.sale.occurred_at,
        )
        return Previewed(
            member_id=member_id if is_known else None,
            points=decision.points,
            awards=told_awards(decision.awards),
            wallets=tuple(decision.outcome["wallets"]),
            tier=decision.outcome["tier"],
            tier_before=outcome(self.account, self.context.terms)["tier"],
            messages=told_messages(given.gifts),
            gifts=tuple(map(_without_code, told_gifts(given.gifts))),
            near=offers,
        )

    def _decision(self) -> Decision:
        return decide(
            self.sale,
            account=self.account,
            campaigns=self.campaigns,
            context=self.context,
            plan=Plan([self.account]),
            asked=self.asked,
            limits=self.limits,
        )

    def verdicts(self) -> tuple[Verdict, ...]:
        facts, usage = self._asked_of_the_engine()
        return explain(self.campaigns, facts, rounding=self.context.program.rounding, usage=usage)

    def _near(self) -> tuple[dict[str, Any], ...]:
        facts, usage = self._asked_of_the_engine()
        program = self.context.program
        found = near(self.campaigns, facts, rounding=program.rounding, usage=usage)
        return tuple(_offer(offer, program) for offer in found)

    def _asked_of_the_engine(self) -> tuple[Facts, Usage]:
        zone: ZoneInfo = self.context.terms.zone
        facts = Facts(
            activity=activity_facts(self.sale, self.context.source),
            member=member_facts(self.account, self.context, self.asked),
            moment=Moment(local=self.sale.occurred_at.astimezone(zone)),
        )
        usage: Usage = self.limits.usage(
            self.campaigns, facts, member_id=self.account.member_id, costs=self.asked.costs
        )
        return facts, usage


def _without_code(gift: dict[str, Any]) -> dict[str, Any]:
    """A code is made when it is given; the one of a preview is nobody's."""
    return {name: value for name, value in gift.items() if name not in _SECRET}


def _offer(offer: NearOffer, program: Program) -> dict[str, Any]:
    return {
        "campaign": offer.campaign_key,
        "name": offer.name,
        "text": vocabulary.spoken(offer.said(), program=program),
        "missing": tuple(_missing(step, program) for step in offer.steps),
        "points": tuple({"wallet_type": key, "points": more} for key, more in sorted(offer.points.items())),
        "gifts": tuple(_things(offer)),
        "not_with": offer.not_with,
    }


def _missing(step: Step, program: Program) -> dict[str, Any]:
    number = f"{step.gap.normalize():f}"
    counted = (
        {"amount": {"amount": f"{step.gap:.2f}", "currency": program.currency}}
        if step.unit == "amount"
        else {"quantity": number}
    )
    return {"unit": step.unit, "text": vocabulary.spoken(step.said, program=program), **counted}


def _things(offer: NearOffer) -> Iterator[dict[str, Any]]:
    """As gifts are told of, which are given."""
    stored = [
        {"kind": g.kind, "campaign": g.campaign_key, "parameters": g.parameters, "given": True}
        for g in offer.gifts
    ]
    yield from told_gifts(stored)
