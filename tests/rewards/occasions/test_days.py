"""Birthdays, anniversaries and silence: each once, whatever becomes of the worker and the clock."""

from datetime import date, datetime, timedelta

import pytest
from django.db import transaction

from loyalty.core.models import Event, Program
from members.ledger import verify
from members.models import Member, Wallet
from rewards.happenings import occasion_days, occasions
from rewards.models import Activity, OccasionDay
from tests import factories
from tests.cast import Shop
from tests.races import at_once
from tests.rewards.occasions.conftest import Listen

pytestmark = pytest.mark.django_db


def born(program: Program, day: date, card: str, **more) -> Member:
    member = factories.MemberFactory.create(program=program, birth_date=day, **more)
    factories.IdentifierFactory.create(member=member, value=card)
    return member


def keys(kind: str = "member.birthday") -> list[str]:
    found = Activity.objects.filter(event_type=kind).order_by("occurred_at", "external_id")
    return [activity.external_id for activity in found]


class TestBirthdays:
    def test_give_what_the_campaign_says_and_are_told_to_partners(
        self, program, listen: Listen, noon: datetime
    ):
        listen("birthday")
        ada = born(program, date(1990, 6, 1), "7")
        born(program, date(1990, 6, 2), "8")

        occasion_days.go_through(program, at=noon)

        assert Wallet.objects.get(member=ada).available == 10
        booked = Activity.objects.get()
        assert (booked.source, booked.external_id) == ("regulars", f"birthday:{ada.pk}:2026")
        assert booked.occurred_at.isoformat() == "2026-05-31T22:00:00+00:00"
        told = Event.objects.get(type="member.birthday")
        assert (told.member_id, told.data) == (ada.pk, {"year": 2026})

    def test_come_once_whatever_is_run_again(self, program, listen: Listen, noon: datetime):
        listen("birthday")
        born(program, date(1990, 6, 1), "7")

        occasion_days.go_through(program, at=noon)
        occasion_days.go_through(program, at=noon)
        OccasionDay.objects.update(day=noon.date() - timedelta(days=3), after=None)
        occasion_days.go_through(program, at=noon)

        assert len(keys()) == 1
        assert Event.objects.filter(type="member.birthday").count() == 1

    def test_that_nobody_listens_to_leave_an_event_and_no_activity(self, program, noon: datetime):
        born(program, date(1990, 6, 1), "7")

        occasion_days.go_through(program, at=noon)

        assert not Activity.objects.exists()
        assert Event.objects.filter(type="member.birthday").count() == 1

    def test_on_29_february_are_on_the_28th_except_in_leap_years(self, program, listen: Listen):
        listen("birthday")
        leap = born(program, date(2000, 2, 29), "7")
        occasion_days.go_through(program, at=datetime.fromisoformat("2027-02-01T12:00:00Z"))

        occasion_days.go_through(program, at=datetime.fromisoformat("2028-12-31T12:00:00Z"))

        days = Activity.objects.order_by("occurred_at").values_list("occurred_at", flat=True)
        assert [day.isoformat()[:10] for day in days] == ["2027-02-27", "2028-02-28"]  # midnight in Berlin
        assert keys() == [f"birthday:{leap.pk}:2027", f"birthday:{leap.pk}:2028"]

    def test_of_all_days_are_found_when_the_test_clock_jumps(self, program, listen: Listen, noon: datetime):
        listen("birthday")
        for day in range(1, 29):
            born(program, date(1990, 6, day), str(day))
        occasion_days.go_through(program, at=noon)

        occasion_days.go_through(program, at=noon + timedelta(days=400))

        assert len(keys()) == 28 * 2
        assert len(set(keys())) == 28 * 2

    def test_of_who_is_blocked_or_born_today_are_none(self, program, listen: Listen, noon: datetime):
        listen("birthday")
        born(program, date(1990, 6, 1), "7", status="blocked")
        born(program, date(2026, 6, 1), "8")

        occasion_days.go_through(program, at=noon)

        assert keys() == []
        assert not Event.objects.exclude(type__startswith="campaign").exists()

    def test_ask_as_many_queries_for_many_as_for_one(
        self, program, listen: Listen, noon: datetime, django_assert_num_queries
    ):
        listen("birthday")
        for number in range(30):
            born(program, date(1990, 6, 1), str(number))
        occasion_days.go_through(program, at=noon - timedelta(days=1))
        assert keys() == []

        with django_assert_num_queries(34):
            occasion_days.go_through(program, at=noon)

        assert len(keys()) == 30


class TestAnniversaries:
    def test_count_the_years_in_the_programs_time_zone(self, program, listen: Listen, noon: datetime):
        listen("anniversary")
        late = datetime.fromisoformat("2023-05-31T22:30:00Z")  # 1 June in Berlin
        ada = born(program, date(1990, 1, 1), "7", enrolled_at=late)
        born(program, date(1990, 1, 1), "8", enrolled_at=late - timedelta(hours=1))
        born(program, date(1990, 1, 1), "9", enrolled_at=noon)

        occasion_days.go_through(program, at=noon)

        booked = Activity.objects.get()
        assert booked.external_id == f"anniversary:{ada.pk}:2026"
        assert booked.attributes == {"year": 2026, "years": 3}


class TestInactivity:
    def test_counts_once_for_each_number_of_days_and_spell(self, shop: Shop, listen: Listen, ada: Member):
        listen("inactivity", days=30, key="month")
        listen("inactivity", days=60, key="two-months")
        shop.sells("r1", "10.00")
        occasion_days.go_through(shop.program, at=shop.at)

        occasion_days.go_through(shop.program, at=shop.at + timedelta(days=100))
        later = shop.later(days=100)
        later.sells("r2", "10.00")
        occasion_days.go_through(shop.program, at=later.at + timedelta(days=40))

        assert keys("member.inactive") == [
            f"inactive:{ada.pk}:30:2026-06-01",
            f"inactive:{ada.pk}:60:2026-06-01",
            f"inactive:{ada.pk}:30:2026-09-09",
        ]
        assert Wallet.objects.get(member=ada).available == 10 + 10 + 3 * 10

    def test_begins_with_the_enrolment_of_who_never_bought(self, program, ada, listen: Listen, noon):
        listen("inactivity", days=3)
        occasion_days.go_through(program, at=noon)

        occasion_days.go_through(program, at=noon + timedelta(days=10))

        assert keys("member.inactive") == [f"inactive:{ada.pk}:3:2026-06-01"]

    def test_is_not_looked_for_unless_a_campaign_asks(self, program, ada, noon):
        occasion_days.go_through(program, at=noon)

        occasion_days.go_through(program, at=noon + timedelta(days=10))

        assert not Activity.objects.exists()


class TestBrokenOff:
    def test_in_the_middle_of_a_day_goes_on_where_it_was(
        self, program, listen: Listen, noon: datetime, monkeypatch
    ):
        listen("birthday")
        for number in range(7):
            born(program, date(1990, 6, 1), str(number))
        booked = occasions.book
        calls = []

        def dies_at_the_third(*args, **kwargs):
            calls.append(1)
            result = booked(*args, **kwargs)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return result

        monkeypatch.setattr(occasions, "book", dies_at_the_third)
        with pytest.raises(KeyboardInterrupt), transaction.atomic():
            occasion_days.go_through(program, at=noon, limit=2)
        monkeypatch.setattr(occasions, "book", booked)

        occasion_days.go_through(program, at=noon, limit=2)

        assert len(keys()) == 7
        assert Event.objects.filter(type="member.birthday").count() == 7


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_of_workers_give_each_birthday_once(self, program, listen: Listen, noon: datetime):
        listen("birthday")
        for number in range(25):
            born(program, date(1990, 6, 1), str(number))

        at_once(6, lambda number: occasion_days.go_through(program, at=noon, limit=3))
        occasion_days.go_through(program, at=noon, limit=3)

        assert len(keys()) == 25
        assert Event.objects.filter(type="member.birthday").count() == 25
        assert list(Wallet.objects.values_list("available", flat=True)) == [10] * 25
        assert list(verify.run()) == []
