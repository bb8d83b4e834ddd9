"""
Whoever guesses codes is slowed down: after too many wrong ones, a right one is refused as well.

A try takes its place before the code is looked up, and gives it back if the code was right: many tries at the
same moment are no more than one after the other. They are counted as calls are, see Note [Counting].
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core.api import counters
from loyalty.core.api.counters import Window
from loyalty.core.errors import DomainError
from rewards.redeeming.vouchers import UnknownVoucher

FORGOTTEN_AFTER_SECONDS: Final = 15 * 60
WRONG_BY_CREDENTIAL: Final = 100
"""A chain of shops may have one credential, and misreads a code now and then."""
WRONG_BY_MEMBER: Final = 10


class TooManyVoucherCodes(DomainError):
    """Too many codes that there are not were tried: wait as `Retry-After` says, whatever the code is."""

    code: ClassVar[str] = "too_many_voucher_codes"
    status: ClassVar[int] = 429
    title = gettext_lazy("Too many voucher codes were tried")


@dataclass(slots=True)
class Try:
    """
    A try of a code, counted against each of `limits`, such as {"member:<id>": 10}, in this order.

    `refusal` is what follows after too many; each kind of code has one, and is counted by itself.
    """

    limits: Mapping[str, int]
    refusal: type[DomainError]
    _taken: list[tuple[str, tuple[Window]]] = field(default_factory=list)

    def take(self) -> None:
        """
        Count it as wrong, for as long as nothing else is known.

        Where one limit is reached, it is counted against none: a member that goes on in vain stops no others.

        :raises DomainError: `refusal`, if any of them tried so many in the last quarter of an hour
        """
        for who, most in self.limits.items():
            name = f"wrong:{self.refusal.code}:{who}"
            windows = (Window("wrong", most, FORGOTTEN_AFTER_SECONDS),)
            if not counters.calls.take(name, windows).is_within:
                self.give_back()
                raise self.refusal(
                    _("{title}. Wait for a quarter of an hour.").format(title=self.refusal.title),
                    retry_after=FORGOTTEN_AFTER_SECONDS,
                )
            self._taken.append((name, windows))

    def give_back(self) -> None:
        """It was not wrong."""
        while self._taken:
            counters.calls.give_back(*self._taken.pop())


@contextmanager
def slowed_down(
    limits: Mapping[str, int],
    *,
    wrong: type[DomainError] = UnknownVoucher,
    refusal: type[DomainError] = TooManyVoucherCodes,
) -> Iterator[None]:
    """
    Count a code that is tried in the block against each of `limits`, unless it is right.

    Codes of vouchers, if nothing else is said: `wrong` is what is raised for one that there is not.

    :raises DomainError: `refusal`, if any of them tried so many in the last quarter of an hour
    """
    tried = Try(limits, refusal)
    tried.take()
    try:
        yield
    except wrong:
        raise
    except BaseException:
        tried.give_back()
        raise
    tried.give_back()
