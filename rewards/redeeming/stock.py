"""How many pieces of a reward there are: counted up and down while members go on buying."""

from typing import ClassVar, Final

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from loyalty.core import audit
from loyalty.core.errors import DomainError
from loyalty.core.models import User
from rewards.models import Reward

MOST: Final = 1_000_000


class NotThatManyPieces(DomainError):
    """Stock stays between nothing and a million pieces."""

    code: ClassVar[str] = "not_that_many_pieces"
    title: ClassVar[str] = "The stock cannot be changed by that many pieces"


class StockIsUnlimited(DomainError):
    """Nothing can be added to, or taken from, as many pieces as are asked for."""

    code: ClassVar[str] = "stock_is_unlimited"
    title: ClassVar[str] = "The reward's stock is not limited"


class StockIsLimited(DomainError):
    """The pieces are counted already: add or remove some."""

    code: ClassVar[str] = "stock_is_limited"
    title: ClassVar[str] = "The reward's stock is limited already"


class StockIsOfCodes(DomainError):
    """The pieces are codes of a list: upload some."""

    code: ClassVar[str] = "stock_is_of_codes"
    title: ClassVar[str] = "The reward's pieces are codes of a list"


def _check_pieces(reward: Reward) -> None:
    if reward.has_uploaded_codes:
        raise StockIsOfCodes


@transaction.atomic
def add(reward: Reward, *, pieces: int, by: User) -> int:
    """
    Add pieces, or remove them when `pieces` is negative; the stock after it.

    What was sold since somebody looked stays sold.

    :raises StockIsOfCodes: if they are codes of a list
    :raises StockIsUnlimited: if the reward's pieces are not counted
    :raises NotThatManyPieces: if fewer are left than are to be removed, or it would be over a million
    """
    _check_pieces(reward)
    rows = Reward.objects.filter(pk=reward.pk)
    changed = rows.filter(stock__range=(-pieces, MOST - pieces)).update(stock=F("stock") + pieces)
    reward.refresh_from_db(fields=["stock"])
    if reward.stock is None:
        raise StockIsUnlimited
    if not changed:
        raise NotThatManyPieces(
            _("There are %(stock)d pieces: the stock stays between 0 and %(most)d.")
            % {"stock": reward.stock, "most": MOST}
        )
    audit.note(reward, by=by, text=_told(pieces) % {"pieces": abs(pieces), "stock": reward.stock})
    return reward.stock


def _told(pieces: int) -> str:
    if pieces < 0:
        return _("Stock: %(pieces)d removed, %(stock)d then.")
    return _("Stock: %(pieces)d added, %(stock)d then.")


@transaction.atomic
def limit(reward: Reward, *, pieces: int, by: User) -> None:
    """
    Count the pieces from now on, beginning with so many.

    :raises StockIsLimited: if they are counted already
    :raises NotThatManyPieces: if it is less than nothing, or over a million
    """
    if not 0 <= pieces <= MOST:
        raise NotThatManyPieces(_("The stock stays between 0 and %(most)d.") % {"most": MOST})
    if not Reward.objects.filter(pk=reward.pk, stock__isnull=True).update(stock=pieces):
        raise StockIsLimited
    audit.note(reward, by=by, text=_("Stock: limited to %(pieces)d.") % {"pieces": pieces})


@transaction.atomic
def lift_limit(reward: Reward, *, by: User) -> None:
    """
    Have as many pieces as are asked for.

    :raises StockIsUnlimited: if that is so already
    :raises StockIsOfCodes: if they are codes of a list
    """
    _check_pieces(reward)
    if not Reward.objects.filter(pk=reward.pk, stock__isnull=False).update(stock=None):
        raise StockIsUnlimited
    audit.note(reward, by=by, text=_("Stock: no longer limited."))
