"""What the returns here are of: members who pay with points, owe some, or are merged."""

from collections.abc import Callable

import pytest

from members import holds, merging
from members.models import Hold, Member, Merge, WalletType
from members.references import MemberReference
from rewards.models import Reward
from tests import factories
from tests.cast import Shop
from tests.rewards.returns.goods import COFFEE, publish

Pay = Callable[..., Hold]


@pytest.fixture
def pays() -> Pay:
    """`pays(shop, member, points, sale)`: points that are held and settled for a sale."""

    def pay(shop: Shop, member: Member, points: int, sale: str, **lines: int) -> Hold:
        held = shop.holds(points, MemberReference("id", str(member.pk)))
        holds.settle(
            held.hold.id,
            sale_external_id=sale,
            lines=lines,
            program=shop.program,
            source=shop.source,
            actor=f"partner:{shop.source}",
            at=shop.at,
        )
        return Hold.objects.get(pk=held.hold.id)

    return pay


@pytest.fixture
def merges() -> Callable[[Shop, Member, Member], Merge]:
    """`merges(shop, gone, into)`: one member's points go to another, who stands for both."""

    def merge(shop: Shop, gone: Member, into: Member) -> Merge:
        return merging.merge(survivor=into, duplicate=gone, actor="staff:1", at=shop.at)

    return merge


@pytest.fixture
def coffee_twice(shop: Shop) -> Shop:
    """A point for each euro, and two more for each euro of coffee."""
    of_coffee = {"kind": "points_per_unit", "points": "2", "per": "1.00", "of": "matching_lines"}
    publish(shop, "coffee", {**of_coffee, "lines": COFFEE})
    return shop


@pytest.fixture
def indebted(points: WalletType, shop: Shop) -> WalletType:
    """Points that are missing when they are to be taken back are owed."""
    points.return_policy = "debt"
    points.save()
    shop.program.refresh_from_db()
    return points


@pytest.fixture
def grace(shop: Shop) -> Member:
    grace = factories.MemberFactory.create(program=shop.program, first_name="Grace")
    factories.IdentifierFactory.create(member=grace, kind="card", value="2002")
    return grace


@pytest.fixture
def cup(shop: Shop, points: WalletType) -> Reward:
    return factories.RewardFactory.create(program=shop.program, wallet_type=points, key="cup", price=80)
