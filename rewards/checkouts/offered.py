"""What may be applied to a basket: which rewards, and points of which kinds at which rate."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core.errors import DomainError, InvalidInput
from loyalty.core.models import Program
from members import terms
from members.holds import PointsNotSpendable, UnknownWalletType
from members.terms import WalletTerms
from rewards.checkouts.contents import PointsWanted
from rewards.checkouts.pricing import Discount, Kind, Rate, Tender
from rewards.journeys.returns.goods import cents
from rewards.models import Discounted, Reward, Voucher
from rewards.redeeming import UnknownReward
from rewards.redeeming import vouchers as looked_up


class PointsDoNotPay(DomainError):
    """Points of this kind cannot be used as money at a checkout: the program states no rate for them."""

    code: ClassVar[str] = "points_do_not_pay"
    status: ClassVar[int] = 422
    title = gettext_lazy("These points do not pay at a checkout")


class NothingLeftToPay(DomainError):
    """There is nothing that this discount or these points could take anything off: it stays unused."""

    code: ClassVar[str] = "nothing_left_to_pay"
    status: ClassVar[int] = 422
    title = gettext_lazy("There is nothing to take it off")


def tenders(wanted: Sequence[PointsWanted], *, program: Program) -> list[Tender]:
    """
    :raises UnknownWalletType: if the program has no such kind of points
    :raises PointsNotSpendable: if points of that kind cannot be spent
    :raises PointsDoNotPay: if they do not pay at a checkout
    """
    known = terms.of(program).wallet_types
    return [
        Tender(points=one.points, rate=_rate(known.get(one.wallet_type), one.wallet_type, position))
        for position, one in enumerate(wanted)
    ]


def _rate(kind: WalletTerms | None, key: str, position: int) -> Rate:
    pointer = f"#/points/{position}/wallet_type"
    if kind is None:
        detail = _("The program has no kind of points “{key}”.").format(key=key)
        raise UnknownWalletType(detail, pointer=pointer)
    if not kind.is_spendable:
        raise PointsNotSpendable(_("“{key}” cannot be spent.").format(key=key), pointer=pointer)
    rate = rate_of(kind)
    if rate is None:
        detail = _("“{key}” do not pay at a checkout.").format(key=key)
        raise PointsDoNotPay(detail, pointer=pointer)
    return rate


def rate_of(kind: WalletTerms) -> Rate | None:
    if kind.checkout_points is None or kind.checkout_amount is None:
        return None
    return Rate(points=kind.checkout_points, cents=cents(kind.checkout_amount))


def payable(program: Program) -> Iterator[tuple[WalletTerms, Rate]]:
    """The kinds of points that pay at a checkout."""
    for kind in terms.of(program).wallet_types.values():
        if rate := rate_of(kind):
            yield kind, rate


def rewards(keys: Sequence[str], *, program: Program) -> list[Reward]:
    """
    The rewards with these keys, in this order; one that is there twice is wanted twice.

    :raises UnknownReward: with a pointer
    """
    if not keys:
        return []
    rows = Reward.objects.of(program).filter(key__in=set(keys)).select_related("wallet_type")
    known = {reward.key: reward for reward in rows}
    for position, key in enumerate(keys):
        if key not in known:
            detail = _("The program has no reward “{key}”.").format(key=key)
            raise UnknownReward(detail, pointer=f"#/rewards/{position}")
    return [known[key] for key in keys]


def vouchers(codes: Sequence[str], *, program: Program) -> list[Voucher]:
    """
    The vouchers with these codes, in this order.

    :raises UnknownVoucher: with a pointer
    :raises InvalidInput: if one is there twice
    """
    found: list[Voucher] = []
    for position, code in enumerate(codes):
        with pointed(f"#/vouchers/{position}"):
            voucher = looked_up.find(code, program=program)
            if voucher in found:
                raise InvalidInput(_("This voucher is there twice."))
            found.append(voucher)
    return found


@contextmanager
def pointed(pointer: str) -> Iterator[None]:
    """Refusals within are about this part of the body."""
    try:
        yield
    except DomainError as refusal:
        refusal.pointer = pointer
        raise


def discount_of(reward: Discounted) -> Discount:
    amount, maximum = reward.discount_amount, reward.discount_maximum
    return Discount(
        kind=Kind[reward.discount_kind.upper()],
        cents=cents(amount) if amount is not None else 0,
        percent=reward.discount_percent or Decimal(0),
        sku=reward.discount_sku,
        at_most=cents(maximum) if maximum is not None else None,
    )
