"""All operations in any order: decided, and decided and written."""

import pytest
from django.db import transaction
from hypothesis import settings
from msgspec.structs import replace

from loyalty.core import events
from loyalty.core.db import Batch
from members.ledger import store, telling, verify
from members.ledger.operations import Change
from members.ledger.plan import Plan
from members.ledger.state import WalletState
from tests import factories
from tests.members.ledger.machine import LedgerMachine, new_wallet


class WrittenLedgerMachine(LedgerMachine):
    """The same steps, each written to the database; at the end the books are proved, and read back."""

    def __init__(self) -> None:
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        super().__init__()

    def new_wallets(self) -> list[WalletState]:
        points = factories.WalletTypeFactory.create()
        members = factories.MemberFactory.create_batch(2, program=points.program)
        return [new_wallet(points.program_id, member.pk, points.pk) for member in members]

    def take(self, who: int, change: Change) -> Change:
        plan = Plan()
        plan.loaded[change.wallet.id] = self.wallets[who]
        plan.apply(change)
        batch = Batch()
        store.add_to(batch, plan, program_id=change.wallet.program_id)
        events.add_to(batch, [telling.told(change, wallet_type="points")])
        batch.write()
        super().take(who, change)
        self.wallets[who] = replace(plan.wallets[change.wallet.id], is_new=False)
        return change

    def teardown(self) -> None:
        try:
            # Rows of holds are the journeys' business: operations alone hold points here.
            assert list(verify.run(parts=(verify.LEDGER,))) == []
        finally:
            transaction.set_rollback(True)
            self.transaction.__exit__(None, None, None)


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)

TestWrittenLedger = pytest.mark.usefixtures("db")(WrittenLedgerMachine.TestCase)
TestWrittenLedger.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
