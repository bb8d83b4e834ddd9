"""The database guards the truth: attacked past the models, as SQL would."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from loyalty.core.models import Event, Program
from members.models import Entry, Lot, Member, MemberTier, Posting, Wallet
from rewards.models import Activity, Campaign, CampaignVersion, Reward
from rewards.planning import campaigns
from tests import factories
from tests.attackers import refused
from tests.cast import Shop


@pytest.fixture
def sold(shop: Shop, ada: Member) -> Shop:
    shop.sells("receipt-1", "100.00")
    return shop


class TestSums:
    @pytest.mark.parametrize("bucket", ["pending", "available", "held", "redeemed", "expired", "reversed"])
    def test_a_lot_stays_in_balance(self, sold: Shop, bucket: str):
        assert "the_buckets_of_a_lot_add_up" in refused(f"UPDATE members_lot SET {bucket} = {bucket} + 1")

    @pytest.mark.parametrize("bucket", ["pending", "held", "redeemed", "expired", "reversed"])
    def test_no_bucket_is_negative(self, sold: Shop, bucket: str):
        said = refused(f"UPDATE members_lot SET {bucket} = -1, available = available + 1")

        assert f"a_lot_never_has_negative_{bucket}" in said

    @pytest.mark.parametrize(
        "name", ["pending", "available", "held", "debt", "lifetime_earned", "lifetime_spent"]
    )
    def test_no_wallet_is_negative(self, sold: Shop, name: str):
        assert f"a_wallet_never_has_negative_{name}" in refused(f"UPDATE members_wallet SET {name} = -1")

    def test_progress_is_never_negative(self, sold: Shop):
        assert MemberTier.objects.exists()
        assert "tier_progress_is_never_negative" in refused("UPDATE members_membertier SET progress = -1")

    def test_stock_is_never_negative(self, sold: Shop):
        factories.RewardFactory.create(program=sold.program, wallet_type=sold.program.wallet_types.get())

        assert Reward.objects.exists()
        assert "stock_is_never_negative" in refused("UPDATE rewards_reward SET stock = -1")


class TestHistory:
    @pytest.mark.parametrize(
        ("model", "column"),
        [(Entry, "points"), (Posting, "points"), (Event, "type"), (CampaignVersion, "number")],
    )
    def test_is_neither_changed_nor_deleted(self, sold: Shop, model: Any, column: str):
        table = model._meta.db_table
        assert model.objects.exists()

        assert "append_only" in refused(f"UPDATE {table} SET {column} = {column}")
        assert "append_only" in refused(f"DELETE FROM {table}")

    @pytest.mark.parametrize("change", ["source = destination", "destination = 'issued'", "points = 0"])
    def test_a_posting_moves_points_from_one_bucket_to_another(self, sold: Shop, change: str):
        posting = Posting.objects.get()
        values = {"source": "'available'", "destination": "'redeemed'", "points": "1"}
        column, value = change.split(" = ")
        values[column] = values.get(value, value)

        said = refused(
            "INSERT INTO members_posting (id, member_id, entry_id, lot_id, source, destination, points)"
            f" VALUES (gen_random_uuid(), %s, %s, %s, {', '.join(values.values())})",
            posting.member_id,
            posting.entry_id,
            posting.lot_id,
        )

        assert "violates check constraint" in said


class TestOnce:
    def test_one_cause_has_one_entry(self, sold: Shop):
        said = refused(
            "INSERT INTO members_entry SELECT (jsonb_populate_record(e, jsonb_build_object("
            "'id', gen_random_uuid(), 'number', 2))).* FROM members_entry e"
        )

        assert "one_booking_per_cause" in said

    def test_one_sale_has_one_activity(self, sold: Shop):
        said = refused(
            "INSERT INTO rewards_activity SELECT (jsonb_populate_record(a, jsonb_build_object("
            "'id', gen_random_uuid()))).* FROM rewards_activity a"
        )

        assert Activity.objects.count() == 1
        assert "an_activity_is_booked_once" in said

    def test_one_identifier_has_one_member(self, sold: Shop):
        bert = factories.MemberFactory.create(program=sold.program)

        with pytest.raises(IntegrityError, match="an_identifier_names_one_member"), transaction.atomic():
            factories.IdentifierFactory.create(member=bert, value="1001")

    def test_no_more_is_returned_than_was_sold(self, sold: Shop):
        said = refused("UPDATE rewards_activity SET returned_amount = amount + 0.01")

        assert "no_more_is_returned_than_was_sold" in said

    def test_a_lot_is_of_a_wallet(self, sold: Shop):
        assert Lot.objects.exists()
        assert "violates foreign key" in refused(
            "UPDATE members_lot SET wallet_id = gen_random_uuid(); SET CONSTRAINTS ALL IMMEDIATE"
        )


class TestTerms:
    """Whoever changes what processes keep in memory tells them, however the change is made."""

    def test_a_change_by_sql_moves_the_revision(self, sold: Shop, program: Program):
        before = Program.objects.get(pk=program.pk).rules_revision
        with connection.cursor() as cursor:
            cursor.execute("UPDATE members_wallettype SET expiry_rule = 'days', expires_after = 3")
            cursor.execute("UPDATE members_tier SET threshold = threshold + 1 WHERE key = 'gold'")

        assert Program.objects.get(pk=program.pk).rules_revision > before + 1

    def test_other_programs_keep_theirs(self, sold: Shop):
        other = factories.ProgramFactory.create()
        before = other.rules_revision

        Wallet.objects.update(version=9)
        campaigns.pause(Campaign.objects.get(), by=None, at=sold.at)

        other.refresh_from_db()
        assert other.rules_revision == before
