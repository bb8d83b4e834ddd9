"""The pages by which staff adjust points, agree to it and undo it."""

import html
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from loyalty.core.models import Approval, ApprovalStatus, Program, Role
from members import adjustments, reasons
from members.models import Adjustment, AdjustmentLimit, Entry, Member, ReasonCode, WalletType
from tests import factories
from tests.clients import staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("points", "goodwill", "correction", "limits")]

AT_MOST = 15


@pytest.fixture
def support(program: Program) -> Client:
    program.refresh_from_db()
    return staff(program, Role.SUPPORT, first_name=Role.SUPPORT.label)


@pytest.fixture
def colleague(program: Program) -> Client:
    return staff(program, Role.SUPPORT, first_name=Role.SUPPORT.label, email="colleague@coffee.example.org")


def form(**changes: Any) -> dict[str, Any]:
    filled = {
        "adjustment": str(uuid4()),
        "wallet_type": "points",
        "direction": "give",
        "points": "100",
        "reason": "goodwill",
        "note": "",
    }
    return {**filled, **changes}


def adjust_page(member: Member) -> str:
    return reverse("admin:members_member_adjust", args=[member.pk])


def member_page(member: Member) -> str:
    return reverse("admin:members_member_change", args=[member.pk])


def step(name: str, approval: Approval) -> str:
    return reverse(f"admin:core_approval_{name}", args=[approval.pk])


def shown(client: Client, address: str) -> str:
    return html.unescape(client.get(address, follow=True).content.decode())


class TestAdjust:
    def test_books_within_the_limits_and_says_the_balance(self, support: Client, ada: Member):
        answer = support.post(adjust_page(ada), form(note="Cold soup"))

        assert answer.headers["Location"] == member_page(ada)
        body = shown(support, member_page(ada))
        assert "100 points given. The balance is 100 now." in body
        assert "Cold soup" in body
        assert Adjustment.objects.get().points == 100

    def test_sent_twice_counts_once(self, support: Client, ada: Member):
        filled = form()

        for _ in range(2):
            support.post(adjust_page(ada), filled)

        assert Adjustment.objects.count() == 1

    def test_asks_a_second_person_above_them(self, support: Client, ada: Member):
        support.post(adjust_page(ada), form(points="501"))

        assert "This waits for a second person" in shown(support, member_page(ada))
        assert Approval.objects.get().payload["points"] == 501
        assert not Entry.objects.exists()

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"points": ""}, "This field is required"),
            ({"points": "0"}, "greater than or equal to 1"),
            ({"points": "-5"}, "greater than or equal to 1"),
            ({"points": "many"}, "Enter a whole number"),
            ({"points": str(10**15 + 1)}, "less than or equal to"),
            ({"reason": "bribe"}, "Select a valid choice"),
            ({"wallet_type": "gems"}, "Select a valid choice"),
            ({"direction": "burn"}, "Select a valid choice"),
            ({"direction": "take"}, "“Goodwill” only gives points."),
            ({"direction": "take", "reason": "correction"}, "has 0 points, not 100"),
            ({"note": "x" * 1001}, "at most 1000 characters"),
            ({"adjustment": "mine"}, "Enter a valid UUID"),
        ],
    )
    def test_says_what_is_wrong_and_changes_nothing(
        self, support: Client, ada: Member, changes: dict[str, str], words: str
    ):
        answer = support.post(adjust_page(ada), form(**changes))

        assert answer.status_code == 200
        assert words in html.unescape(answer.content.decode())
        assert not Entry.objects.exists()
        assert not Approval.objects.exists()

    @pytest.mark.parametrize("role", [Role.MARKETER, Role.FINANCE, Role.OPERATOR])
    def test_is_closed_to_others(self, program: Program, ada: Member, role: Role):
        client = staff(program, role)

        answers = [client.get(adjust_page(ada)), client.post(adjust_page(ada), form())]

        assert [answer.status_code for answer in answers] == [403, 403]
        assert "Adjust points" not in shown(client, member_page(ada))
        assert not Entry.objects.exists()

    def test_knows_no_member_of_another_program(self, support: Client):
        theirs = factories.MemberFactory.create()

        assert support.get(adjust_page(theirs)).status_code == 404
        assert support.post(adjust_page(theirs), form()).status_code == 404

    def test_without_reasons_says_who_sets_them_up(self, support: Client, ada: Member):
        ReasonCode.objects.all().delete()

        assert "An administrator sets them up" in shown(support, adjust_page(ada))


class TestOutlook:
    def ask(self, client: Client, member: Member, **changes: Any) -> str:
        address = reverse("admin:members_member_outlook", args=[member.pk])
        return html.unescape(client.post(address, form(**changes)).content.decode())

    def test_says_the_balance_and_that_it_is_booked_at_once(self, support: Client, ada: Member):
        said = self.ask(support, ada)

        assert "<span>0</span>" in said
        assert "<span>100</span>" in said
        assert "booked at once" in said
        assert not Entry.objects.exists()

    def test_says_that_a_second_person_is_needed(self, support: Client, ada: Member):
        assert "More than 500 points at once need a second person." in self.ask(support, ada, points="700")

    def test_says_what_would_be_refused(self, support: Client, ada: Member):
        assert "only gives points" in self.ask(support, ada, direction="take")

    def test_waits_for_what_is_not_filled_in_yet(self, support: Client, ada: Member):
        assert "then you see here" in self.ask(support, ada, points="")


class TestApprovals:
    @pytest.fixture
    def asked(self, support: Client, ada: Member) -> Approval:
        support.post(adjust_page(ada), form(points="800", note="Two cold meals"))
        return Approval.objects.get()

    def test_wait_for_colleagues_with_a_count_in_the_sidebar(
        self, asked: Approval, support: Client, colleague: Client
    ):
        inbox = reverse("admin:core_approval_changelist")

        assert "Nothing waits for you" in shown(support, inbox)
        theirs = shown(colleague, inbox)
        assert all(words in theirs for words in ("Ada Lovelace", "800 Points", "Goodwill", "Two cold meals"))
        assert step("approve", asked) in theirs
        assert step("approve", asked) not in shown(support, f"{inbox}?show=asked")
        assert step("withdraw", asked) in shown(support, f"{inbox}?show=asked")

    def test_are_given_by_a_colleague(self, asked: Approval, ada: Member, colleague: Client):
        colleague.post(step("approve", asked))

        assert Adjustment.objects.get().approval == asked
        assert "+800" in shown(colleague, member_page(ada))

    def test_are_refused_to_who_asked(self, asked: Approval, support: Client):
        support.post(step("approve", asked))

        assert "Nobody decides on their own request" in shown(support, reverse("admin:index"))
        asked.refresh_from_db()
        assert asked.status == "pending"

    def test_are_rejected_with_a_reason(self, asked: Approval, colleague: Client):
        colleague.post(step("reject", asked), {"note": ""})
        asked.refresh_from_db()
        assert asked.status == "pending"

        colleague.post(step("reject", asked), {"note": "Far too much"})
        asked.refresh_from_db()
        assert (asked.status, asked.decision_note) == ("rejected", "Far too much")

    def test_are_withdrawn_by_who_asked(self, asked: Approval, support: Client, colleague: Client):
        assert colleague.post(step("withdraw", asked)).status_code == 404
        support.post(step("withdraw", asked))

        asked.refresh_from_db()
        assert asked.status == "withdrawn"

    def test_stay_in_their_program(self, asked: Approval):
        stranger = staff(factories.ProgramFactory.create(), Role.ADMINISTRATOR)

        answers = [stranger.post(step(name, asked), {"note": "x"}) for name in ("approve", "reject")]

        assert [answer.status_code for answer in answers] == [404, 404]
        assert stranger.get(reverse("admin:core_approval_change", args=[asked.pk])).status_code == 404

    def test_are_closed_to_those_who_have_no_say(self, asked: Approval, program: Program):
        marketer = staff(program, Role.MARKETER)

        said = marketer.post(step("approve", asked), follow=True).content.decode()

        assert "You may not decide on this" in said
        assert Approval.objects.get(pk=asked.pk).status == ApprovalStatus.PENDING

    def test_are_no_links_that_somebody_else_could_have_one_follow(self, asked: Approval, colleague: Client):
        assert colleague.get(step("approve", asked)).status_code == 405

    def test_lead_back_only_to_our_own_pages(self, asked: Approval, colleague: Client):
        answer = colleague.post(step("approve", asked), {"next": "https://elsewhere.example.org/"})

        assert answer.headers["Location"] == reverse("admin:core_approval_changelist")

    def test_that_have_run_out_say_so(self, asked: Approval, colleague: Client, program: Program):
        Program.objects.update(kind="sandbox")
        Program.objects.update(clock_offset=timedelta(days=8))

        page = shown(colleague, reverse("admin:core_approval_change", args=[asked.pk]))

        assert "Ran out" in page
        assert step("approve", asked) not in page


class TestUndo:
    def test_says_what_comes_of_it_and_does_it_once(self, support: Client, ada: Member):
        support.post(adjust_page(ada), form())
        address = reverse("admin:members_adjustment_undo", args=[Adjustment.objects.get().pk])

        assert "100 now, 0 afterwards" in shown(support, address)
        assert not Adjustment.objects.get().undone_at
        support.post(address)
        assert "The balance is 0 now." in shown(support, member_page(ada))
        support.post(address)

        assert "was undone already" in shown(support, member_page(ada))
        assert Entry.objects.count() == 2

    def test_is_closed_to_others(self, support: Client, ada: Member, program: Program):
        support.post(adjust_page(ada), form())
        address = reverse("admin:members_adjustment_undo", args=[Adjustment.objects.get().pk])
        elsewhere = staff(factories.ProgramFactory.create(), Role.SUPPORT)

        assert staff(program, Role.FINANCE).post(address).status_code == 403
        assert elsewhere.post(address).status_code == 404
        assert not Adjustment.objects.get().undone_at


class TestTheUsual:
    def test_is_offered_while_there_is_nothing_and_set_up_once(self, program: Program):
        administrator = staff(program, Role.ADMINISTRATOR)
        ReasonCode.objects.all().delete()
        AdjustmentLimit.objects.filter(role="partner").delete()
        page, usual = (reverse(f"admin:members_reasoncode_{name}") for name in ("changelist", "usual"))

        assert usual in shown(administrator, page)
        for _ in range(2):
            administrator.post(usual)

        assert usual not in shown(administrator, page)
        assert ReasonCode.objects.filter(program=program).count() == len(reasons.USUAL)
        support = AdjustmentLimit.objects.get(role="support")
        assert support.points_per_adjustment == 500

    def test_is_not_for_those_who_only_look(self, program: Program):
        marketer = staff(program, Role.MARKETER)
        ReasonCode.objects.all().delete()
        usual = reverse("admin:members_reasoncode_usual")

        assert usual not in shown(marketer, reverse("admin:members_reasoncode_changelist"))
        assert marketer.post(usual).status_code == 403

    def test_a_rule_without_its_number_is_refused_in_words(self, program: Program):
        administrator = staff(program, Role.ADMINISTRATOR)
        filled = {"label": "X", "key": "x", "direction": "add", "expiry_rule": "days", "is_active": "on"}

        answer = administrator.post(reverse("admin:members_reasoncode_add"), filled)

        assert "Days and months need their number" in html.unescape(answer.content.decode())

    def test_a_second_limit_for_a_role_and_a_day_that_is_too_small_are_refused_in_words(
        self, program: Program
    ):
        administrator = staff(program, Role.ADMINISTRATOR)
        address = reverse("admin:members_adjustmentlimit_add")
        filled = {"role": "support", "points_per_adjustment": "10", "points_per_day": "20"}

        second = administrator.post(address, filled)
        AdjustmentLimit.objects.all().delete()
        small = administrator.post(address, {**filled, "points_per_day": "5"})

        assert "already exists" in second.content.decode()
        assert "at least that of one adjustment" in small.content.decode()


class TestQueries:
    @pytest.fixture
    def busy(self, program: Program, points: WalletType, ada: Member, support: Client) -> Program:
        """Forty adjustments of many members by many partners, forty that wait, and twelve of Ada's."""
        for number in range(40):
            member = factories.MemberFactory.create(program=program) if number % 3 else ada
            for amount in (100, 101):
                adjustments.adjust(
                    program=program,
                    member_id=member.pk,
                    wallet_type="points",
                    points=amount,
                    reason="goodwill",
                    by=None,
                    actor=f"partner:p{number}",
                    at=timezone.now(),
                )
        return program

    @pytest.mark.parametrize(
        "address",
        [
            "/admin/core/approval/",
            "/admin/core/approval/?show=asked",
            "/admin/core/approval/?show=decided",
            "/admin/members/adjustment/",
            "/admin/members/adjustment/?reason=goodwill",
            "/admin/members/adjustment/?q=1001",
            "/admin/members/reasoncode/",
            "/admin/members/adjustmentlimit/",
        ],
    )
    def test_a_list_takes_few_whatever_is_in_it(self, busy: Program, address: str):
        assert queries(staff(busy, Role.ADMINISTRATOR), address) <= AT_MOST

    def test_a_page_about_one_takes_few(self, busy: Program, support: Client, ada: Member):
        adjustment = Adjustment.objects.filter(member=ada).first()
        approval = Approval.objects.filter(subject_id=ada.pk).first()
        assert adjustment
        assert approval

        taken = {
            "member": queries(support, member_page(ada)),
            "form": queries(support, adjust_page(ada)),
            "adjustment": queries(support, reverse("admin:members_adjustment_change", args=[adjustment.pk])),
            "undo": queries(support, reverse("admin:members_adjustment_undo", args=[adjustment.pk])),
            "approval": queries(support, reverse("admin:core_approval_change", args=[approval.pk])),
        }

        assert max(taken.values()) <= AT_MOST, taken

    def test_the_inbox_goes_on_to_the_next_page(self, busy: Program, support: Client):
        first = support.get("/admin/core/approval/").context["cards"]
        older = support.get("/admin/core/approval/").context["older"]
        second = support.get(f"/admin/core/approval/?after={older}").context["cards"]

        ids = [card.approval.pk for card in [*first, *second]]
        assert (len(first), len(second), len(set(ids))) == (25, 15, 40)


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        response = client.get(address)
    assert response.status_code == 200, address
    return len(captured)
