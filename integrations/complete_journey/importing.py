"""
The year as members and points: households are enrolled, baskets recorded, in order of time.

Each chunk of baskets is one plan, written whole or not at all. What is there already, by its
outside id, is passed over, so an import that was killed goes on where it stopped, and one that was
finished adds nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import lru_cache
from itertools import batched
from time import monotonic
from typing import Final, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from integrations.complete_journey import files
from integrations.complete_journey.calendar import Calendar, days_between, days_to_end_on
from integrations.complete_journey.files import Basket, BasketLine, Wanted
from loyalty.core.db import refresh_statistics
from loyalty.core.errors import DomainError
from loyalty.core.models import Program
from members import enrolment
from members.models import Identifier, IdentifierKind
from members.references import MemberReference
from rewards.deciding.activities import Line, Money, Sale
from rewards.journeys import earning
from rewards.models import Activity, ActivityKind

SOURCE: Final = "complete-journey"
ACTOR: Final = "system:complete-journey-import"
CHUNK: Final = 500
STATISTICS_BEFORE: Final = {1, 5, 25, 125}
"""Chunks at whose start the tables are so much larger that statements want other plans."""


class YearAlreadyPlaced(DomainError):
    """The program has baskets of the data already, moved by another number of days."""

    code = "year_already_placed"
    title = "The year was imported with other dates"


@dataclass(frozen=True, slots=True)
class Choice:
    """
    What is to be imported, and when it is to have happened.

    `missing` are the baskets to record, `there` is the number of those that are recorded already.
    """

    program: Program
    calendar: Calendar
    households: dict[int, datetime]
    before: datetime
    missing: Wanted
    there: int
    total: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A household or basket that was not taken, and why."""

    kind: str
    external_id: str
    code: str
    reason: str


@dataclass(slots=True)
class Summary:
    """What a run did; what was there before it is not counted, but for `…_there`."""

    members: int = 0
    members_there: int = 0
    baskets: int = 0
    baskets_there: int = 0
    lines: int = 0
    points: int = 0
    wallets: set[tuple[UUID, str]] = field(default_factory=set)
    refusals: list[Refusal] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Person:
    """What the data do not say of a household, for programs that want to show somebody."""

    first_name: str = ""
    last_name: str = ""
    email: str = ""


class Progress(Protocol):
    """Told how much of a known total is done; tqdm's bar is one."""

    def update(self, n: int, /) -> object: ...


def choose(
    *,
    program: Program,
    at: datetime,
    households: int | None = None,
    until: date | None = None,
    year_ends: date | None = None,
) -> Choice:
    """
    Decide what to import and by how many days to move it.

    :param at: the program's present; baskets that would lie after it are left out
    :param households: the number of households to take, those with the lowest ids; all if None
    :param until: the last day of the program's calendar to import
    :param year_ends: the day that the data's last day becomes; where it lies already, or 2017, if None
    :raises YearAlreadyPlaced: if baskets are there that were moved otherwise
    """
    zone = ZoneInfo(program.time_zone)
    placed = _days_moved(program, zone)
    days = days_to_end_on(year_ends) if year_ends else placed or 0
    if placed is not None and placed != days:
        raise YearAlreadyPlaced(
            f"Its baskets were moved by {placed} days, not by {days}; leave the date out to go on."
        )
    calendar = Calendar(zone, days)
    before = min(at, calendar.end_of(until)) if until else at
    firsts = {id: calendar.moved(moment) for id, moment in files.first_purchases(households).items()}
    chosen = {id: moment for id, moment in firsts.items() if moment < before}
    known = set(map(int, _imported(program).values_list("external_id", flat=True).iterator()))
    everything = Wanted(chosen, calendar.unmoved(before))
    missing = replace(everything, but_not=known)
    total = files.extent(everything).baskets
    there = total - files.extent(missing).baskets if known else 0
    return Choice(program, calendar, chosen, before, missing, there, total)


def _days_moved(program: Program, zone: ZoneInfo) -> int | None:
    """None if nothing was imported yet."""
    basket = _imported(program).order_by("-id").first()
    if basket is None:
        return None
    number = int(basket.external_id)
    return days_between(raw=files.moments([number])[number], moved=basket.occurred_at, zone=zone)


def _imported(program: Program) -> QuerySet[Activity]:
    return Activity.objects.filter(program=program, source=SOURCE, kind=ActivityKind.SALE)


def run(
    choice: Choice,
    *,
    at: datetime | None = None,
    chunk: int = CHUNK,
    people: Callable[[int], Person] = lambda household: Person(),
    progress: Progress | None = None,
    after_chunk: Callable[[datetime], None] | None = None,
) -> Summary:
    """
    Enrol the chosen households and record those of their baskets that are missing.

    :param at: when it is recorded; the moment of each chunk's last basket if None, as if it happened live
    :param people: who a household is, by its number
    :param after_chunk: called with the moment of the last basket of each chunk
    """
    began = monotonic()
    summary = Summary(baskets_there=choice.there)
    _enrol(choice, at=at or choice.before, people=people, summary=summary)
    for number, baskets in enumerate(batched(files.baskets(choice.missing), chunk)):
        if number in STATISTICS_BEFORE:
            refresh_statistics()
        last = choice.calendar.moved(baskets[-1].bought_at)
        _record(choice, baskets, at=at or last, summary=summary)
        if after_chunk:
            after_chunk(last)
        if progress:
            progress.update(len(baskets))
    summary.seconds = monotonic() - began
    return summary


def _enrol(choice: Choice, *, at: datetime, people: Callable[[int], Person], summary: Summary) -> None:
    """Make members of the households that are none yet. Whoever has a household's outside id is it."""
    external = Identifier.objects.filter(program=choice.program, kind=IdentifierKind.EXTERNAL)
    there = set(external.values_list("value", flat=True).iterator())
    missing = {id: moment for id, moment in choice.households.items() if str(id) not in there}
    summary.members_there = len(choice.households) - len(missing)
    known = files.demographics()
    enrolments = [
        enrolment_of(id, enrolled_at=moment, attributes=known.get(id, {}), person=people(id))
        for id, moment in missing.items()
    ]
    results = (
        enrolment.enrol_many(enrolments, program=choice.program, at=at, actor=ACTOR) if enrolments else []
    )
    for id, result in zip(missing, results, strict=True):
        if isinstance(result, DomainError):
            summary.refusals.append(Refusal("household", str(id), result.code, result.detail))
        else:
            summary.members += 1


def enrolment_of(
    household: int, *, enrolled_at: datetime, attributes: dict[str, str], person: Person
) -> enrolment.Enrolment:
    """A household as a member. Its number is both its card and its outside id."""
    identifiers = [("card", str(household)), ("external", str(household))]
    return enrolment.Enrolment(
        identifiers=[*identifiers, ("email", person.email)] if person.email else identifiers,
        enrolled_at=enrolled_at,
        first_name=person.first_name,
        last_name=person.last_name,
        attributes=attributes,
    )


def _record(choice: Choice, baskets: Sequence[Basket], *, at: datetime, summary: Summary) -> None:
    sales = [
        sale_of(basket, currency=choice.program.currency, calendar=choice.calendar) for basket in baskets
    ]
    results = earning.record_many(sales, program=choice.program, source=SOURCE, actor=ACTOR, at=at)
    for basket, result in zip(baskets, results, strict=True):
        if isinstance(result, DomainError):
            summary.refusals.append(Refusal("basket", str(basket.id), result.code, result.detail))
        elif result.is_repeat:
            summary.baskets_there += 1
        else:
            summary.baskets += 1
            summary.lines += len(basket.lines)
            summary.points += result.points
            summary.wallets.update((result.member_id, award["wallet_type"]) for award in result.awards)


def sale_of(basket: Basket, *, currency: str, calendar: Calendar) -> Sale:
    """A basket as a till would have reported it: all of its lines, those worth nothing too."""
    return Sale(
        external_id=str(basket.id),
        occurred_at=calendar.moved(basket.bought_at),
        member=MemberReference(kind="external", value=str(basket.household_id)),
        amount=_money(basket.cents, currency),
        store=str(basket.store_id),
        lines=tuple(_line(number, line, currency) for number, line in enumerate(basket.lines, start=1)),
    )


def _line(number: int, line: BasketLine, currency: str) -> Line:
    product = files.products().get(line.product_id, files.NO_PRODUCT)
    return Line(
        id=str(number),
        sku=str(line.product_id),
        amount=_money(line.cents, currency),
        quantity=str(line.quantity),
        name=product.name,
        category=product.category,
        brand=product.brand,
        department=product.department,
    )


@lru_cache(maxsize=8192)
def _money(cents: int, currency: str) -> Money:
    return Money(amount=f"{cents // 100}.{cents % 100:02}", currency=currency)
