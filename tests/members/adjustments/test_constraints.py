"""What the database holds of adjustments, limits and reasons, whoever writes."""

import pytest

from members.models import Adjustment, ReasonCode
from tests.attackers import refused
from tests.members.adjustments.desk import Desk, is_proven

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("points", "goodwill", "correction", "limits")]


class TestDatabase:
    """Attacked past the operations, as SQL would."""

    @pytest.mark.parametrize(
        "change",
        [
            "points = points + 1",
            "reason_id = gen_random_uuid()",
            "member_id = gen_random_uuid()",
            "counts_towards_tiers = NOT counts_towards_tiers",
            "cost_centre = 'mine'",
            "note = 'other'",
            "by_id = NULL",
            "actor = 'staff:1'",
            "entry_id = gen_random_uuid()",
            "approval_id = gen_random_uuid()",
            "adjusted_at = now()",
        ],
    )
    def test_an_adjustment_stays_what_it_was(self, desk: Desk, change: str):
        desk.gives(10, note="why")

        assert "an adjustment stays" in refused(f"UPDATE members_adjustment SET {change}")

    def test_an_undo_stays(self, desk: Desk):
        desk.undoes(desk.gives(10).id)

        said = refused(
            "UPDATE members_adjustment SET undone_by_id = NULL, undone_at = NULL, undo_entry_id = NULL"
        )
        assert "an undo stays" in said

    def test_an_undo_says_who_and_when(self, desk: Desk):
        desk.gives(10)

        assert "an_undo_says_who_and_when" in refused("UPDATE members_adjustment SET undone_at = now()")

    def test_adjustments_are_kept(self, desk: Desk):
        desk.gives(10)

        assert "adjustments_are_kept" in refused("DELETE FROM members_adjustment")
        emptied = refused(
            "SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL regulars.may_be_emptied = 'no';"
            " TRUNCATE members_adjustment CASCADE"
        )
        assert "Cannot truncate" in emptied

    def test_a_note_may_be_forgotten(self, desk: Desk):
        desk.gives(10, note="Her dog was ill")

        Adjustment.objects.update(note="")

        assert is_proven()

    @pytest.mark.parametrize(("column", "value"), [("entry_id", "entry_id"), ("points", "0")])
    def test_no_entry_is_adjusted_twice_and_none_by_nothing(self, desk: Desk, column: str, value: str):
        desk.gives(10)

        said = refused(
            "INSERT INTO members_adjustment SELECT (jsonb_populate_record(a, jsonb_build_object("
            f"'id', gen_random_uuid(), '{column}', {value}))).* FROM members_adjustment a"
        )

        assert "members_adjustment_entry_id" in said or "an_adjustment_moves_points" in said

    def test_a_day_has_room_for_one_adjustment_and_counts_up(self, desk: Desk):
        desk.gives(10)

        assert "a_day_has_room" in refused("UPDATE members_adjustmentlimit SET points_per_day = 1")
        assert "counted_up" in refused("UPDATE members_adjustmentday SET points = 0")
        assert "one_adjustment_limit_per_role" in refused("UPDATE members_adjustmentlimit SET role = 'x'")

    @pytest.mark.parametrize(
        "rule",
        [
            "expiry_rule = 'days'",
            "expiry_rule = 'inactivity', expires_after = 3",
            "expires_after = 3",
            "expiry_rule = 'fixed_date'",
        ],
    )
    def test_a_reason_has_what_its_expiry_needs(self, goodwill: ReasonCode, rule: str):
        assert "a_reason_has_what_its_expiry_needs" in refused(f"UPDATE members_reasoncode SET {rule}")
