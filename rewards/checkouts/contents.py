"""What is in a checkout, as partners send it: the goods, and what the member wants to use for them."""

from typing import Annotated, Final
from uuid import uuid4

from django.utils.translation import gettext as _
from msgspec import Meta, Struct

from loyalty.core.codes import Code
from loyalty.core.errors import InvalidInput
from loyalty.core.models import Program
from members.holds import DEFAULT_LIFE
from members.ledger.operations import MAX_POINTS
from members.paying import Context
from members.pooling import FromHousehold
from members.references import MemberReference
from rewards.deciding.activities import MAX_LINES, Line, Money, Sale, Store, Text, Whole
from rewards.journeys import earning
from rewards.journeys.returns.goods import cents, money

LONGEST_SECONDS: Final = 24 * 60 * 60
MOST_CENTS: Final = 10**14 - 1
"""A sale's amount has twelve digits before its cents."""

Key = Annotated[str, Meta(min_length=1, max_length=40)]


class PointsWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """How many points of a kind are to pay; no more are taken than are needed."""

    wallet_type: Annotated[Key, Meta(description="Key of the kind of points")]
    points: Annotated[int, Meta(ge=1, le=MAX_POINTS)]


class CheckoutContents(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """
    A basket, and all that is applied to it. What is left out is not in it.

    `lines` are priced as the shop sells them, after its own discounts; delivery is a line of its own.
    """

    lines: Annotated[tuple[Line, ...], Meta(min_length=1, max_length=MAX_LINES)]
    store: Store = ""
    attributes: Annotated[dict[Code, Text | Whole | bool], Meta(max_length=50)] = {}
    points: Annotated[
        tuple[PointsWanted, ...], Meta(max_length=5, description="Points that pay, each kind once")
    ] = ()
    rewards: Annotated[
        tuple[Key, ...], Meta(max_length=20, description="Keys of rewards that are bought with points")
    ] = ()
    vouchers: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...],
        Meta(max_length=20, description="Codes of vouchers, however they were typed, each once"),
    ] = ()
    from_household: FromHousehold = False
    lives_for_seconds: Annotated[
        int,
        Meta(
            ge=1,
            le=LONGEST_SECONDS,
            description="After so many seconds everything reserved is free again; a day at most",
        ),
    ] = int(DEFAULT_LIFE.total_seconds())


class CheckoutRequest(CheckoutContents, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whose basket it is, and what is in it."""

    member: MemberReference


def check(contents: CheckoutContents, member: MemberReference, context: Context) -> None:
    """
    Refuse what cannot be, whatever the member has.

    :raises InvalidInput: with a pointer to the field at fault
    """
    subtotal = sum(cents(line.amount.value) for line in contents.lines)
    if subtotal > MOST_CENTS:
        raise InvalidInput(_("The basket costs more than can be counted."), pointer="#/lines")
    program = context.program
    # The lines are those of the sale that it may become.
    sale = Sale(
        external_id=str(uuid4()),
        occurred_at=context.at,
        member=member,
        amount=priced(subtotal, program),
        store=contents.store,
        lines=contents.lines,
        attributes=contents.attributes,
    )
    earning.check(sale, program=program, at=context.at)
    seen: set[str] = set()
    for position, wanted in enumerate(contents.points):
        if wanted.wallet_type in seen:
            detail = _("The points “{key}” are there twice.").format(key=wanted.wallet_type)
            raise InvalidInput(detail, pointer=f"#/points/{position}/wallet_type")
        seen.add(wanted.wallet_type)


def priced(in_cents: int, program: Program) -> Money:
    return Money(amount=f"{money(in_cents):.2f}", currency=program.currency)
