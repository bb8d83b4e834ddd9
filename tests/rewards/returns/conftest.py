"""Members who pay with points, and members who are merged: through the ledger's own operations."""

from collections.abc import Callable

import pytest
from django.db import transaction

from loyalty.core import events
from loyalty.core.db import Batch
from loyalty.core.ids import new_id
from members import holds, terms
from members.ledger import operations, store
from members.ledger.chain import Cause
from members.ledger.plan import Plan
from members.ledger.state import WalletState
from members.ledger.telling import told
from members.models import Hold, Member
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
def merges() -> Callable[[Shop, Member, Member], None]:
    """`merges(shop, gone, into)`: one member's points go to another, who stands for both."""

    def merge(shop: Shop, gone: Member, into: Member) -> None:
        with transaction.atomic():
            store.lock([gone.pk, into.pk])
            found = store.load(shop.program.pk, [("id", str(gone.pk)), ("id", str(into.pk))])
            accounts = store.with_open_lots([account for account in found if account])
            plan, batch, heard = Plan(accounts), Batch(), []
            for wallet in accounts[0].wallets:
                left = operations.move_out(wallet, cause=_cause(f"merge:{gone.pk}:out:{wallet.id}", shop))
                if left is None:
                    continue
                theirs = accounts[1].wallet_of(wallet.type_id) or WalletState(
                    id=new_id(), program_id=shop.program.pk, member_id=into.pk, type_id=wallet.type_id,
                    is_new=True,
                )  # fmt: skip
                cause = _cause(f"merge:{gone.pk}:in:{wallet.id}", shop)
                grants = operations.passed_on(left, source="merge")
                came = operations.grant(theirs, grants=grants, cause=cause, kind="merge")
                plan.apply(left)
                plan.apply(came)
                key = terms.of(shop.program).of_type(wallet.type_id).key
                heard += [told(left, wallet_type=key), told(came, wallet_type=key)]
            store.add_to(batch, plan, program_id=shop.program.pk)
            events.add_to(batch, heard)
            batch.write()
            Member.objects.filter(pk=gone.pk).update(status="merged", merged_into=into)

    return merge


def _cause(key: str, shop: Shop) -> Cause:
    return Cause(key=key, actor="system:test", effective_at=shop.at, recorded_at=shop.at)
