"""Members with some months of purchases behind them, for a sandbox that is empty."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final
from uuid import UUID

from django.db import transaction
from msgspec import Struct

from integrations.sandbox import time_travel, turns
from loyalty.core.models import Program
from members import enrolment
from members.models import Member
from members.references import MemberReference
from rewards.deciding.activities import Line, Money, Sale
from rewards.journeys import earning

AT_MOST: Final = 100
MONTHS_BACK: Final = timedelta(days=90)
SOURCE: Final = "sample-data"
FIRST_NAMES: Final = ("Ada", "Bert", "Chiara", "Deniz", "Emeka", "Freya", "Goran", "Hana", "Ines", "Jonas")
LAST_NAMES: Final = ("Abel", "Brandt", "Costa", "Demir", "Eze", "Fischer", "Greco", "Haas", "Ivanov", "Jung")
STORES: Final = ("north", "south", "online")
# SKU, name, category, department, price.
GOODS: Final = (
    ("espresso", "Espresso", "coffee", "drinks", "2.40"),
    ("flat-white", "Flat white", "coffee", "drinks", "3.90"),
    ("croissant", "Croissant", "pastry", "food", "2.20"),
    ("sandwich", "Sandwich", "lunch", "food", "6.50"),
    ("beans-250", "Coffee beans, 250 g", "beans", "to-go", "9.80"),
    ("beans-1000", "Coffee beans, 1 kg", "beans", "to-go", "32.00"),
    ("mug", "Mug", "tableware", "to-go", "14.00"),
)


class SampleMember(Struct, frozen=True):
    """Somebody made up, and how to name them in calls."""

    id: UUID
    name: str
    card: str
    email: str


class SampleData(Struct, frozen=True):
    """Who was made up, and how many purchases they made."""

    members: tuple[SampleMember, ...]
    transactions: int


def add(program: Program, *, members: int, at: datetime) -> SampleData:
    """
    Enrol that many people as if over the last 90 days, and let each buy up to eight times since.

    All goes through the operations of the API, by the campaigns in force then. Who they are and what they
    buy is drawn by chance, the same each time in an empty sandbox.

    :raises NotASandbox: if the program is live
    :raises TooBusy: if it, or several others, are being filled, reset or moved
    """
    time_travel.check_sandbox(program)
    with turns.thread(), transaction.atomic():
        turns.take(program)
        return _made(program, members, at)


def _made(program: Program, members: int, at: datetime) -> SampleData:
    known = Member.objects.filter(program=program).count()
    chance = Random(known)
    people = [_enrolled(program, known + number, chance, at) for number in range(members)]
    sales = sorted(_sales(program, people, chance, at), key=lambda sale: (sale.occurred_at, sale.external_id))
    for sale in sales:
        earning.record(sale, program=program, source=SOURCE, actor=f"system:{SOURCE}", at=sale.occurred_at)
    return SampleData(tuple(person for person, _since in people), len(sales))


def _enrolled(program: Program, number: int, chance: Random, at: datetime) -> tuple[SampleMember, datetime]:
    # A number's digits: a hundred people until a name comes again.
    first, last = FIRST_NAMES[number % 10], LAST_NAMES[(number // 10 + number) % 10]
    since = at - MONTHS_BACK * chance.random()
    card = f"9{chance.randrange(10**11):011d}"
    email = f"{first}.{last}.{card[-6:]}@mail.example".lower()
    member = enrolment.enrol(
        program=program,
        identifiers=[("card", card), ("email", email)],
        first_name=first,
        last_name=last,
        birth_date=(at - timedelta(days=chance.randrange(20 * 365, 70 * 365))).date(),
        at=since,
        actor=f"system:{SOURCE}",
    )
    return SampleMember(member.pk, f"{first} {last}", card, email), since


def _sales(
    program: Program, people: Sequence[tuple[SampleMember, datetime]], chance: Random, at: datetime
) -> Iterator[Sale]:
    for person, since in people:
        for number in range(chance.randrange(9)):
            lines = tuple(_lines(program.currency, chance))
            amount = sum((line.amount.value for line in lines), Decimal())
            yield Sale(
                external_id=f"sample-{person.card}-{number + 1}",
                occurred_at=since + (at - since) * chance.random(),
                member=MemberReference(kind="id", value=str(person.id)),
                amount=Money(amount=str(amount), currency=program.currency),
                store=chance.choice(STORES),
                lines=lines,
            )


def _lines(currency: str, chance: Random) -> Iterator[Line]:
    for number, (sku, name, category, department, price) in enumerate(
        chance.sample(GOODS, chance.randrange(1, 4)), start=1
    ):
        quantity = chance.choice((1, 1, 1, 2, 3))
        yield Line(
            id=str(number),
            sku=sku,
            name=name,
            category=category,
            department=department,
            amount=Money(amount=str(Decimal(price) * quantity), currency=currency),
            quantity=str(quantity),
        )
