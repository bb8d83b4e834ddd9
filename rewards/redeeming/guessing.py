"""Whoever guesses codes is slowed down: after too many wrong ones, a right one is refused as well."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar, Final

import structlog
from django.core.cache import cache
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from redis.exceptions import RedisError

from loyalty.core.errors import DomainError
from rewards.redeeming.vouchers import UnknownVoucher

FORGOTTEN_AFTER_SECONDS: Final = 15 * 60
WRONG_BY_CREDENTIAL: Final = 100
"""A chain of shops may have one credential, and misreads a code now and then."""
WRONG_BY_MEMBER: Final = 10

log = structlog.get_logger(__name__)


class TooManyVoucherCodes(DomainError):
    """Too many codes that there are not were tried: wait as `Retry-After` says, whatever the code is."""

    code: ClassVar[str] = "too_many_voucher_codes"
    status: ClassVar[int] = 429
    title = gettext_lazy("Too many voucher codes were tried")


@contextmanager
def slowed_down(
    limits: Mapping[str, int],
    *,
    wrong: type[DomainError] = UnknownVoucher,
    refusal: type[DomainError] = TooManyVoucherCodes,
) -> Iterator[None]:
    """
    Count a wrong code against each of these, such as {"member:<id>": 10}.

    Codes of vouchers, if nothing else is said: `wrong` is what is raised for one that there is not, and
    `refusal` what follows after too many; each kind of code is counted by itself.

    :raises TooManyVoucherCodes: or `refusal`, if any of them tried so many in the last quarter of an hour
    """
    keys = {f"wrong-codes:{wrong.code}:{who}": most for who, most in limits.items()}
    tried = _tried(keys)
    if any(tried.get(key, 0) >= most for key, most in keys.items()):
        raise refusal(
            _("Too many codes were tried. Wait for a quarter of an hour."),
            retry_after=FORGOTTEN_AFTER_SECONDS,
        )
    try:
        yield
    except wrong:
        _count(keys)
        raise


# Codes are far too many to be guessed even by those who may go on: without Redis, tills do.


def _tried(keys: Mapping[str, int]) -> Mapping[str, int]:
    try:
        return cache.get_many(keys)
    except RedisError:
        log.warning("wrong_codes_not_counted")
        return {}


def _count(keys: Mapping[str, int]) -> None:
    try:
        for key in keys:
            count(key)
    except RedisError:
        log.warning("wrong_codes_not_counted")


def count(key: str) -> int:
    """
    One wrong one more; how many there were in the quarter of an hour since the first.

    :raises redis.exceptions.RedisError: if they cannot be counted
    """
    cache.add(key, 0, FORGOTTEN_AFTER_SECONDS)
    try:
        return int(cache.incr(key))
    except ValueError:  # its time was over between the two
        cache.set(key, 1, FORGOTTEN_AFTER_SECONDS)
        return 1
