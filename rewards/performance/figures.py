"""A campaign's results as they are kept: sums alone, from which pages work out what they say."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from rewards.performance.groups import ZERO, Group, joined


class GroupSums(msgspec.Struct, frozen=True, kw_only=True):
    """
    Members of one group who got something from the campaign, or who did not.

    Sums as `rewards.performance.groups.Group` has them; `cost` is what the points given to them in
    the time of the comparison cost if every one is used.
    """

    key: str
    share: Decimal
    got_something: bool
    members: int
    buyers: int
    sales: Decimal
    sales_squares: Decimal
    before: Decimal
    before_squares: Decimal
    products: Decimal
    points: int
    cost: Decimal

    @property
    def group(self) -> Group:
        return Group(
            key=self.key,
            share=float(self.share),
            members=self.members,
            buyers=self.buyers,
            sales=self.sales,
            sales_squares=self.sales_squares,
            before=self.before,
            before_squares=self.before_squares,
            products=self.products,
        )


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """
    The newest experiment of a campaign: its time, the equally long time before, and its groups.

    `taken_at` says when the audience was written down, if it was; `versions`
    are the numbers of those that were in force, `earlier` says how many experiments came before.
    Before `sales_begin_at` the program has no sales.
    """

    starts_at: datetime
    until: datetime
    before: datetime
    is_over: bool
    is_experiment: bool
    is_everyone: bool
    taken_at: datetime | None
    versions: tuple[int, ...]
    earlier: int
    sales_begin_at: datetime | None
    names: dict[str, str]
    sums: tuple[GroupSums, ...]

    @property
    def before_is_cut(self) -> bool:
        """Whether the time before reaches back to where there are no sales yet."""
        return self.sales_begin_at is None or self.before < self.sales_begin_at

    @property
    def groups(self) -> tuple[Group, ...]:
        """In the order of the groups, those who got something and those who did not together."""
        keys = dict.fromkeys(one.key for one in self.sums)
        return tuple(self._whole(key) for key in keys)

    def _whole(self, key: str) -> Group:
        parts = [one for one in self.sums if one.key == key]
        return replace(joined([one.group for one in parts], key=key), share=float(parts[0].share))

    def cost_of(self, keys: Iterable[str]) -> Decimal:
        chosen = set(keys)
        return sum((one.cost for one in self.sums if one.key in chosen), ZERO)

    def points_of(self, keys: Iterable[str]) -> int:
        chosen = set(keys)
        return sum(one.points for one in self.sums if one.key in chosen)

    def described(self, *, got_something: bool) -> Group:
        """All who got something, or all who did not, whatever their group: no comparison by chance."""
        chosen = [one.group for one in self.sums if one.got_something is got_something]
        return joined(chosen, key="got" if got_something else "none")


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What has become of the points of one kind that a campaign gave."""

    wallet_type: str
    granted: int
    used: int
    passed_on: int
    expired: int
    reversed: int
    left: int


class Redeemed(msgspec.Struct, frozen=True, kw_only=True):
    """A reward, and how many of a campaign's points went into it; no name for payments at the till."""

    reward: str
    times: int
    points: int


class Store(msgspec.Struct, frozen=True, kw_only=True):
    store: str
    activities: int
    members: int
    points: int
    sales: Decimal


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """What was bought in sales that the campaign gave something for; `points` are those for its lines."""

    sku: str
    name: str
    quantity: Decimal
    sales: Decimal
    points: int


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """All that is counted of a campaign from its first moment on; `points` are the spendable ones."""

    starts_at: datetime
    until: datetime
    audience: int
    reached: int
    reached_in_audience: int
    activities: int
    points: int
    cost: Decimal
    sales: Decimal
    compared: Compared
    fates: tuple[Fate, ...]
    redeemed: tuple[Redeemed, ...]
    stores: tuple[Store, ...]
    products: tuple[Product, ...]


def stored(figures: Figures) -> dict[str, Any]:
    return msgspec.to_builtins(figures)  # type: ignore[no-any-return]


def read(stored: dict[str, Any]) -> Figures | None:
    """None if nothing was counted yet, or what was counted is of an older kind."""
    try:
        return msgspec.convert(stored, Figures) if stored else None
    except msgspec.ValidationError:
        return None
