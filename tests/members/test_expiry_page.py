"""The page "Expiry": what will go, whose, what has gone; hold, release and undo by those who may."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from loyalty.core.models import Program, Role
from members import expiry, expiry_outlook
from members.models import ExpiryRun, Member, RunStatus, WalletType
from members.references import MemberReference
from tests import factories
from tests.admin.pages import AT_MOST
from tests.cast import Shop
from tests.clients import staff

EXPIRY = "admin:members_expiryrun_{}"


@pytest.fixture
def points_for_a_month(program: Program, points: WalletType) -> WalletType:
    points.expiry_rule, points.expires_after = "months", 1
    points.save()
    return points


@pytest.fixture
def sold(points_for_a_month: WalletType, shop: Shop, ada: Member, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Ada's points from a sale of 100 euros; for the admin it is the day after."""
    shop.sells("receipt-1", "100.00")
    now = shop.later(days=1).at
    monkeypatch.setattr("loyalty.core.clock.timezone.now", lambda: now)
    return shop


def url(name: str, *args: Any) -> str:
    return reverse(EXPIRY.format(name), args=args)


class TestTheOutlook:
    def test_adds_up_what_goes_by_kind_and_day(self, sold: Shop, points: WalletType):
        sold.later(days=1).sells("receipt-2", "20.00")

        days = expiry_outlook.by_day(sold.program, at=sold.later(days=1).at, days=40)

        assert [(day.last_day, day.members, day.points) for day in days] == [
            (date(2026, 7, 1), 1, 100),
            (date(2026, 7, 2), 1, 20),
        ]
        assert sum(day.value for day in days) == 120 * points.point_value

    def test_reads_whose_they_are_page_by_page(self, sold: Shop, points: WalletType):
        for number in range(5):
            factories.IdentifierFactory.create(member__program=sold.program, value=f"m{number}")
            sold.sells(f"more-{number}", "10.00", member=MemberReference("card", f"m{number}"))
        asked: dict[str, Any] = {
            "wallet_type_id": points.pk, "first_day": None, "last_day": date(2026, 7, 1)
        }  # fmt: skip

        first = expiry_outlook.whose(sold.program, **asked, limit=4)
        position = expiry_outlook.Position(first[-1].expires_at, first[-1].wallet_id)
        second = expiry_outlook.whose(sold.program, **asked, after=position, limit=4)

        assert [len(first), len(second)] == [4, 2]
        assert sum(one.points for one in (*first, *second)) == 150
        assert len({one.wallet_id for one in (*first, *second)}) == 6

    def test_counts_what_lapses(self, points: WalletType, shop: Shop, ada: Member):
        points.expiry_rule, points.expires_after = "inactivity", 1
        points.save()
        shop.program.refresh_from_db()
        shop.sells("receipt-1", "100.00")
        last_day = date(2026, 7, 1)

        (day,) = expiry_outlook.by_day(shop.program, at=shop.at, days=40)
        (one,) = expiry_outlook.whose(
            shop.program, wallet_type_id=points.pk, first_day=last_day, last_day=last_day
        )

        assert (day.last_day, day.points) == (last_day, 100)
        assert (one.member_id, one.points) == (ada.pk, 100)

    def test_knows_nothing_of_other_programs(self, sold: Shop, points: WalletType):
        other = factories.ProgramFactory.create()

        assert expiry_outlook.by_day(other, at=sold.at, days=40) == []
        assert (
            expiry_outlook.whose(other, wallet_type_id=points.pk, first_day=None, last_day=date(2026, 7, 1))
            == []
        )


class TestThePage:
    def test_shows_what_will_expire_with_few_queries(
        self, sold: Shop, program: Program, django_assert_max_num_queries
    ):
        marketer = staff(program, Role.MARKETER)
        list(expiry.run(program, at=sold.later(days=60).at))
        sold.sells("receipt-2", "50.00")

        with django_assert_max_num_queries(AT_MOST):
            body = marketer.get(url("changelist")).content.decode()

        assert "Wed, 1 Jul 2026" in body
        assert "Expire 1 month after earning." in body
        assert ">100<" in body  # what has expired
        assert "Put on hold" in body
        assert "/undo/" not in body

    def test_says_so_when_there_is_nothing(self, program: Program):
        body = staff(program, Role.SUPPORT).get(url("changelist")).content.decode()

        assert "No points expire in this time." in body
        assert "Nothing has expired yet." in body

    def test_lists_the_members_and_gives_them_as_csv(self, sold: Shop, program: Program, points, ada: Member):
        finance = staff(program, Role.FINANCE)
        asked = {"first": "2026-07-01", "last": "2026-07-01"}

        listed = finance.get(url("members", points.pk), asked).content.decode()
        file = b"".join(finance.get(url("csv", points.pk), asked)).decode()

        assert "Ada Lovelace" in listed
        assert file.splitlines() == [
            "member_id,wallet_type,last_day,points,value,currency",
            f"{ada.pk},points,2026-07-01,100,1.00,EUR",
        ]

    @pytest.mark.parametrize("asked", [{"last": "2026-99-99"}, {"first": "2027-01-01", "last": "2026-01-01"}])
    def test_knows_no_days_that_make_no_sense(self, sold: Shop, program: Program, points, asked):
        assert staff(program, Role.FINANCE).get(url("members", points.pk), asked).status_code == 404

    def test_puts_on_hold_and_releases(self, sold: Shop, program: Program, points: WalletType):
        marketer = staff(program, Role.MARKETER)

        marketer.post(url("hold", points.pk), {"hold": "yes"})
        held = list(expiry.run(program, at=sold.later(days=60).at))
        body = marketer.get(url("changelist")).content.decode()
        marketer.post(url("hold", points.pk), {"hold": "no"})
        released = list(expiry.run(program, at=sold.later(days=60).at))

        assert held == []
        assert "Release" in body
        assert [chunk.points for chunk in released] == [100]

    def test_undoes_a_run(self, sold: Shop, program: Program):
        finance = staff(program, Role.FINANCE)
        list(expiry.run(program, at=sold.later(days=60).at))
        run = ExpiryRun.objects.get()

        past = finance.post(url("undo", run.pk), {"last_day": "2026-06-01"})
        done = finance.post(url("undo", run.pk), {"last_day": "2026-12-31"})

        assert "Give a day in the future" in past.content.decode()
        assert done.status_code == 302
        run.refresh_from_db()
        assert run.status == RunStatus.UNDOING
        assert run.undone_by.startswith("staff:")

    @pytest.mark.parametrize(
        ("role", "holds", "undoes"),
        [
            (Role.MARKETER, 302, 403),
            (Role.SUPPORT, 403, 403),
            (Role.FINANCE, 302, 302),
            (Role.OPERATOR, 403, 403),
            (Role.ADMINISTRATOR, 302, 302),
        ],
    )
    def test_lets_a_role_do_what_it_may(
        self, sold: Shop, program: Program, points: WalletType, role: Role, holds: int, undoes: int
    ):
        list(expiry.run(program, at=sold.later(days=60).at))
        client = staff(program, role)
        last_day = (sold.at + timedelta(days=90)).date().isoformat()

        undo = client.post(url("undo", ExpiryRun.objects.get().pk), {"last_day": last_day})
        hold = client.post(url("hold", points.pk), {"hold": "yes"})

        assert (hold.status_code, undo.status_code) == (holds, undoes)
        points.refresh_from_db()
        assert points.expiry_is_on_hold == (holds == 302)

    def test_of_another_program_is_out_of_reach(self, sold: Shop, points: WalletType):
        list(expiry.run(sold.program, at=sold.later(days=60).at))
        stranger: Client = staff(factories.ProgramFactory.create(), Role.ADMINISTRATOR)

        answers = [
            stranger.get(url("members", points.pk)),
            stranger.get(url("csv", points.pk)),
            stranger.post(url("hold", points.pk), {"hold": "yes"}),
            stranger.post(url("undo", ExpiryRun.objects.get().pk), {"last_day": "2026-12-31"}),
        ]

        assert {answer.status_code for answer in answers} == {404}


class TestTheFormOfAKindOfPoints:
    FORM = {
        "name": "Points", "key": "points", "is_spendable": "on", "expiry_rule": "never", "pending_days": "0",
        "point_value": "0.01", "return_policy": "within_balance", "transfers_to": "nobody",
        "transfer_minimum": "1", "transfer_fee_percent": "0",
    }  # fmt: skip

    def save(self, program: Program, points: WalletType, **changes: str) -> str:
        client = staff(program, Role.ADMINISTRATOR)
        response = client.post(
            reverse("admin:members_wallettype_change", args=[points.pk]), {**self.FORM, **changes}
        )
        points.refresh_from_db()
        return "" if response.status_code == 302 else response.content.decode()

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"expiry_rule": "months"}, "Say how many, at least 1."),
            ({"expiry_rule": "inactivity", "expires_after": "0"}, "Say how many, at least 1."),
            ({"expiry_rule": "end_of_year"}, "0 is the end of the present one."),
            ({"expiry_rule": "fixed_date"}, "Say on which day."),
            ({"expires_only_if_warned": "on"}, "or nothing would ever expire"),
        ],
    )
    def test_says_what_a_rule_lacks(self, program: Program, points: WalletType, changes, said: str):
        body = self.save(program, points, **changes)

        assert said in body
        assert points.expiry_rule == "never"

    def test_keeps_only_what_the_rule_needs(self, program: Program, points: WalletType):
        self.save(program, points, expiry_rule="fixed_date", expires_after="3", expires_on_date="2026-12-31")

        assert (points.expiry_rule, points.expires_after) == ("fixed_date", None)
        assert points.expires_on_date == date(2026, 12, 31)

    def test_takes_the_rules_for_waiting_and_warning(self, program: Program, points: WalletType):
        self.save(
            program, points, expiry_rule="end_of_year", expires_after="1", pending_days="14",
            warns_days_before="30", expires_only_if_warned="on",
        )  # fmt: skip

        assert (points.pending_days, points.warns_days_before, points.expires_only_if_warned) == (
            14,
            30,
            True,
        )
