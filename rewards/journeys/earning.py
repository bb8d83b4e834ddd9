"""
The journey of a purchase (or of another activity): load, decide, write.

One sale and an import of thousands go the same way. Two statements: one reads the member and
whether this was booked before, one writes everything that follows, or nothing. One sale is decided
without a lock, and again if the member has moved meanwhile. Many hold their members first: all of that
work would be for nothing otherwise.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from msgspec.structs import replace

from loyalty.core import events
from loyalty.core.db import Batch, Moved, fetch, settled
from loyalty.core.errors import DomainError, InvalidInput
from loyalty.core.models import Program
from members import terms, tiers
from members.ledger import store
from members.ledger.plan import Plan
from members.ledger.state import Account, TierPeriod, TierStanding
from members.references import known, member_of
from rewards.deciding import budgets, histories, limiting, rules
from rewards.deciding.activities import CustomEvent, Sale
from rewards.deciding.awarding import NOTHING_ASKED, Asked, Context, Decision, decide
from rewards.deciding.drawing import Purses, own_slot
from rewards.deciding.histories import Sold
from rewards.deciding.limiting import LIMIT_RACES, Limits
from rewards.deciding.loading import NOTHING_NEEDED, Found, Need, find, kind_of, need_of
from rewards.deciding.recorded import (
    CLOCKS_MAY_DIFFER_BY,
    EARLIEST,
    RACES,
    AlreadyReported,
    Also,
    Recorded,
    check_currency,
    told_awards,
    told_gifts,
    told_messages,
)
from rewards.engine.gifts import GiftEffect
from rewards.engine.limits import NOTHING_USED
from rewards.journeys import gifts, waiting
from rewards.journeys.gifts import Given, Giving
from rewards.models import Activity as ActivityRow

MANY: Final = 100
"""From so many activities on, somebody else moves one of their members meanwhile more often than not."""


def record(
    activity: Sale | CustomEvent,
    *,
    program: Program,
    source: str,
    actor: str,
    at: datetime,
    also: Also | None = None,
    passed_on: Sequence[Mapping[str, Any]] = (),
) -> Recorded:
    """
    Book an activity and everything that follows from it, once.

    `source` is the key of the partner that reports it: the same external id of two partners is two
    activities. A repeat is answered with the first result. Gifts that the member has already, for what this
    activity takes the place of, are `passed_on`: they are told of, and not given again.

    :raises InvalidInput: wrong currency, a time in the future, a line twice
    :raises UnknownMember: if no member of the program has that identifier
    :raises MemberIsBlocked: if the member may not earn
    :raises AlreadyReported: if the external id was reported before with other content
    """
    results = _record(
        [activity], program=program, source=source, actor=actor, at=at, also=also, passed_on=passed_on
    )
    if isinstance(results[0], DomainError):
        raise results[0]
    return results[0]


def record_many(
    activities: Sequence[Sale | CustomEvent], *, program: Program, source: str, actor: str, at: datetime
) -> list[Recorded | DomainError]:
    """
    Book many activities in the given order: for each its result or the refusal, as `record()` has them.

    All that is not refused is written together.
    """
    return _record(activities, program=program, source=source, actor=actor, at=at, also=None)


def _record(
    activities: Sequence[Sale | CustomEvent],
    *,
    program: Program,
    source: str,
    actor: str,
    at: datetime,
    also: Also | None,
    passed_on: Sequence[Mapping[str, Any]] = (),
) -> list[Recorded | DomainError]:
    context = Context(program=program, terms=terms.of(program), source=source, actor=actor, at=at)
    in_force = rules.of(program)
    needs = [need_of(activity, in_force, context) for activity in activities]

    def attempt(is_locking: bool) -> tuple[list[Recorded | DomainError], set[str], Purses]:
        # Who is locking is in a transaction already, see `settled()`.
        is_big = len(activities) >= MANY
        with transaction.atomic() if is_big and not is_locking else nullcontext():
            if is_big or is_locking:
                _hold(activities, program)
            found = find(activities, needs, context)
            found = _with_awaited_lots(activities, found, context)
            work = _Work(context, in_force, needs, found, _former_tiers(activities, found))
            work.giving.pass_on(passed_on)
            results = _attempt(work, activities, also, is_locking=is_locking)
        pairs = zip(results, found, strict=True)
        awaited = {r.external_id for r, f in pairs if f.has_waiting_returns and isinstance(r, Recorded)}
        return results, awaited, work.limits.purses

    results, awaited, purses = settled(attempt, races=(*RACES, *LIMIT_RACES, *gifts.RACES))
    budgets.look(purses.to_look_at(), at=at, short=purses.short)
    for sale in sorted(awaited):
        waiting.apply(sale, program=program, source=source, at=at)
    return results


def _hold(activities: Sequence[Sale | CustomEvent], program: Program) -> None:
    """Hold the members' wallets; of who has none, the member's own row, and that first of all."""
    asked = dict.fromkeys(activity.member for activity in activities)
    found = sorted({one.member_id for one in known(program.pk, list(asked)) if one})
    fetch(_HELD_WITHOUT_A_WALLET, [found])
    store.lock(found)


_HELD_WITHOUT_A_WALLET: Final = """
SELECT id FROM members_member member
WHERE id = ANY($1) AND NOT EXISTS (SELECT FROM members_wallet wallet WHERE wallet.member_id = member.id)
ORDER BY id FOR NO KEY UPDATE"""


def _former_tiers(
    activities: Sequence[Sale | CustomEvent], found: Sequence[Found]
) -> dict[UUID, tuple[TierPeriod, ...]]:
    """What members had been before, for those to whom something happened before they were what they are."""
    late = {
        one.account.member_id
        for activity, one in zip(activities, found, strict=True)
        if one.account and any(standing.since > activity.occurred_at for standing in one.account.tiers)
    }
    return store.former_tiers(late) if late else {}


_SALES: Final = """
SELECT id FROM rewards_activity
WHERE program_id = $1 AND member_id = $2 AND kind = 'sale' AND external_id = $3"""


def _with_awaited_lots(
    activities: Sequence[Sale | CustomEvent], found: Sequence[Found], context: Context
) -> list[Found]:
    """With lots for the members to whom an event has come that points wait for; others need none."""
    awaited = rules.of(context.program).awaited_events
    accounts = {
        one.account.member_id: one.account
        for activity, one in zip(activities, found, strict=True)
        if isinstance(activity, CustomEvent) and activity.type in awaited and one.account
    }
    if not accounts:
        return list(found)
    filled = {account.member_id: account for account in store.with_open_lots(list(accounts.values()))}
    return [
        replace(one, account=filled.get(one.account.member_id, one.account)) if one.account else one
        for one in found
    ]


def _attempt(
    work: "_Work", activities: Sequence[Sale | CustomEvent], also: Also | None, *, is_locking: bool
) -> list[Recorded | DomainError]:
    """Decide on all of them, one after the other, and write what follows."""
    if is_locking:
        work.limits.hold()
    if len(activities) > 1:
        work.prepare_gifts(activities)
    results: list[Recorded | DomainError] = []
    for activity, need, one in zip(activities, work.needs, work.found, strict=True):
        try:
            results.append(work.book(activity, need, one))
        except DomainError as refusal:
            results.append(refusal)
    if work.is_unguarded and not is_locking:
        raise Moved  # without a wallet to guard them, what campaigns gave is counted under a lock
    work.write(also)
    return results


class _Work:
    """One attempt: the plan for all activities, and what they leave behind besides points."""

    def __init__(
        self,
        context: Context,
        in_force: rules.Rules,
        needs: Sequence[Need],
        found: Sequence[Found],
        former_tiers: Mapping[UUID, tuple[TierPeriod, ...]],
    ) -> None:
        self.context = context
        self.rules = in_force
        self.needs = needs
        self.found = found
        self.former_tiers = former_tiers
        first = next((one.account.member_id for one in found if one.account), UUID(int=0))
        self.limits = Limits(
            in_force,
            program_id=context.program.pk,
            own_slot=own_slot(first),
            budgets=(budget for need in needs for budget in need.budgets),
        )
        self.giving = Giving(context)
        self.sold = Sold()
        self.plan = Plan()
        self.accounts: dict[UUID, Account] = {}
        self.booked: dict[tuple[str, str], tuple[bytes, Recorded]] = {}
        self.rows: list[tuple[Any, ...]] = []
        self.events: list[events.NewEvent] = []
        self.is_unguarded = False

    def prepare_gifts(self, activities: Sequence[Sale | CustomEvent]) -> None:
        """Read at once what the gifts of all activities may need; for one, it is read if there are any."""
        rulebooks = {self.rules.in_force(activity.occurred_at) for activity in activities}
        campaigns = (campaign for rulebook in rulebooks for campaign in rulebook)
        effects = (effect for campaign in campaigns for effect in campaign.definition.effects)
        if given := [effect for effect in effects if isinstance(effect, GiftEffect)]:
            self.giving.prepare(given, {one.account.member_id for one in self.found if one.account})

    def book(self, activity: Sale | CustomEvent, need: Need, found: Found) -> Recorded:
        key = (kind_of(activity), activity.external_id)
        if found.recorded:
            return _repeated(activity, found.fingerprint, found.recorded)
        if key in self.booked:
            return _repeated(activity, *self.booked[key])
        check(activity, program=self.context.program, at=self.context.at)
        account = self._account(activity, found)
        self.limits.know(account.member_id, counts=found.counts, slots=found.slots)
        decision = decide(
            activity,
            account=account,
            campaigns=self.rules.in_force(activity.occurred_at),
            context=self.context,
            plan=self.plan,
            of_sales=self._sales_of(activity, account),
            asked=self._asked(activity, need, found, account),
            limits=self.limits,
        )
        self.accounts[account.member_id] = self._turned(activity, decision)
        given = self.giving.decide(
            decision.gifts,
            member_id=account.member_id,
            activity_id=decision.activity_id,
            occurred_at=activity.occurred_at,
        )
        recorded = self._remember(activity, decision, given)
        self.booked[key] = (activity.fingerprint, recorded)
        return recorded

    def _asked(self, activity: Sale | CustomEvent, need: Need, found: Found, account: Account) -> Asked:
        standing = self._standing(activity, account)
        if need is NOTHING_NEEDED:
            return NOTHING_ASKED if standing is None else Asked(tiers=standing)
        past = self.sold.with_these(found.past, account.member_id, activity.occurred_at, need.windows)
        return Asked(
            segments=found.segments & need.segments,
            history=histories.facts(past, need.history, self.context.terms.zone),
            costs=found.costs if need.has_costs else {},
            tiers=standing,
        )

    def _standing(self, activity: Sale | CustomEvent, account: Account) -> tuple[TierStanding, ...] | None:
        """Where the member stood when it happened; None if they still do."""
        if all(standing.since <= activity.occurred_at for standing in account.tiers):
            return None
        left_now = (period for period in self.plan.former_tiers if period.member_id == account.member_id)
        former = (*self.former_tiers.get(account.member_id, ()), *left_now)
        return tiers.at_moment(account.tiers, former, activity.occurred_at)

    def _turned(self, activity: Sale | CustomEvent, decision: Decision) -> Account:
        """
        The account afterwards; a wallet of it moves if what others decide from has changed without points.

        That is so for counts of a member, and for a sale if rules look back at sales.
        """
        account = decision.account
        if isinstance(activity, Sale) and self.rules.looks_back:
            self.sold.add(account.member_id, activity.occurred_at, activity.amount.value)
        elif not decision.uses:
            return account
        stored = [wallet for wallet in account.wallets if not wallet.is_new]
        if not stored:
            self.is_unguarded = True
        elif not any(wallet.id in self.plan.wallets for wallet in stored):
            self.plan.touch(stored[0])
        return account

    def _sales_of(self, activity: Sale | CustomEvent, account: Account) -> list[UUID] | None:
        """The sales that an awaited event names, of whichever partner; None if it names none."""
        if not isinstance(activity, CustomEvent) or activity.type not in self.rules.awaited_events:
            return None
        external_id = activity.attributes.get("sale_external_id")
        if external_id is None:
            return None
        rows = fetch(_SALES, [self.context.program.pk, account.member_id, str(external_id)])
        here = self.booked.get(("sale", str(external_id)))
        return [sale_id for (sale_id,) in rows] + ([here[1].id] if here else [])

    def _account(self, activity: Sale | CustomEvent, found: Found) -> Account:
        account = member_of(found.account, activity.member)
        if account.member_id not in self.accounts:
            self.plan.read(account)
        return self.accounts.get(account.member_id, account)

    def _remember(self, activity: Sale | CustomEvent, decision: Decision, given: Given) -> Recorded:
        recorded = Recorded(
            id=decision.activity_id,
            kind=kind_of(activity),
            external_id=activity.external_id,
            member_id=decision.account.member_id,
            occurred_at=activity.occurred_at.astimezone(UTC),
            recorded_at=self.context.at.astimezone(UTC),
            points=decision.points,
            awards=told_awards(decision.awards),
            wallets=tuple(decision.outcome["wallets"]),
            tier=decision.outcome["tier"],
            messages=told_messages(given.gifts),
            gifts=told_gifts(given.gifts),
        )
        self.rows.append(_row(activity, decision, given, self.context))
        self.events.extend((*decision.events, *given.events))
        return recorded

    def write(self, also: Also | None) -> None:
        if not self.rows:
            return
        batch = Batch()
        store.add_to(batch, self.plan, program_id=self.context.program.pk)
        batch.insert(ActivityRow, ROW_FIELDS, self.rows)
        self.limits.add_to(batch)
        self.giving.add_to(batch)
        events.add_to(batch, self.events)
        if also:
            for _, recorded in self.booked.values():
                also(batch, recorded)
        batch.write()


def _repeated(activity: Sale | CustomEvent, fingerprint: bytes | None, recorded: Recorded) -> Recorded:
    if fingerprint != activity.fingerprint:
        raise AlreadyReported(
            f"“{activity.external_id}” was reported before, with other content;"
            f" it gave {recorded.points} points.",
            pointer="#/external_id",
            first_id=str(recorded.id),
        )
    return Recorded(**{name: getattr(recorded, name) for name in _SAME}, is_repeat=True)


_SAME: Final = tuple(name for name in Recorded.__struct_fields__ if name != "is_repeat")

ROW_FIELDS: Final = (
    "id", "program", "member", "source", "external_id", "kind", "event_type",
    "store", "amount", "returned_amount", "lines", "attributes",
    "facts", "awards", "outcome", "points", "fingerprint", "occurred_at", "recorded_at",
)  # fmt: skip


def _row(activity: Sale | CustomEvent, decision: Decision, given: Given, context: Context) -> tuple[Any, ...]:
    sale = activity if isinstance(activity, Sale) else None
    event_type = activity.type if isinstance(activity, CustomEvent) else ""
    facts = {
        "member": decision.facts,
        "rounding": context.program.rounding,
        "time_zone": context.program.time_zone,
    }
    if decision.uses or decision.usage is not NOTHING_USED:
        facts["usage"] = limiting.told(decision.usage, decision.uses)
    outcome = decision.outcome | ({"gifts": given.gifts} if given.gifts else {})
    return (
        decision.activity_id, context.program.pk, decision.account.member_id, context.source,
        activity.external_id, kind_of(activity), event_type,
        sale.store if sale else "", sale.amount.amount if sale else 0, 0, sale.lines if sale else (),
        activity.attributes, facts, decision.awards, outcome, decision.points,
        activity.fingerprint, activity.occurred_at, context.at,
    )  # fmt: skip


def check(activity: Sale | CustomEvent, *, program: Program, at: datetime) -> None:
    """
    Refuse what cannot be, whoever the member is.

    :raises InvalidInput: with a pointer to the field at fault
    """
    if activity.occurred_at > at + CLOCKS_MAY_DIFFER_BY:
        raise InvalidInput(
            f"It is {at.isoformat(timespec='seconds')} now; this cannot have happened yet.",
            pointer="#/occurred_at",
        )
    if activity.occurred_at < EARLIEST:
        raise InvalidInput("This is too long ago: the earliest year is 2000.", pointer="#/occurred_at")
    if isinstance(activity, Sale):
        check_currency(activity.amount, program, "#/amount/currency")
        _check_lines(activity, program)


def _check_lines(sale: Sale, program: Program) -> None:
    seen: set[str] = set()
    for position, line in enumerate(sale.lines):
        if line.id in seen:
            raise InvalidInput(f"The line “{line.id}” is there twice.", pointer=f"#/lines/{position}/id")
        seen.add(line.id)
        check_currency(line.amount, program, f"#/lines/{position}/amount/currency")
        for name, part in (("discount", line.discount), ("tax", line.tax)):
            if part is not None:
                check_currency(part, program, f"#/lines/{position}/{name}/currency")


def points_of(results: Iterable[Recorded | DomainError]) -> int:
    """Points that a bulk call gave anew."""
    return sum(r.points for r in results if isinstance(r, Recorded) and not r.is_repeat)
