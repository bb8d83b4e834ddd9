"""
Each constraint and trigger of the ledger's tables, attacked once with SQL, past all of the program's care.

As a superuser, whom privileges do not hold back, and as a role that may do what the program may and
owns nothing. What guards a table and is not attacked here makes a test fail.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from django.db import DatabaseError, connection, transaction

from members import holds
from members.models import Entry, Hold, Lot, Member, Posting, Wallet
from rewards.books import checking
from tests import factories
from tests.cast import CARD, Shop

TABLES: Final = (
    "members_wallet",
    "members_lot",
    "members_entry",
    "members_posting",
    "members_hold",
    "members_ledgercheck",
    "members_ledgeranchor",
)
APPLICATION: Final = "regulars_application"


def again(table: str, **changes: str) -> str:
    """Insert a copy of a row under a new id, with changes (SQL) in it."""
    pairs = ", ".join(f"'{name}', {value}" for name, value in {"id": "gen_random_uuid()", **changes}.items())
    return (
        f"INSERT INTO {table} SELECT (jsonb_populate_record(r, jsonb_build_object({pairs}))).*"
        f" FROM {table} r LIMIT 1"
    )


_FRESH_ENTRY: Final = {"number": "999", "cause": "'made-up'"}

ATTACKS: Final[dict[str, str]] = {
    # Wallets
    "one_wallet_per_member_and_type": again("members_wallet"),
    **{
        f"a_wallet_never_has_negative_{name}": f"UPDATE members_wallet SET {name} = -1"
        for name in ("pending", "available", "held", "debt", "lifetime_earned", "lifetime_spent")
    },
    "a_wallet_in_debt_has_nothing_to_spend": "UPDATE members_wallet SET debt = 1",
    # Lots
    "the_buckets_of_a_lot_add_up": "UPDATE members_lot SET available = available + 1",
    "a_lot_has_points": "UPDATE members_lot SET points = 0, available = 0, held = 0, redeemed = 0",
    **{
        f"a_lot_never_has_negative_{name}": (
            f"UPDATE members_lot SET {name} = -1, {other} = {other} + {name} + 1"
        )
        for name, other in {
            "pending": "reversed",
            "available": "reversed",
            "held": "reversed",
            "redeemed": "reversed",
            "expired": "reversed",
            "reversed": "expired",
        }.items()
    },
    "a_lot_has_a_known_source": "UPDATE members_lot SET source = 'gift'",
    "a_lot_lapses_or_has_its_own_date": "UPDATE members_lot SET lapses = true, expires_at = now()",
    # Entries
    "one_booking_per_cause": again("members_entry", number="999"),
    "entries_are_numbered_in_a_row": again("members_entry", cause="'made-up'"),
    "members_entry.append_only": "UPDATE members_entry SET points = points",
    "members_entry.append_only on deleting": "DELETE FROM members_entry",
    "members_entry.never_emptied": "TRUNCATE members_entry CASCADE",
    "members_entry.closed_periods_stay_closed": (
        "INSERT INTO members_periodlock"
        " (id, program_id, through_date, ends_at, sha256, closed_by_id, closed_at)"
        " SELECT gen_random_uuid(), e.program_id, '2026-06-30', '2026-07-01', '', u.id, now()"
        " FROM members_entry e, core_user u LIMIT 1;" + again("members_entry", **_FRESH_ENTRY)
    ),
    # Postings
    "a_posting_moves_points": again("members_posting", points="0"),
    "a_posting_goes_somewhere_else": again("members_posting", source="'held'", destination="'held'"),
    "nothing_is_posted_back_to_issued": again("members_posting", source="'held'", destination="'issued'"),
    "a_posting_knows_its_buckets": again("members_posting", source="'till'", destination="'pocket'"),
    "a_posting_that_had_a_date_gives_one": again("members_posting", old_expires_at="now()"),
    "members_posting.append_only": "UPDATE members_posting SET points = points",
    "members_posting.append_only on deleting": "DELETE FROM members_posting",
    "members_posting.never_emptied": "TRUNCATE members_posting",
    # Holds
    "a_hold_holds_points": again("members_hold", points="0", settled="0"),
    "a_hold_ends_after_it_begins": again("members_hold", expires_at="r.placed_at"),
    "no_more_is_settled_than_was_held": again(
        "members_hold", status="'settled'", closed_at="now()", settled="r.points + 1"
    ),
    "no_more_is_given_back_than_was_settled": again("members_hold", restored="r.points + 1"),
    "a_hold_is_open_or_closed": again("members_hold", status="'held'", closed_at="now()"),
    "members_hold.never_deleted": "DELETE FROM members_hold",
    "members_hold.a_hold_stays_what_it_was": (
        "UPDATE members_hold SET points = points + 1 WHERE status = 'held'"
    ),
    "members_hold.a_closed_hold_stays_closed": (
        "UPDATE members_hold SET status = 'held', closed_at = NULL, settled = 0 WHERE status = 'settled'"
    ),
    # Checks
    "one_check_of_a_program_at_a_time": (
        "INSERT INTO members_ledgercheck (SELECT (jsonb_populate_record(r, jsonb_build_object("
        "'id', gen_random_uuid(), 'status', 'running', 'finished_at', NULL))).*"
        " FROM members_ledgercheck r, generate_series(1, 2) LIMIT 2)"
    ),
    "a_check_says_what_it_found": again("members_ledgercheck", fault_count="7"),
    "members_ledgercheck.a_finished_check_stays_as_it_is": "UPDATE members_ledgercheck SET digest = 'x'",
    "members_ledgercheck.never_deleted": "DELETE FROM members_ledgercheck",
    "anchors_are_in_order": again("members_ledgeranchor"),
}
"""What the database refuses, by what refuses it: a constraint, or a trigger as table.trigger."""


@contextmanager
def as_the_application() -> Iterator[None]:
    """As a role that may read and write all tables and owns none of them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
        if not cursor.fetchone()[0]:
            pytest.skip("The role of DATABASE_URL may not make a role and act as it.")
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [APPLICATION])
        if not cursor.fetchone():
            cursor.execute(f"CREATE ROLE {APPLICATION} NOLOGIN")
            cursor.execute(f"GRANT {APPLICATION} TO CURRENT_USER")
        granted = "SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES"
        cursor.execute(f"GRANT {granted} IN SCHEMA public TO {APPLICATION}")
        cursor.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {APPLICATION}")
        cursor.execute(f"SET LOCAL ROLE {APPLICATION}")
        yield
        cursor.execute("RESET ROLE")


@pytest.fixture
def books(shop: Shop, ada: Member) -> Shop:
    """A sale, a hold that is open, one that was settled, a check in order, and somebody on the staff."""
    factories.UserFactory.create()
    shop.sells("receipt-1", "100.00")
    where: dict[str, Any] = {
        "program": shop.program,
        "source": "till",
        "actor": "partner:till",
        "at": shop.at,
    }
    holds.place(member=CARD, wallet_type="points", points=20, **where)
    settled = holds.place(member=CARD, wallet_type="points", points=30, **where)
    holds.settle(settled.hold.id, **where)
    list(checking.carry_out(checking.ask(shop.program, actor="system:test")[0]))
    return shop


def refusal(sql: str) -> str:
    """What the database says to a statement; fails if it is let through."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL regulars.may_be_emptied = 'no'")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(DatabaseError) as refused, transaction.atomic():
            cursor.execute(sql)
    return str(refused.value)


def is_said(name: str, said: str) -> bool:
    """Whether it was that constraint or trigger which refused."""
    _table, dot, trigger = name.partition(".")
    return f"pgtrigger_{trigger.split()[0]}_" in said if dot else f'constraint "{name}"' in said


def state() -> list[object]:
    models = (Wallet, Lot, Entry, Posting, Hold)
    return [sorted(map(str, model._default_manager.values_list())) for model in models]


class TestAttacks:
    @pytest.mark.parametrize("name", ATTACKS)
    def test_are_refused_by_what_should_refuse_them_and_change_nothing(self, books: Shop, name: str):
        before = state()

        said = refusal(ATTACKS[name])

        assert is_said(name, said), said
        assert state() == before

    @pytest.mark.parametrize("name", ATTACKS)
    def test_are_refused_to_the_applications_role_too(self, books: Shop, name: str):
        before = state()

        with as_the_application():
            said = refusal(ATTACKS[name])

        assert is_said(name, said) or "permission denied" in said or "must be owner" in said, said
        assert state() == before

    def test_there_is_one_for_each_constraint_and_trigger(self, db: None):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT conname FROM pg_constraint"
                " WHERE conrelid = ANY(%(tables)s::regclass[]) AND contype IN ('c', 'u')"
                " UNION SELECT indexrelid::regclass::text FROM pg_index"
                " WHERE indrelid = ANY(%(tables)s::regclass[]) AND indisunique AND NOT indisprimary"
                " UNION SELECT tgrelid::regclass || '.'"
                " || regexp_replace(tgname, '^pgtrigger_(.*)_[0-9a-f]{5}$', '\\1')"
                " FROM pg_trigger WHERE tgrelid = ANY(%(tables)s::regclass[]) AND NOT tgisinternal",
                {"tables": list(TABLES)},
            )
            there = {name for (name,) in cursor.fetchall()}

        attacked = {name.split(" ")[0] for name in ATTACKS}
        assert there - attacked == set()
        assert attacked - there == set()


class TestForeignKeys:
    @pytest.mark.parametrize(
        ("table", "column"),
        [
            ("members_wallet", "member_id"),
            ("members_lot", "wallet_id"),
            ("members_hold", "wallet_id"),
            ("members_hold", "member_id"),
        ],
    )
    def test_a_row_is_of_what_there_is(self, books: Shop, table: str, column: str):
        # A wallet of a new type, so that it is not the second one of its type.
        others = {"type_id": "gen_random_uuid()"} if table == "members_wallet" else {}
        said = refusal(again(table, **others, **{column: "gen_random_uuid()"}))

        assert "violates foreign key constraint" in said

    @pytest.mark.parametrize("column", ["wallet_id"])
    def test_an_entry_is_of_a_wallet(self, books: Shop, column: str):
        said = refusal(again("members_entry", **_FRESH_ENTRY, **{column: "gen_random_uuid()"}))

        assert "violates foreign key constraint" in said

    @pytest.mark.parametrize("column", ["entry_id", "lot_id"])
    def test_a_posting_is_of_an_entry_and_a_lot(self, books: Shop, column: str):
        said = refusal(again("members_posting", **{column: "gen_random_uuid()"}))

        assert "violates foreign key constraint" in said

    @pytest.mark.parametrize("table", ["members_wallet", "members_lot"])
    def test_what_others_are_of_is_not_deleted(self, books: Shop, table: str):
        assert "violates foreign key constraint" in refusal(f"DELETE FROM {table}")


class TestApplication:
    def test_cannot_switch_the_guards_off(self, books: Shop):
        with as_the_application():
            altered = refusal("ALTER TABLE members_entry DISABLE TRIGGER USER")
            replica = refusal("SET LOCAL session_replication_role = replica")
            dropped = refusal("DROP TRIGGER pgtrigger_append_only_36ee8 ON members_entry")

        assert "must be owner" in altered
        assert "permission denied" in replica
        assert "must be owner" in dropped

    def test_can_do_its_work(self, books: Shop, ada: Member):
        with as_the_application():
            books.later(days=1).sells("receipt-2", "50.00")

        assert Wallet.objects.get(member=ada).lifetime_earned == 150
