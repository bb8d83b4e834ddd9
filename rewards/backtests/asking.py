"""Asking for a backtest, and calling it off."""

import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core import clock
from loyalty.core.errors import DomainError
from loyalty.core.models import Program
from members.finance import estimates
from members.models import WalletType
from rewards.backtests import rulebooks, stream
from rewards.engine import definition as engine_definition
from rewards.models import Backtest, BacktestStatus, Campaign, CampaignVersion

DAYS_AT_MOST: Final = 1_100
WAITING_AT_MOST: Final = 10
MONTHS_BY_DEFAULT: Final = 12


class NothingHappened(DomainError):
    """A backtest needs past activities."""

    code: ClassVar[str] = "nothing_happened"
    title = gettext_lazy("There are no past activities")


class PeriodOutOfRange(DomainError):
    """The period is turned round, too long, or still to come."""

    code: ClassVar[str] = "period_out_of_range"
    status: ClassVar[int] = 422
    title = gettext_lazy("That is no period for a backtest")


class TooManyBacktests(DomainError):
    """So many wait already that this one would not have its turn for long."""

    code: ClassVar[str] = "too_many_backtests"
    title = gettext_lazy("Too many backtests are waiting")


def digest(definition: dict[str, Any]) -> str:
    """The same for the same definition, in whatever order its keys are."""
    said = json.dumps(definition, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(said.encode()).hexdigest()


def usual_period(program: Program) -> tuple[date, date] | None:
    """First and last day of the last 12 months of what there is; None without activities."""
    edges = stream.edges(program)
    if edges is None:
        return None
    first, last = (clock.local_date(program, moment) for moment in edges)
    last = min(last, clock.today(program))
    return max(first, _a_year_before(last)), max(first, last)


def _a_year_before(day: date) -> date:
    """The day after the same one a year ago; of 29 February, 1 March."""
    try:
        return day.replace(year=day.year - 1) + timedelta(days=1)
    except ValueError:
        return date(day.year - 1, 3, 1)


def ask(
    campaign: Campaign,
    *,
    definition: dict[str, Any],
    actor: str,
    first: date | None = None,
    last: date | None = None,
    keeps_dates: bool = False,
) -> tuple[Backtest, bool]:
    """
    A backtest of the definition from the first day to the last, and whether it is a new one.

    The same one that is under way is not started twice. Someone has to carry it out.

    :raises rewards.engine.problems.InvalidDefinition: if the definition cannot be run
    :raises NothingHappened: if there are no activities
    :raises PeriodOutOfRange: if the last day comes before the first one, or too long after it
    :raises TooManyBacktests: if too many wait already
    """
    program = campaign.program
    kinds = list(WalletType.objects.filter(program=program).values_list("pk", "key"))
    engine_definition.parse(definition, wallet_types=[key for _pk, key in kinds])
    starts_at, ends_at = _period(program, first, last)
    at = clock.now(program)
    versions = [one.version_id for one in rulebooks.in_force(program, at=at, keeps_dates=keeps_dates)]
    with transaction.atomic():
        Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
        under_way = Backtest.objects.under_way().filter(program=program)
        asked = {"starts_at": starts_at, "ends_at": ends_at, "keeps_dates": keeps_dates}
        same = under_way.filter(
            campaign=campaign, digest=digest(definition), is_to_stop=False, **asked
        ).first()
        if same is not None:
            return same, False
        if under_way.count() > WAITING_AT_MOST:
            raise TooManyBacktests(_("Wait until some of them have ended, or cancel them."))
        published = campaign.versions.filter(definition=definition).order_by("-number").first()
        return Backtest.objects.create(
            program=program,
            campaign=campaign,
            version=published,
            replaced=CampaignVersion.objects.filter(campaign=campaign, pk__in=versions).first(),
            definition=definition,
            digest=digest(definition),
            rules=[str(version) for version in versions],
            prices=_prices(program, kinds, on=clock.local_date(program, at)),
            actor=actor,
            asked_at=timezone.now(),
            **asked,
        ), True


def _period(program: Program, first: date | None, last: date | None) -> tuple[datetime, datetime]:
    usual = usual_period(program)
    if usual is None:
        raise NothingHappened(_("A backtest looks at past sales and events. There are none yet."))
    first, last = first or usual[0], last or usual[1]
    if last < first:
        raise PeriodOutOfRange(_("The last day comes before the first one."), pointer="#/last")
    if (last - first).days >= DAYS_AT_MOST:
        raise PeriodOutOfRange(_("Choose at most %(days)s days.") % {"days": DAYS_AT_MOST}, pointer="#/first")
    if first > clock.today(program):
        raise PeriodOutOfRange(_("Nothing has happened then yet."), pointer="#/first")
    zone = ZoneInfo(program.time_zone)
    return datetime.combine(first, time.min, zone), datetime.combine(last + timedelta(days=1), time.min, zone)


def _prices(program: Program, kinds: list[tuple[Any, str]], *, on: date) -> dict[str, str]:
    known = estimates.of(program)
    costs = {key: known.cost(pk, on=on) for pk, key in kinds}
    return {key: f"{cost:f}" for key, cost in costs.items() if cost > Decimal(0)}


def cancel(backtest: Backtest) -> None:
    """Call it off: at once if it waits, else its worker stops within a second or two."""
    now = timezone.now()
    waiting = Backtest.objects.filter(pk=backtest.pk, status=BacktestStatus.WAITING)
    if not waiting.update(status=BacktestStatus.CANCELLED, finished_at=now, is_to_stop=True):
        Backtest.objects.under_way().filter(pk=backtest.pk).update(is_to_stop=True)
