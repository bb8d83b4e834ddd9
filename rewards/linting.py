"""
What may be wrong with a campaign that could be run: said before it is, with the place and some advice.

Nothing here is refused; what cannot be run at all is a problem of the definition (`engine.definition`).
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from msgspec import Struct

from loyalty.core import clock
from loyalty.core.db import fetch
from loyalty.core.models import Program
from members import terms
from members.finance import estimates
from members.models import Segment, Tier
from members.terms import Terms
from rewards import rules
from rewards.backtests import asking
from rewards.contradictions import are_disjoint, impossible, required
from rewards.engine import definition as engine_definition
from rewards.engine.catalogue import WEEKDAYS
from rewards.engine.conditions import leaves
from rewards.engine.definition import Definition, each_effect
from rewards.engine.effects import FixedPoints, Multiplier, PointsPerItem, PointsPerUnit
from rewards.engine.evaluate import CompiledCampaign
from rewards.engine.gifts import GiftEffect
from rewards.engine.problems import InvalidDefinition, Place
from rewards.models import Backtest, Campaign, KnownValue

SHARE: Final = Decimal("0.20")
"""Of a sale: who gives back more than this should mean it."""
GENEROUS: Final = Decimal(1)
"""In the program's currency: fixed awards worth less do not tempt anybody."""
DAYS: Final = 30
"""A budget that lasts shorter may be a slip; also how far recent volume looks back."""
NAMED_AT_MOST: Final = 4
MANY: Final = 1_000_000_000
"""Points at once: some million of such awards, or one for many items, are more than a wallet can hold."""
DAYS_UNTIL_ALL_RECUR: Final = 366 * 40
"""29 February falls on each weekday in 28 years, or in 40 across a century that is no leap year."""

ERROR: Final = "error"
WARNING: Final = "warning"
INFO: Final = "info"
type Severity = Literal["error", "warning", "info"]


class Hint(Struct, frozen=True, kw_only=True):
    """
    Something to think about before publishing.

    An `error` cannot be meant: the campaign would never give anything, or give for nothing. `pointer`
    is a JSON pointer into the definition.
    """

    code: str
    severity: Severity
    pointer: str
    text: str
    advice: str


class _Case(Struct, frozen=True):
    """The definition with what must be known of its program to judge it."""

    program: Program
    raw: Mapping[str, Any]
    rule: Definition
    campaign: Campaign | None
    others: tuple[CompiledCampaign, ...]
    """Those that run or will run by what is published; whose time is over is none."""
    terms: Terms
    prices: Mapping[str, Decimal]
    at: datetime

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.program.time_zone)

    def effect(self, place: int) -> str:
        """Where an effect stands, in whichever variant."""
        return [found.pointer for found, _raw in each_effect(self.raw, Place())][place]

    def listening(self) -> list[CompiledCampaign]:
        """Other campaigns that run and listen to the same."""
        listens = self.rule.trigger.listens_to
        return [one for one in self.others if one.definition.trigger.listens_to == listens]


def lint(program: Program, definition: Mapping[str, Any], campaign: Campaign | None = None) -> list[Hint]:
    """
    What may be wrong, the worst first; nothing of a definition that is not complete yet.

    `campaign` is the one that the definition is for: its own version in force is no other campaign.
    """
    try:
        rule = engine_definition.parse(definition)
    except InvalidDefinition:
        return []
    at = clock.now(program)
    own = campaign.key if campaign is not None else ""
    known = estimates.of(program)
    case = _Case(
        program=program,
        raw=definition,
        rule=rule,
        campaign=campaign if campaign is not None and not campaign._state.adding else None,
        others=tuple(
            one
            for one in rules.of(program).in_force(at)
            if one.key != own and (one.definition.ends_at is None or at < one.definition.ends_at)
        ),
        terms=terms.of(program),
        prices={kind.key: known.cost(kind.id, on=clock.local_date(program, at)) for kind in known.kinds},
        at=at,
    )
    hints = [hint for check in CHECKS for hint in check(case)]
    return sorted(hints, key=lambda hint: (ERROR, WARNING, INFO).index(hint.severity))


def _schedule(case: _Case) -> Iterator[Hint]:
    schedule = case.rule.schedule
    if schedule.ends_at is not None and schedule.ends_at <= case.at:
        yield Hint(
            code="is_over",
            severity=ERROR,
            pointer="#/schedule/ends_at",
            text=_("Its time is over: it would never give anything."),
            advice=_("Choose a later end."),
        )
    elif _never_runs(case):
        yield Hint(
            code="never_runs",
            severity=ERROR,
            pointer="#/schedule",
            text=_("Between its start and its end there is none of the days on which it runs."),
            advice=_("See the weekdays, days of the month and seasons again."),
        )


def _never_runs(case: _Case) -> bool:
    schedule = case.rule.schedule
    zone = schedule.zone or case.zone
    first = _day(max(schedule.starts_at or case.at, case.at), zone)
    last = date.max if schedule.ends_at is None else _day(schedule.ends_at - timedelta.resolution, zone)
    days = min((last - first).days + 1, DAYS_UNTIL_ALL_RECUR)
    return not any(_has_day(schedule, first + timedelta(days=day)) for day in range(days))


def _day(moment: datetime, zone: ZoneInfo) -> date:
    try:
        return moment.astimezone(zone).date()
    except OverflowError:  # at the very ends of the calendar
        return moment.date()


def _has_day(schedule: Any, day: date) -> bool:
    return (
        (not schedule.weekdays or WEEKDAYS[day.weekday()] in schedule.weekdays)
        and (not schedule.month_days or schedule.has_day(day))
        and (not schedule.seasons or any(season.has(day.strftime("%m-%d")) for season in schedule.seasons))
    )


def _contradictions(case: _Case) -> Iterator[Hint]:
    place = impossible(case.rule.conditions) or _impossible_weekday(case) or _impossible_audience(case)
    if place:
        yield Hint(
            code="contradiction",
            severity=ERROR,
            pointer=place,
            text=_("This contradicts another condition: nothing can meet both."),
            advice=_("Take one of them away, or put them into a group of which any is enough."),
        )


def _impossible_weekday(case: _Case) -> str | None:
    days = case.rule.schedule.weekdays
    for placed in required(case.rule.conditions):
        wanted = placed.leaf.operand
        if days and placed.leaf.fact.key == "moment.weekday" and placed.leaf.operator in ("eq", "in"):
            asked = wanted if isinstance(wanted, frozenset) else frozenset({wanted})
            if asked.isdisjoint(days):
                return placed.pointer
    return None


def _impossible_audience(case: _Case) -> str | None:
    audience = case.rule.audience
    if audience.segments and audience.segments <= audience.not_segments:
        return "#/audience/not_segments"
    for placed in required(case.rule.conditions):
        wanted = placed.leaf.operand
        if audience.tiers and placed.leaf.fact.key == "member.tier" and placed.leaf.operator in ("eq", "in"):
            asked = wanted if isinstance(wanted, frozenset) else frozenset({wanted})
            if asked.isdisjoint(audience.tiers):
                return placed.pointer
    return None


_FIELDS: Final = {
    "sale.store": "store",
    "sale.categories": "category",
    "sale.brands": "brand",
    "sale.departments": "department",
    "sale.skus": "sku",
    "line.category": "category",
    "line.brand": "brand",
    "line.department": "department",
    "line.sku": "sku",
}


def _unknown_keys(case: _Case) -> Iterator[Hint]:
    yield from _unknown_tiers_and_segments(case)
    asked = {
        (_FIELDS[leaf.fact.key], value)
        for tree in (case.rule.conditions, *(getattr(one, "lines", None) for one in case.rule.effects))
        for leaf in _all_leaves(tree)
        if leaf.fact.key in _FIELDS and leaf.operator in ("eq", "in", "has_any", "has_all")
        for value in (leaf.operand if isinstance(leaf.operand, frozenset) else {leaf.operand})
    }
    if not asked:
        return
    rows = KnownValue.objects.filter(program=case.program)
    if not rows.exists():
        return
    seen = set(rows.filter(value__in=[value for _field, value in asked]).values_list("field", "value"))
    for field, value in sorted(asked - seen)[:NAMED_AT_MOST]:
        yield Hint(
            code="never_seen",
            severity=WARNING,
            pointer=_pointer_of(case.raw, value),
            text=_("No purchase has ever named the %(field)s “%(value)s”.")
            % {"field": _FIELD_NAMES[field](), "value": value},
            advice=_("See whether it is written as tills report it, in the same case."),
        )


_FIELD_NAMES: Final[dict[str, Callable[[], str]]] = {
    "store": lambda: _("store"),
    "category": lambda: _("category"),
    "brand": lambda: _("brand"),
    "department": lambda: _("department"),
    "sku": lambda: _("product"),
}


def _all_leaves(tree: Any) -> Iterator[Any]:
    for leaf in leaves(tree):
        yield leaf
        yield from _all_leaves(leaf.fact.lines)


def _unknown_tiers_and_segments(case: _Case) -> Iterator[Hint]:
    audience = case.rule.audience
    tiers = audience.tiers | _values(case, "member.tier")
    segments = case.rule.segments
    if tiers:
        tiers -= set(Tier.objects.filter(ladder__program=case.program).values_list("key", flat=True))
    if segments:
        segments -= set(Segment.objects.of(case.program).in_use().values_list("key", flat=True))
    for what, keys in ((_("tier"), tiers), (_("segment"), segments)):
        for key in sorted(keys)[:NAMED_AT_MOST]:
            yield Hint(
                code="unknown_key",
                severity=ERROR,
                pointer=_pointer_of(case.raw, key),
                text=_("The program has no %(what)s “%(key)s”.") % {"what": what, "key": key},
                advice=_("Nobody can be in it: choose one that is there."),
            )


def _values(case: _Case, fact: str) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    for leaf in leaves(case.rule.conditions):
        if leaf.fact.key == fact and leaf.operator in ("eq", "in"):
            found |= leaf.operand if isinstance(leaf.operand, frozenset) else {leaf.operand}
    return found


def _pointer_of(raw: object, value: object, pointer: str = "#") -> str:
    """Where a value stands in the definition; the whole of it if it is not found."""
    if isinstance(raw, Mapping):
        children = [(str(key), child) for key, child in raw.items()]
    elif isinstance(raw, list):
        children = [(str(index), child) for index, child in enumerate(raw)]
    else:
        return pointer if raw == value else ""
    places = (_pointer_of(child, value, f"{pointer}/{key}") for key, child in children)
    return next(filter(None, places), "" if pointer != "#" else "#")


def _overlaps(case: _Case) -> Iterator[Hint]:
    found = [one for one in case.listening() if _may_meet(case.rule, one.definition)]
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


def _may_meet(rule: Definition, other: Definition) -> bool:
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


def _groups(case: _Case) -> Iterator[Hint]:
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


def _multipliers(case: _Case) -> Iterator[Hint]:
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


def _has_base(case: _Case, wallet_type: str) -> bool:
    effects = [*case.rule.effects, *(e for one in case.listening() for e in one.definition.effects)]
    return any(
        effect.is_base and effect.wallet_type == wallet_type
        for effect in effects
        if not isinstance(effect, GiftEffect)
    )


def _generosity(case: _Case) -> Iterator[Hint]:
    rate = _share_of_a_sale(case)
    if rate > SHARE:
        yield Hint(
            code="gives_back_too_much",
            severity=ERROR if rate >= 1 else WARNING,
            pointer="#/effects",
            text=_("Together with the other running campaigns it gives back %(share)s %% of what is paid.")
            % {"share": f"{rate * 100:.0f}"},
            advice=_("Who buys and returns, or buys for others, could live on it."),
        )
    if case.rule.trigger.kind == "sale":
        yield from _tempting_awards(case)
    elif case.rule.trigger.kind in ("event", "code_entered", "check_in"):
        yield from _endless_awards(case)


def _size(case: _Case) -> Iterator[Hint]:
    for place, effect in enumerate(case.rule.effects):
        if isinstance(effect, FixedPoints | PointsPerItem) and effect.points > MANY:
            yield Hint(
                code="too_many_points",
                severity=ERROR,
                pointer=f"{case.effect(place)}/points",
                text=_("So many points at once are soon more than a member can have."),
                advice=_(
                    "From then on what would give more is refused, tills’ sales too: see the number again."
                ),
            )


def _share_of_a_sale(case: _Case) -> Decimal:
    """Of each unit of money that is paid: what the points for it cost, if all that runs is met."""
    if case.rule.trigger.kind != "sale":
        return Decimal(0)
    own = any(isinstance(effect, PointsPerUnit | Multiplier) for effect in case.rule.effects)
    if not own:
        return Decimal(0)
    met = [one.definition for one in case.listening() if _may_meet(case.rule, one.definition)]
    effects = [*case.rule.effects, *(effect for rule in met for effect in rule.effects)]
    share = Decimal(0)
    for key, price in case.prices.items():
        per_unit = [e for e in effects if isinstance(e, PointsPerUnit) and e.wallet_type == key]
        base = sum((e.points / e.per for e in per_unit if e.is_base), Decimal(0))
        bonus = sum((e.points / e.per for e in per_unit if not e.is_base), Decimal(0))
        factors = sum(
            (
                e.factor - 1
                for e in effects
                if isinstance(e, Multiplier) and e.wallet_type == key and not e.of
            ),
            Decimal(0),
        )
        share += price * (base * (1 + factors) + bonus)
    return share


def _tempting_awards(case: _Case) -> Iterator[Hint]:
    """Fixed awards for a sale: against the smallest sale that gets them, and before it can be returned."""
    least = _least_sale(case.rule)
    for place, effect in enumerate(case.rule.effects):
        if not isinstance(effect, FixedPoints):
            continue
        worth = effect.points * case.prices.get(effect.wallet_type, Decimal(0))
        if worth < GENEROUS:
            continue
        if worth > SHARE * least and not case.rule.limits.per_member:
            yield Hint(
                code="small_sale_big_award",
                severity=WARNING,
                pointer=f"{case.effect(place)}/points",
                text=_("A sale of %(least)s is enough for points that cost %(worth)s, again and again.")
                % {"least": f"{least:,.2f}", "worth": f"{worth:,.2f}"},
                advice=_("Ask for a minimum amount, or limit the times for each member."),
            )
        kind = case.terms.wallet_types.get(effect.wallet_type)
        if effect.pending is None and kind is not None and not kind.pending_days:
            yield Hint(
                code="spent_before_returned",
                severity=INFO,
                pointer=f"{case.effect(place)}/pending",
                text=_("These points can be spent before the goods come back."),
                advice=_("Let them wait for as many days as goods can be returned."),
            )


def _least_sale(rule: Definition) -> Decimal:
    bounds = [
        placed.leaf.operand[0] if placed.leaf.operator == "between" else placed.leaf.operand
        for placed in required(rule.conditions)
        if placed.leaf.fact.key in ("sale.amount", "sale.list_amount", "lines.amount")
        and placed.leaf.operator in ("gte", "gt", "eq", "between")
    ]
    return max(bounds, default=Decimal(0))


def _endless_awards(case: _Case) -> Iterator[Hint]:
    limits = case.rule.limits
    if limits.per_member or limits.in_all:
        return
    cost = sum(
        (
            effect.points * case.prices.get(effect.wallet_type, Decimal(0))
            for effect in case.rule.effects
            if isinstance(effect, FixedPoints)
        ),
        Decimal(0),
    )
    if cost > 0:
        yield Hint(
            code="no_limit",
            severity=WARNING,
            pointer="#/limits",
            text=_("Members can do this again and again, and get points that cost %(cost)s each time.")
            % {"cost": f"{cost:,.2f}"},
            advice=_("Limit the times for each member, for a day or for ever."),
        )


def _dates_of_points(case: _Case) -> Iterator[Hint]:
    today = clock.local_date(case.program, case.at)
    for place, effect in enumerate(case.rule.effects):
        expiry, pending = getattr(effect, "expiry", None), getattr(effect, "pending", None)
        kind = case.terms.wallet_types.get(getattr(effect, "wallet_type", ""))
        if kind is None:
            continue
        waits = pending.days if pending else kind.pending_days
        last = expiry.on_date if expiry else None
        if last is not None and last <= today:
            yield _expired(
                case.effect(place), _("Its points expire on a day that is past."), _("Choose a later day.")
            )
        elif last is not None and pending is not None and pending.until is not None and pending.until > last:
            yield _expired(
                case.effect(place),
                _("Its points expire before they can be spent."),
                _("See both dates again."),
            )
        elif _lasts(expiry, kind) is not None and waits >= _lasts(expiry, kind):
            yield _expired(
                case.effect(place),
                _("Its points wait %(waits)d days and expire by then.") % {"waits": waits},
                _("Let them expire later, or wait for a shorter time."),
            )


def _lasts(expiry: Any, kind: Any) -> int:
    """Days until points expire, if days are what is counted; else more than anything waits."""
    if expiry is not None:
        return expiry.number if expiry.rule == "days" else 1_000_000
    return kind.lifespan.number if kind.lifespan.rule == "days" else 1_000_000


def _expired(pointer: str, text: str, advice: str) -> Hint:
    return Hint(
        code="expires_before_it_unlocks",
        severity=ERROR,
        pointer=f"{pointer}/expiry",
        text=text,
        advice=advice,
    )


def _budget(case: _Case) -> Iterator[Hint]:
    budgets = case.rule.limits.in_all
    if not budgets:
        return
    days = _days_by_backtest(case)
    source = _("By the last backtest")
    if days is None:
        days, source = _days_by_volume(case), _("By the sales of the last 30 days")
    if days is not None and days <= DAYS:
        yield Hint(
            code="budget_gone_soon",
            severity=WARNING,
            pointer="#/limits/in_all",
            text=ngettext(
                "%(source)s, its budget lasts for one day.",
                "%(source)s, its budget lasts for %(days)d days.",
                days,
            )
            % {"source": source, "days": days},
            advice=_("Give it more, or less at a time; limits per member stretch it as well."),
        )


def _days_by_backtest(case: _Case) -> int | None:
    """How long the budget lasted in the newest backtest of the same definition; None without one."""
    if case.campaign is None:
        return None
    same = Backtest.objects.done().filter(campaign=case.campaign, digest=asking.digest(dict(case.raw)))
    newest = same.order_by("-pk").values_list("starts_at", "ends_at", "result__budget_ended").first()
    if newest is None:
        return None
    starts_at, ends_at, ended = newest
    if not ended:
        return (ends_at - starts_at).days + DAYS
    return (date.fromisoformat(ended) - starts_at.astimezone(case.zone).date()).days + 1


_SALES: Final = """
SELECT count(*) FROM rewards_activity
WHERE program_id = $1 AND occurred_at >= $2 AND occurred_at < $3 AND kind = 'sale'"""


def _days_by_volume(case: _Case) -> int | None:
    """Only of what every sale gets: for anything else, a backtest has to say."""
    rule = case.rule
    is_for_all = rule.conditions is None and rule.audience.is_everyone and not rule.schedule.recurs
    fixed = [effect for effect in rule.effects if isinstance(effect, FixedPoints)]
    if not is_for_all or rule.trigger.kind != "sale" or not fixed or rule.limits.per_member:
        return None
    since = case.at - timedelta(days=DAYS)
    ((sales,),) = fetch(_SALES, [case.program.pk, since.astimezone(UTC), case.at.astimezone(UTC)])
    if not sales:
        return None
    points = sum(effect.points for effect in fixed)
    cost = sum((e.points * case.prices.get(e.wallet_type, Decimal(0)) for e in fixed), Decimal(0))
    each = {"times": Decimal(1), "points": Decimal(points), "money": cost}
    lasting = [
        int(Decimal(budget.amount) / (each[budget.unit] * sales / DAYS))
        for budget in rule.limits.in_all
        if each[budget.unit]
    ]
    return max(1, min(lasting)) if lasting else None


CHECKS: Final[tuple[Callable[[_Case], Iterator[Hint]], ...]] = (
    _schedule,
    _contradictions,
    _unknown_keys,
    _multipliers,
    _dates_of_points,
    _generosity,
    _size,
    _budget,
    _groups,
    _overlaps,
)
