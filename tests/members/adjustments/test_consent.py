"""Limits, and the second person who agrees above them."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from loyalty.core import approvals
from loyalty.core.approvals import OwnRequest
from loyalty.core.errors import DomainError
from loyalty.core.models import Approval, Role
from members.adjustments import Adjusted, MayNotAdjust, Requested
from members.adjustments.approving import ReasonHasChanged
from members.ledger.operations import InsufficientPoints
from members.models import Adjustment, AdjustmentDay, AdjustmentLimit, Member, ReasonCode
from members.reasons import UnknownReason, WrongDirection
from tests import factories
from tests.members.adjustments.desk import Desk, balance, is_proven
from tests.members.conftest import person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("points", "goodwill", "correction", "limits")]


class TestLimits:
    def test_above_the_limit_of_one_a_second_person_is_asked(self, desk: Desk, ada: Member, noon: datetime):
        asked = desk.gives(501, note="Big order")

        assert isinstance(asked, Requested)
        approval = Approval.objects.get()
        assert (asked.id, asked.expires_at) == (approval.pk, noon + timedelta(days=7))
        assert "500 points at once" in asked.because
        assert (approval.subject_id, approval.note) == (ada.pk, "Big order")
        assert approval.summary == "+501 Points: Goodwill"
        assert not Adjustment.objects.exists()

    def test_above_the_limit_of_the_day_a_second_person_is_asked(self, desk: Desk, ada: Member):
        results = [desk.gives(400), desk.takes(350, "correction"), desk.gives(300), desk.gives(250)]

        assert [type(result) for result in results] == [Adjusted, Adjusted, Requested, Adjusted]
        assert "Of 1,000 points a day, 750 are used" in results[2].because  # type: ignore[union-attr]
        assert balance(ada) == 300
        assert AdjustmentDay.objects.get().points == 1_000

    def test_a_day_is_one_of_the_programs(self, desk: Desk):
        desk.gives(500)
        desk.gives(500)

        # 22:00 in UTC is midnight in Berlin.
        before = desk.later(hours=9, minutes=59).gives(1)
        after = desk.later(hours=10).gives(1)

        assert (type(before), type(after)) == (Requested, Adjusted)

    def test_each_person_has_their_own_day(self, desk: Desk, other: Desk, till_desk: Desk):
        for who in (desk, desk, other):
            assert isinstance(who.gives(500), Adjusted)
        assert isinstance(till_desk.gives(100), Adjusted)
        assert isinstance(till_desk.gives(101), Requested)

    def test_what_is_refused_uses_nothing_up(self, desk: Desk):
        with pytest.raises(InsufficientPoints):
            desk.takes(400)

        assert not AdjustmentDay.objects.exists()

    def test_without_a_limit_each_adjustment_needs_a_second_person(self, desk: Desk):
        AdjustmentLimit.objects.all().delete()

        assert isinstance(desk.gives(1), Requested)

    def test_superusers_have_those_of_administrators(self, desk: Desk):
        root = factories.UserFactory.create(is_superuser=True)

        assert isinstance(replace(desk, by=root).gives(5_000), Adjusted)
        assert isinstance(replace(desk, by=root).gives(5_000), Requested)


class TestConsent:
    def test_books_what_was_asked_for_in_the_name_of_who_asked(self, desk: Desk, other: Desk, ada: Member):
        asked = desk.gives(800, note="Ruined dinner")

        approval = other.later(hours=2).agrees(asked)

        adjustment = Adjustment.objects.get()
        assert balance(ada) == 800
        assert (adjustment.pk, adjustment.approval, adjustment.by) == (asked.id, approval, desk.by)
        assert (adjustment.note, adjustment.adjusted_at) == ("Ruined dinner", desk.at + timedelta(hours=2))
        assert approval.result == f"adjustment:{adjustment.pk}"
        assert not AdjustmentDay.objects.exists()
        assert is_proven()

    def test_is_not_given_by_who_asked(self, desk: Desk, ada: Member):
        asked = desk.gives(800)

        with pytest.raises(OwnRequest):
            desk.agrees(asked)

        assert balance(ada) == 0

    @pytest.mark.parametrize("role", [Role.FINANCE, Role.ADMINISTRATOR, Role.SUPPORT])
    def test_is_given_by_those_who_may(self, desk: Desk, ada: Member, role: Role):
        asked = desk.gives(800)

        replace(desk, by=person(desk.program, role)).agrees(asked)

        assert balance(ada) == 800

    def test_is_given_to_a_partner_by_anyone_who_may(self, till_desk: Desk, desk: Desk, ada: Member):
        asked = till_desk.gives(200)

        desk.agrees(asked)

        assert (balance(ada), Adjustment.objects.get().actor) == (200, "partner:till")

    def test_comes_too_late_when_the_points_are_gone(self, desk: Desk, other: Desk, ada: Member):
        for _ in range(2):
            desk.gives(400)
        asked = other.takes(700)
        other.takes(200)

        with pytest.raises(InsufficientPoints, match="600"):
            desk.agrees(asked)

        assert balance(ada) == 600
        assert Approval.objects.get().status == "pending"

    @pytest.mark.parametrize(
        ("change", "refusal"),
        [
            ({"is_active": False}, UnknownReason),
            ({"direction": "remove"}, WrongDirection),
            ({"counts_towards_tiers": True}, ReasonHasChanged),
            ({"cost_centre": "other"}, ReasonHasChanged),
            ({"expiry_rule": "never"}, ReasonHasChanged),
        ],
    )
    def test_is_for_what_the_reason_meant_then(
        self, desk: Desk, other: Desk, ada: Member, change: dict[str, Any], refusal: type[DomainError]
    ):
        asked = desk.gives(800)
        ReasonCode.objects.filter(key="goodwill").update(**change)

        with pytest.raises(refusal):
            other.agrees(asked)

        assert balance(ada) == 0

    def test_is_of_no_use_when_who_asked_may_not_adjust_any_more(self, desk: Desk, other: Desk, ada: Member):
        asked = desk.gives(800)
        desk.by.assignments.update(role=Role.MARKETER)  # type: ignore[union-attr]

        with pytest.raises(MayNotAdjust):
            other.agrees(asked)

        assert balance(ada) == 0

    def test_is_told_what_it_is_for(self, desk: Desk, ada: Member, goodwill: ReasonCode):
        ReasonCode.objects.filter(pk=goodwill.pk).update(expiry_rule="days", expires_after=30)
        asked = desk.gives(800)

        facts = approvals.told([Approval.objects.get()])[asked.id]

        assert [(str(fact.label), fact.text) for fact in facts] == [
            ("Member", "Ada Lovelace"),
            ("Has now", "0"),
            ("Gets", "800 Points"),
            ("Reason", "Goodwill"),
            ("Tiers", "does not count"),
            ("Expires", "A number of days after earning: 30"),
            ("Paid by", "marketing"),
            ("Why you are asked", "More than 500 points at once need a second person."),
        ]
        assert facts[0].page == ("members_member", ada.pk)
