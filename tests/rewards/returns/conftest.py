"""Members who pay with points, and members who are merged."""

from collections.abc import Callable

import pytest

from members import holds, merging
from members.models import Hold, Member, Merge
from members.references import MemberReference
from tests.cast import Shop

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
