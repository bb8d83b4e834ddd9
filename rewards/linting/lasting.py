"""How long points and budgets last."""

from collections.abc import Iterator
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from loyalty.core import clock
from loyalty.core.db import fetch
from rewards.engine.definition import digest
from rewards.engine.effects import FixedPoints
from rewards.linting.case import ERROR, WARNING, Case, Hint
from rewards.models import Backtest

DAYS: Final = 30
"""A budget that lasts shorter may be a slip; also how far recent volume looks back."""


def dates_of_points(case: Case) -> Iterator[Hint]:
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


def budget(case: Case) -> Iterator[Hint]:
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


def _days_by_backtest(case: Case) -> int | None:
    """How long the budget lasted in the newest backtest of the same definition; None without one."""
    if case.campaign is None:
        return None
    same = Backtest.objects.done().filter(campaign=case.campaign, digest=digest(dict(case.raw)))
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


def _days_by_volume(case: Case) -> int | None:
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
