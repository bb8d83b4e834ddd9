"""
What partners report: sales, returns and custom events, as they arrive and as the journeys take them.

These are both the API's input (decoded from JSON by msgspec, refused with a pointer if the shape is
wrong; the OpenAPI schemas come from them too) and the arguments of `rewards.journeys.earning.record()`.
"""

from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from loyalty.core.clock import Moment
from loyalty.core.codes import VISIBLE, Code, OptionalCode
from members.references import MemberReference

Text = Annotated[str, Meta(max_length=200)]
Store = Annotated[str, Meta(max_length=60, pattern=VISIBLE)]
Whole = Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1)]
DecimalText = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{1,12}(\.[0-9]{1,2})?$(?!\n)",
        examples=["12.50"],
        description="Never negative; a string, no float",
    ),
]
QuantityText = Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,3})?$(?!\n)", examples=["2", "0.750"])]
MAX_LINES = 1_000
NOBODY: Final = MemberReference(kind="id", value=str(UUID(int=0)))
"""Whose a sale is of which nobody has said."""


class Money(Struct, frozen=True, forbid_unknown_fields=True):
    """An amount of the program's currency."""

    amount: DecimalText
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)", examples=["EUR"])]

    @property
    def value(self) -> Decimal:
        return Decimal(self.amount)


class Line(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """
    One line of a receipt: what was paid for a quantity of one product, after discounts.

    `discount` is what was taken off that line, `tax` what of its amount is tax; both are optional.
    """

    id: Code
    sku: Code
    amount: Money
    quantity: QuantityText = "1"
    name: Text = ""
    category: OptionalCode = ""
    brand: OptionalCode = ""
    department: OptionalCode = ""
    discount: Money | None = None
    tax: Money | None = None


class Activity(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, dict=True, kw_only=True):
    """What sales, returns and custom events have in common. `external_id` is the partner's own number."""

    external_id: Code
    occurred_at: Moment

    @cached_property
    def fingerprint(self) -> bytes:
        """SHA-256 of what was reported: tells a repeat from a second report that differs."""
        return sha256(msgspec.json.encode(self, order="deterministic")).digest()


class Sale(Activity, frozen=True, tag_field="kind", tag="sale", kw_only=True):
    """A purchase. `amount` is what was paid for it in all, after discounts."""

    member: MemberReference
    amount: Money
    store: Store = ""
    lines: Annotated[tuple[Line, ...], Meta(max_length=MAX_LINES)] = ()
    attributes: Annotated[dict[Code, Text | Whole | bool], Meta(max_length=50)] = {}


class Basket(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """
    What somebody is about to buy. `amount` is what they would pay for it in all, after discounts.

    Without `member` it is seen as that of somebody who joins with this purchase, and without
    `occurred_at` as bought now.
    """

    member: MemberReference | None = None
    occurred_at: Moment | None = None
    amount: Money
    store: Store = ""
    lines: Annotated[tuple[Line, ...], Meta(max_length=MAX_LINES)] = ()
    attributes: Annotated[dict[Code, Text | Whole | bool], Meta(max_length=50)] = {}


class ReturnedLine(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """
    One line of the sale that came back: all that is left of it, or so many pieces, or so much of its amount.

    With both, `quantity` says which goods came back and `amount` what was paid back for them.
    """

    id: Code
    quantity: QuantityText | None = None
    amount: Money | None = None


class Return(Activity, frozen=True, tag_field="kind", tag="return", kw_only=True):
    """
    Goods of an earlier sale that were brought back.

    `sale_external_id` names the sale as the same partner reported it. `lines` says which of its lines
    came back, or `amount` what was paid back in all; without either, it is all that is left of the sale.
    """

    sale_external_id: Code
    amount: Money | None = None
    lines: Annotated[tuple[ReturnedLine, ...], Meta(min_length=1, max_length=MAX_LINES)] | None = None


class CustomEvent(Activity, frozen=True, tag_field="kind", tag="event", kw_only=True):
    """Something else that a member did: logged in to the app, wrote a review."""

    type: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_.]{0,59}$(?!\n)", examples=["app.login"])]
    member: MemberReference
    attributes: Annotated[dict[Code, Text | Whole | bool], Meta(max_length=50)] = {}


Transaction = Sale | Return
