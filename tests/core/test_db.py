from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from loyalty.core.db import FEW, Batch, Moved, fetch
from loyalty.core.models import IdempotencyRecord
from members.models import Member, Wallet, WalletType
from tests import factories

ADA_ID = UUID("0199f2a4-7c10-7d3e-9a41-5d6f0c2b8e11")
NAMES = ['"', "\\", "{}", "NULL", "a,b", "'; DROP TABLE members_member; --", "ü€🎉", "line\nbreak", ""]


class TestBatch:
    def test_stores_any_text_as_it_is(self, ada: Member):
        members = [factories.MemberFactory.create(program=ada.program) for _ in NAMES]
        batch = Batch()
        batch.update(
            Member, ("id", "first_name"), [(m.pk, name) for m, name in zip(members, NAMES, strict=True)]
        )

        batch.write()

        stored = [Member.objects.get(pk=member.pk).first_name for member in members]
        assert stored == NAMES

    def test_stores_each_type_exactly(self, ada: Member):
        moment = datetime(2026, 3, 29, 1, 59, 59, 123456, tzinfo=UTC)
        nested = {"text": 'a"b\\', "none": None, "list": [1, 2.5, {"x": True}]}
        batch = Batch()
        batch.insert(
            IdempotencyRecord,
            ("id", "partner_id", "key", "fingerprint", "status", "body", "created_at"),
            [(ada.pk, ada.pk, "k", bytes(range(32)), 201, nested, moment)],
        )
        batch.update(
            WalletType,
            ("id", "point_value"),
            [(factories.WalletTypeFactory.create().pk, Decimal("0.000001"))],
        )

        batch.write()

        record = IdempotencyRecord.objects.get()
        assert (bytes(record.fingerprint), record.body, record.created_at) == (
            bytes(range(32)),
            nested,
            moment,
        )
        assert WalletType.objects.filter(point_value=Decimal("0.000001")).exists()

    def test_writes_nothing_at_all_if_one_guarded_row_has_moved(self, ada: Member, points: WalletType):
        wallets = [
            Wallet.objects.create(program=ada.program, member=member, type=points)
            for member in (ada, factories.MemberFactory.create(program=ada.program))
        ]
        Wallet.objects.filter(pk=wallets[1].pk).update(version=1)
        batch = Batch()
        batch.guard(Wallet, ("id", "version"), [(wallet.pk, 0) for wallet in wallets])
        batch.update(Wallet, ("id", "available"), [(wallet.pk, 100) for wallet in wallets])
        batch.update(Member, ("id", "first_name"), [(ada.pk, "Changed")])

        with pytest.raises(Moved):
            batch.write()

        assert not Wallet.objects.filter(available=100).exists()
        assert not Member.objects.filter(first_name="Changed").exists()

    def test_writes_all_if_the_guarded_rows_are_as_they_were(self, ada: Member, points: WalletType):
        wallet = Wallet.objects.create(program=ada.program, member=ada, type=points)
        batch = Batch()
        batch.guard(Wallet, ("id", "version"), [(wallet.pk, 0)])
        batch.update(Wallet, ("id", "available", "version"), [(wallet.pk, 100, 1)])

        batch.write()

        wallet.refresh_from_db()
        assert (wallet.available, wallet.version) == (100, 1)

    def test_writes_nothing_if_a_constraint_refuses_one_row(self, ada: Member, points: WalletType):
        wallet = Wallet.objects.create(program=ada.program, member=ada, type=points)
        batch = Batch()
        batch.update(Member, ("id", "first_name"), [(ada.pk, "Changed")])
        batch.update(Wallet, ("id", "available"), [(wallet.pk, -1)])

        with pytest.raises(IntegrityError, match="a_wallet_never_has_negative_available"):
            batch.write()

        assert not Member.objects.filter(first_name="Changed").exists()

    def test_takes_from_what_is_there(self, ada: Member, points: WalletType):
        reward = factories.RewardFactory.create(program=ada.program, wallet_type=points, stock=5)
        batch = Batch()
        batch.take(type(reward), ("id", "stock"), [(reward.pk, 2)])

        batch.write()

        reward.refresh_from_db()
        assert reward.stock == 3

    @pytest.mark.parametrize("count", [FEW, FEW + 1])
    def test_writes_few_rows_and_many(self, ada: Member, count):
        others = factories.MemberFactory.create_batch(count, program=ada.program, first_name="Eve")
        batch = Batch()
        batch.guard(Member, ("id", "first_name"), [(member.pk, "Eve") for member in others])
        batch.update(Member, ("id", "first_name"), [(member.pk, "Ada") for member in others])

        batch.write()

        assert (
            Member.objects.filter(first_name="Ada", pk__in=[member.pk for member in others]).count() == count
        )

    def test_does_not_read_a_whole_table_for_one_row(self, ada: Member):
        fill_with_answers(3_000)
        batch = Batch()
        batch.update(IdempotencyRecord, ("id", "status"), [(ada.pk, 200)])

        plan = explained(batch)

        assert "core_idempotencyrecord_pkey" in plan
        assert "Seq Scan on core_idempotencyrecord" not in plan


def fill_with_answers(count: int) -> None:
    fetch(
        "INSERT INTO core_idempotencyrecord (id, partner_id, key, fingerprint, status, body, created_at)"
        " SELECT gen_random_uuid(), gen_random_uuid(), number::text, '', 200, '{}', now()"
        " FROM generate_series(1, $1::int) AS number",
        [count],
    )
    fetch("ANALYZE core_idempotencyrecord")


def explained(batch: Batch) -> str:
    """How the server would write it."""
    with CaptureQueriesContext(connection) as seen:
        batch.write()
    (sql,) = (query["sql"] for query in seen.captured_queries if query["sql"].startswith("WITH"))
    return "\n".join(line for (line,) in fetch(f"EXPLAIN {sql}", ["[]"]))


class TestFetch:
    def test_counts_as_a_query(self, db: None, django_assert_num_queries):
        with django_assert_num_queries(1):
            assert fetch("SELECT $1::int + 1", [1]) == [(2,)]

    def test_goes_on_after_a_statement_that_failed(self, db: None):
        with pytest.raises(DataError), transaction.atomic():
            fetch("SELECT 1 / $1::int", [0])

        assert fetch("SELECT 1 / $1::int, 'one'", [1]) == [(1, "one")]

    @pytest.mark.django_db(transaction=True)
    def test_goes_on_with_a_new_connection(self):
        (before,) = fetch("SELECT pg_backend_pid()")
        connection.close()

        (after,) = fetch("SELECT pg_backend_pid()")

        assert after != before

    def test_reads_the_same_column_as_another_type_the_next_time(self, db: None):
        assert fetch("SELECT $1::uuid AS it", [str(ADA_ID)]) == [(ADA_ID,)]
        assert fetch("SELECT $1::text AS it", [str(ADA_ID)]) == [(str(ADA_ID),)]
