"""A reward as somebody asks for it: who it is for, whether it is to be had, and what stands against it."""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Final
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Struct

from loyalty.core.db import fetch
from loyalty.core.errors import DomainError, Extra
from loyalty.core.models import Program
from members import terms
from members.ledger import store
from members.ledger.state import Account
from members.references import MemberReference, member_of, reference
from rewards.models import CodesFrom
from rewards.redeeming.baskets import check_minimum


class UnknownReward(DomainError):
    """The program has no reward with that key."""

    code: ClassVar[str] = "unknown_reward"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "No such reward"


class RewardNotOnOffer(DomainError):
    """The reward is switched off, or not on offer yet or any more."""

    code: ClassVar[str] = "reward_not_on_offer"
    title: ClassVar[str] = "The reward is not on offer now"


class RewardSoldOut(DomainError):
    """The last piece of the reward is gone."""

    code: ClassVar[str] = "reward_sold_out"
    title: ClassVar[str] = "The reward is sold out"


class RewardLimitReached(DomainError):
    """The member has had the reward as often as one may, by its `limit` for a `period` of the calendar."""

    code: ClassVar[str] = "reward_limit_reached"
    title = gettext_lazy("The member has had this reward as often as one may")
    extras = {
        "limit": Extra(1, gettext_lazy("How often a member may have it")),
        "period": Extra(
            "month",
            gettext_lazy("What that is counted over: ever, or a day, week, month or year of the calendar"),
        ),
    }


class Offer(Struct, frozen=True):
    """A reward as it stands in the catalogue; the fields are columns, in this order."""

    id: UUID
    key: str
    price: int
    wallet_type_id: UUID
    stock: int | None
    has_voucher: bool
    codes_from: str
    voucher_valid_days: int
    voucher_uses: int
    limit_per_member: int | None
    limit_period: str
    minimum_basket: Decimal | None
    is_active: bool
    starts_at: datetime | None
    ends_at: datetime | None

    @property
    def has_uploaded_codes(self) -> bool:
        return self.codes_from == CodesFrom.UPLOADED


class Request(Struct, frozen=True, kw_only=True):
    """Who wants which reward (by its key), where and when."""

    member: MemberReference
    reward: str
    program: Program
    source: str
    actor: str
    at: datetime
    from_household: bool = False
    basket: Decimal | None = None
    """What the basket costs that it is for, before discounts; None: that is checked where it is used."""


class Found(Struct, frozen=True, kw_only=True):
    """The member and the reward that were asked for; `bought` counts only where the reward has a limit."""

    account: Account
    offer: Offer
    bought: int


def bought_column(*, at: str, zone: str, reward: str = "reward") -> str:
    """
    A column for a statement about a `member` and a reward: what counts towards the reward's limit.

    `at` and `zone` are expressions in SQL, `reward` is what the reward's row is called. Costs nothing
    for a reward without a limit. What is decided from it is exact if it is written only while the
    member's wallets stay as they were read: whoever buys something moves one of them.
    """
    return f"""(
    SELECT count(*) FROM rewards_redemption AS bought
    WHERE {reward}.limit_per_member IS NOT NULL
      AND bought.member_id = member.id AND bought.reward_id = {reward}.id AND bought.points > 0
      AND (bought.status IN ('confirmed', 'fulfilled')
           OR bought.status = 'held' AND bought.expires_at > {at}::timestamptz)
      AND bought.redeemed_at >= CASE {reward}.limit_period WHEN 'ever' THEN '-infinity'::timestamptz
          ELSE date_trunc({reward}.limit_period, {at}::timestamptz AT TIME ZONE {zone}::text)
               AT TIME ZONE {zone}::text END)"""


_COLUMNS: Final = ", ".join(f"reward.{name}" for name in Offer.__struct_fields__)
_FIND: Final = f"""
SELECT {_COLUMNS}, {bought_column(at="$5", zone="$6")},
       {store.open_lots_column("wallet.id")}, {store.ACCOUNT_COLUMNS}
FROM (VALUES ($2::text, $3::text)) AS asked(kind, value)
{store.ACCOUNT_JOINS}
LEFT JOIN rewards_reward reward ON reward.program_id = $1 AND reward.key = $4
LEFT JOIN members_wallet wallet ON wallet.member_id = member.id AND wallet.type_id = reward.wallet_type_id"""


def find(request: Request) -> Found:
    """
    The member with the lots that can pay, and the reward: one statement.

    :raises UnknownMember: if no member of the program has that identifier
    :raises MemberIsBlocked: if the member may not spend
    :raises UnknownReward: if the program has no such reward
    """
    program = request.program
    asked = [*reference(request.member), request.reward, request.at, program.time_zone]
    (row,) = fetch(_FIND, [program.pk, *asked])
    width = len(Offer.__struct_fields__)
    columns, bought, lots, found = row[:width], row[width], row[width + 1], row[width + 2 :]
    account = member_of(store.read_account(program.pk, found), request.member)
    if columns[0] is None:
        detail = _("The program has no reward “{key}”.")
        raise UnknownReward(detail.format(key=request.reward), pointer="#/reward")
    offer = Offer(*columns)
    keeps_due = terms.of(program).keeps_due
    account = store.filled(account, offer.wallet_type_id, lots, keeps_due=keeps_due)
    return Found(account=account, offer=offer, bought=bought)


def check(offer: Offer, *, at: datetime) -> None:
    """
    Is the reward to be had at that moment, whoever asks?

    :raises RewardNotOnOffer: outside its dates, or when it is switched off
    :raises RewardSoldOut: if no piece is left
    """
    if (
        not offer.is_active
        or (offer.starts_at and at < offer.starts_at)
        or (offer.ends_at and at >= offer.ends_at)
    ):
        detail = _("The reward “{key}” is not on offer now.")
        raise RewardNotOnOffer(detail.format(key=offer.key), pointer="#/reward")
    if offer.stock == 0:
        raise sold_out(offer.key)


def check_basket(request: Request, offer: Offer) -> None:
    """:raises BasketTooSmall: if it is told what the basket costs, and that is too little"""
    if request.basket is not None:
        check_minimum(
            offer.minimum_basket,
            name=offer.key,
            basket=request.basket,
            program=request.program,
            pointer="#/basket",
        )


def check_limit(offer: Offer, *, bought: int) -> None:
    """:raises RewardLimitReached: if the member has had it as often as one may"""
    limit = offer.limit_per_member
    if limit is not None and bought >= limit:
        raise RewardLimitReached(
            _("The member has had “{key}” {times} times, which is the limit.").format(
                key=offer.key, times=bought
            ),
            pointer="#/reward",
            limit=limit,
            period=offer.limit_period,
        )


def sold_out(key: str) -> RewardSoldOut:
    return RewardSoldOut(_("No “{key}” is left.").format(key=key), pointer="#/reward")
