"""Members who pay with points, and members who are merged: through the ledger's own operations."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction

from loyalty.core import events
from loyalty.core.db import Batch
from loyalty.core.ids import new_id
from members import terms
from members.ledger import operations, store
from members.ledger.chain import Cause
from members.ledger.plan import Plan
from members.ledger.state import WalletState
from members.ledger.telling import told
from members.models import Hold, Member
from tests.cast import Shop

Pay = Callable[..., Hold]


@pytest.fixture
def pays() -> Pay:
    """`pays(shop, member, points, sale)`: points that are held and settled for a sale."""

    def pay(shop: Shop, member: Member, points: int, sale: str, **lines: int) -> Hold:
        account = store.load(shop.program.pk, [("id", str(member.pk))])[0]
        assert account is not None
        (account,) = store.with_open_lots([account])
        hold_id, wallet = new_id(), account.wallets[0]
        held = operations.hold(wallet, points=points, cause=_cause(f"hold:{hold_id}:hold", shop))
        by_lot = {posting.lot_id: posting.points for posting in held.entry.postings}
        cause = _cause(f"hold:{hold_id}:settle", shop)
        settled = operations.settle(held.wallet, held=by_lot, points=points, cause=cause)
        plan, batch = Plan([account]), Batch()
        plan.apply(held)
        plan.apply(settled)
        store.add_to(batch, plan, program_id=shop.program.pk)
        events.add_to(batch, [told(change, wallet_type="points") for change in (held, settled)])
        batch.write()
        return Hold.objects.create(
            id=hold_id, program=shop.program, member=member, wallet_id=wallet.id, points=points,
            settled=points, status="settled", source=shop.source, placed_at=shop.at,
            expires_at=shop.at + timedelta(minutes=15), closed_at=shop.at,
            paid_source=shop.source, paid_external_id=sale, paid_lines=lines,
        )  # fmt: skip

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
