"""Adjustments, undos and consents, many at once, with a connection each."""

from dataclasses import replace
from uuid import uuid4

import pytest

from loyalty.core.models import Approval, Role
from members.adjustments import Adjusted, Requested
from members.models import Adjustment, AdjustmentDay, Member, Wallet
from tests import factories
from tests.members.adjustments.desk import Desk, balance, is_proven
from tests.members.conftest import person
from tests.races import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("points", "goodwill", "correction", "limits")]


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_many_windows_of_one_person_never_overshoot_the_day(self, desk: Desk, ada: Member):
        results = at_once(8, lambda number: type(desk.gives(300)))

        assert results.count(Adjusted) == 3
        assert results.count(Requested) == 5
        assert AdjustmentDay.objects.get().points == 900
        assert balance(ada) == 900
        assert is_proven()

    def test_on_many_members_neither(self, desk: Desk):
        members = [factories.MemberFactory.create(program=desk.program) for _ in range(8)]

        results = at_once(8, lambda number: type(replace(desk, member=members[number]).gives(500)))

        assert results.count(Adjusted) == 2
        assert sum(Wallet.objects.values_list("available", flat=True)) == 1_000
        assert is_proven()

    def test_one_form_sent_many_times_is_booked_once(self, desk: Desk, ada: Member):
        form = uuid4()

        results = at_once(8, lambda number: desk.gives(400, adjustment_id=form))

        assert len({result.id for result in results}) == 1
        assert {type(result) for result in results} == {Adjusted}
        assert balance(ada) == 400
        assert (AdjustmentDay.objects.get().points, Approval.objects.count()) == (400, 0)

    def test_one_form_above_the_limit_sent_many_times_asks_once(self, desk: Desk):
        form = uuid4()

        results = at_once(8, lambda number: desk.gives(600, adjustment_id=form))

        assert {type(result) for result in results} == {Requested}
        assert Approval.objects.count() == 1

    def test_of_two_who_agree_one_books(self, desk: Desk, ada: Member):
        asked = desk.gives(800)
        deciders = [replace(desk, by=person(desk.program, Role.FINANCE)) for _ in range(6)]

        results = at_once(6, lambda number: deciders[number].agrees(asked).status)

        assert sorted(results) == ["approved"] + ["not_waiting"] * 5
        assert balance(ada) == 800
        assert Adjustment.objects.count() == 1
        assert is_proven()

    def test_of_many_who_undo_one_does(self, desk: Desk, ada: Member):
        desk.gives(200)
        done = desk.gives(300)

        results = at_once(8, lambda number: desk.undoes(done.id).balance)

        assert sorted(map(str, results)) == ["200"] + ["already_undone"] * 7
        assert balance(ada) == 200
        assert is_proven()

    def test_two_who_take_the_last_points_take_them_once(self, desk: Desk, other: Desk, ada: Member):
        desk.gives(300)
        desks = [desk, other]

        results = at_once(6, lambda number: type(desks[number % 2].takes(200)))

        assert results.count(Adjusted) == 1
        assert results.count("insufficient_points") + results.count(Requested) == 5
        assert balance(ada) == 100
        assert is_proven()
