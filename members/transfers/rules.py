"""What a program lets its members pass on: to whom, how few, how many a month, for which fee."""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core.errors import DomainError, Extra
from loyalty.core.models import Program
from members.models import HouseholdMember, Transfer, TransferScope
from members.terms import WalletTerms


class TransferNotAllowed(DomainError):
    """The program does not let these points go to that member."""

    code: ClassVar[str] = "transfer_not_allowed"
    title = gettext_lazy("These points cannot be passed on")


class TransferToOneself(DomainError):
    """Sender and recipient are the same member."""

    code: ClassVar[str] = "transfer_to_oneself"
    title = gettext_lazy("Sender and recipient are the same")


class TransferTooSmall(DomainError):
    """Fewer points than the program lets members pass on at once; `minimum` says how many."""

    code: ClassVar[str] = "transfer_below_minimum"
    title = gettext_lazy("Too few points to pass on")
    extras = {
        "minimum": Extra(100, gettext_lazy("How many points may be passed on at least")),
    }


class TransferLimitReached(DomainError):
    """The sender may not pass on so many points this month; `left` says how many still."""

    code: ClassVar[str] = "transfer_limit_reached"
    title = gettext_lazy("The monthly limit is reached")
    extras = {
        "left": Extra(50, gettext_lazy("How many points the sender may still pass on this month")),
    }


def check(
    *, sender_id: UUID, recipient_id: UUID, points: int, kind: WalletTerms, program: Program, at: datetime
) -> UUID | None:
    """
    The household that both are in, if any and if the transfer is allowed; within one, it is free.

    :raises TransferNotAllowed: if these points cannot be passed on, or not to that member
    :raises TransferTooSmall: below the minimum, or if the fee leaves nothing
    :raises TransferLimitReached: above what the sender may still pass on this month
    """
    household_id = HouseholdMember.objects.shared_by(sender_id, recipient_id)
    if kind.transfers_to == TransferScope.NOBODY:
        detail = _("{points} cannot be passed on to others.").format(points=kind.name)
        raise TransferNotAllowed(detail, pointer="#/wallet_type")
    if kind.transfers_to == TransferScope.HOUSEHOLD and household_id is None:
        detail = _("{points} can only be passed on within a household.").format(points=kind.name)
        raise TransferNotAllowed(detail, pointer="#/recipient")
    if points < kind.transfer_minimum:
        detail = _("At least {minimum} points are passed on at once.").format(minimum=kind.transfer_minimum)
        raise TransferTooSmall(detail, pointer="#/points", minimum=kind.transfer_minimum)
    left = None if household_id else left_this_month(sender_id, kind, program=program, at=at)
    if left is not None and points > left:
        detail = _("The limit is {limit} points a month; {left} are left.")
        raise TransferLimitReached(
            detail.format(limit=kind.transfer_monthly_limit, left=left), pointer="#/points", left=left
        )
    if household_id is None and fee_of(points, kind) == points:
        raise TransferTooSmall(_("The fee would leave nothing of these points."), pointer="#/points")
    return household_id


def left_this_month(member_id: UUID, kind: WalletTerms, *, program: Program, at: datetime) -> int | None:
    """
    How many points the member may still send in the calendar month of that moment; None without a limit.

    Months are those of the program's time zone. Nobody else sends meanwhile if the member's wallets are held.
    """
    if kind.transfer_monthly_limit is None:
        return None
    local = at.astimezone(ZoneInfo(program.time_zone))
    began = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
    sent = Transfer.objects.filter(sender=member_id, wallet_type=kind.id)
    used = sent.counted(since=began, until=began + relativedelta(months=1)).points_sent()
    return max(kind.transfer_monthly_limit - used, 0)


def fee_of(points: int, kind: WalletTerms) -> int:
    """The part of what is sent that the program keeps, rounded down."""
    return int(points * Decimal(kind.transfer_fee_percent) / 100)
