"""What the API takes and answers for transactions, events and redemptions, as schemas."""

from decimal import Decimal
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from loyalty.core.clock import Moment
from loyalty.core.codes import Code
from loyalty.core.models import Program
from members.pooling import FromHousehold
from members.references import MemberReference
from rewards.checkouts.giving_back import Used
from rewards.deciding import activities
from rewards.deciding.activities import MAX_LINES, NOBODY, Line, Money, Return, Store, Text, Whole
from rewards.deciding.recorded import Recorded, check_currency
from rewards.journeys.claiming import Kept
from rewards.journeys.returning import Waits


class Sale(activities.Activity, frozen=True, tag_field="kind", tag="sale", kw_only=True):
    """
    A purchase. `amount` is what was paid for it in all, after discounts.

    Without `member` it is kept until somebody claims it by its receipt.
    """

    member: MemberReference | None = None
    amount: Money
    store: Store = ""
    lines: Annotated[tuple[Line, ...], Meta(max_length=MAX_LINES)] = ()
    attributes: Annotated[dict[Code, Text | Whole | bool], Meta(max_length=50)] = {}

    def of_whoever(self) -> activities.Sale:
        """The same as its member's, or nobody's."""
        return activities.Sale(
            external_id=self.external_id,
            occurred_at=self.occurred_at,
            member=self.member or NOBODY,
            amount=self.amount,
            store=self.store,
            lines=self.lines,
            attributes=self.attributes,
        )


Transaction = Sale | Return


class Award(Struct, frozen=True, omit_defaults=True):
    """Points that one campaign gave, or that a return took back, and why."""

    wallet_type: str
    points: Annotated[int, Meta(description="Negative if they were taken back")]
    reason: str
    campaign: Annotated[str, Meta(description="Key of the campaign")] = ""
    version_id: UUID | None = None


class WalletBalance(Struct, frozen=True):
    """A wallet right after the transaction, in points."""

    type: str
    available: int
    pending: int
    held: int


class ReturnedGoods(Struct, frozen=True):
    """A line of the sale, and how much of it came back."""

    id: str
    quantity: str
    amount: Money


class TakenFor(Struct, frozen=True):
    """How many of the points were from which campaign."""

    campaign: Annotated[str, Meta(description="Key of the campaign")]
    points: int


class Taken(Struct, frozen=True, kw_only=True):
    """Points that a return took from one wallet."""

    wallet_type: str
    points: Annotated[int, Meta(description="Points that left the wallet")]
    owed: Annotated[int, Meta(description="Points that the sale had given for what came back")]
    written_off: Annotated[int, Meta(description="Of those, what was spent already and is given up")]
    debt: Annotated[int, Meta(description="Of those, what was spent already and the next points will pay")]
    campaigns: Annotated[tuple[TakenFor, ...], Meta(description="What had given the owed points")]


class GivenBack(Struct, frozen=True, kw_only=True):
    """Points that had paid for what came back."""

    wallet_type: str
    hold_id: UUID
    points: Annotated[int, Meta(description="Points that came back, with their old expiry dates")]
    expired: Annotated[int, Meta(description="Of those, what had expired meanwhile and is gone again")]
    debt_paid: Annotated[int, Meta(description="Of those, what paid for points that the member owed")]


class Returned(Struct, frozen=True, kw_only=True):
    """What a return did."""

    sale_id: UUID
    amount: Money
    lines: Annotated[tuple[ReturnedGoods, ...], Meta(description="Empty if no lines were named")]
    taken: tuple[Taken, ...]
    given_back: tuple[GivenBack, ...]


class Gift(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Something that a campaign gave beside points."""

    kind: Literal["reward", "badge", "challenge_progress", "prize_draw_entry"]
    campaign: Annotated[str, Meta(description="Key of the campaign")]
    key: Annotated[str, Meta(description="Key of the reward, badge, challenge or prize draw")]
    voucher_code: Annotated[str, Meta(description="Of a reward")] = ""
    voucher_expires_at: Annotated[Moment | None, Meta(description="Of a reward")] = None
    progress: Annotated[int | None, Meta(description="Towards the challenge's goal, after this")] = None
    goal: Annotated[int | None, Meta(description="Of a challenge")] = None
    completions: Annotated[int | None, Meta(description="How often the challenge was completed")] = None
    entries: Annotated[int | None, Meta(description="Into the prize draw")] = None


class TransactionResult(Struct, frozen=True, kw_only=True):
    """What a till shows: the points, the new balances, the tier, and what campaigns gave besides."""

    id: UUID
    kind: str
    external_id: str
    member_id: UUID
    occurred_at: Moment
    recorded_at: Moment
    points: Annotated[int, Meta(description="Spendable points in all; negative for a return")]
    awards: tuple[Award, ...]
    wallets: tuple[WalletBalance, ...]
    tier: Annotated[str | None, Meta(description="Key of the tier on the program's first ladder")]
    messages: Annotated[tuple[str, ...], Meta(description="What to tell the member, as on the receipt")]
    gifts: tuple[Gift, ...]
    returned: Annotated[Returned | None, Meta(description="Of a return: what it did")] = None


class CampaignVerdict(Struct, frozen=True):
    """Whether a campaign gave something for a transaction, and what it lacked if not."""

    campaign: str
    name: str
    matched: bool
    points: int
    reasons: tuple[str, ...]


class TransactionExplained(TransactionResult, frozen=True, kw_only=True):
    """A transaction as it was booked, with every campaign's verdict on it."""

    status: Annotated[
        Literal["booked", "cancelled", "corrected"], Meta(description="`booked`, or a mistake put right")
    ]
    corrected_by: Annotated[UUID | None, Meta(description="The sale in the place of this one")]
    corrects: Annotated[UUID | None, Meta(description="The mistake that this sale stands in the place of")]
    source: Annotated[str, Meta(description="Key of the partner that reported it")]
    amount: Money
    store: str
    lines: Annotated[tuple[Line, ...], Meta(description="As they were reported; of a return, what came back")]
    attributes: dict[str, str | int | bool]
    verdicts: tuple[CampaignVerdict, ...]
    used: Annotated[
        Used | None, Meta(description="What was used at its checkout, as that is now; null: it had none")
    ]


BASKET: Final = (
    "What the basket costs that it is taken off, before anything is taken off: it is refused if the reward is"
    " for larger ones. Left out: not checked"
)


class RedemptionRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Who buys which reward."""

    member: MemberReference
    reward: Annotated[str, Meta(min_length=1, max_length=40, description="Key of the reward")]
    from_household: FromHousehold = False
    basket: Annotated[Money | None, Meta(description=BASKET)] = None


def value_of(basket: Money | None, program: Program) -> Decimal | None:
    """
    What a basket costs, if that was told.

    :raises InvalidInput: if it is in another currency
    """
    if basket is None:
        return None
    check_currency(basket, program, "#/basket/currency")
    return basket.value


def answer_of(recorded: Recorded | Waits | Kept) -> dict[str, Any]:
    """What the partner is told: the same at first and at every repeat."""
    plain: dict[str, Any] = msgspec.to_builtins(recorded)
    plain.pop("is_repeat", None)
    if isinstance(recorded, Recorded) and recorded.returned is None:
        del plain["returned"]
    return plain


def status_of(recorded: Recorded | Waits | Kept) -> int:
    """Whether it is booked, or accepted to be booked later."""
    return 201 if isinstance(recorded, Recorded) else 202
