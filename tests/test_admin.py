"""The admin's pages: who may open which, nothing of another program, and few queries whatever there is."""

import html
import json
import re
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from integrations.models import Call, Credential, Delivery, Partner, Quota, WebhookEndpoint
from loyalty.core import clock
from loyalty.core.models import Approval, Assignment, Event, Program, Role, User
from members import adjustments, expiry, holds
from members.admin.statement import KIND_LABELS
from members.models import (
    Adjustment,
    AdjustmentLimit,
    AttributeType,
    Entry,
    EntryKind,
    EventType,
    ExpiryRun,
    Hold,
    Identifier,
    LedgerCheck,
    Lot,
    Member,
    ReasonCode,
    Segment,
    WalletType,
)
from members.references import MemberReference
from rewards.models import (
    Activity,
    Badge,
    Campaign,
    CampaignStatus,
    CampaignVersion,
    Challenge,
    Checkout,
    PrizeDraw,
    Redemption,
    ReferralCode,
    Reward,
    UnclaimedSale,
    Voucher,
    WaitingReturn,
)
from rewards.planning import campaigns, drafts
from rewards.telling import wording
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient, staff
from tests.known import known

AT_MOST = 15

# For each registered model: what a role gets of its list and of its form for a new one (200, or 403).
# M marketer, S support, F finance, O operator, A administrator; see `loyalty.core.roles`.
SEES = {
    "members.member": "MSFA",
    "members.entry": "MSFA",
    "members.hold": "MSFA",
    "members.transfer": "MSFA",
    "members.merge": "MSFA",
    "members.ledgercheck": "FOA",
    "members.segment": "MSFA",
    "members.attributetype": "MSFOA",
    "members.eventtype": "MSFOA",
    "members.wallettype": "MSFA",
    "members.tierladder": "MSFA",
    "members.adjustment": "MSFA",
    "members.adjustmentlimit": "MSFA",
    "members.reasoncode": "MSFA",
    "members.expiryrun": "MSFA",
    "rewards.activity": "MSFA",
    "rewards.checkout": "MSFA",
    "rewards.redemption": "MSFA",
    "rewards.referralcode": "MSFA",
    "rewards.waitingreturn": "MSFA",
    "rewards.unclaimedsale": "MSFA",
    "rewards.campaign": "MSFA",
    "rewards.reward": "MSFA",
    "rewards.badge": "MSFA",
    "rewards.challenge": "MSFA",
    "rewards.prizedraw": "MSFA",
    "integrations.partner": "OA",
    "integrations.credential": "OA",
    "integrations.webhookendpoint": "OA",
    "integrations.delivery": "OA",
    "integrations.call": "OA",
    "core.approval": "MSFA",
    "core.event": "OA",
    "core.program": "A",
    "core.assignment": "A",
    "core.user": "",
    "django_celery_beat.periodictask": "OA",
    "django_celery_beat.intervalschedule": "OA",
    "django_celery_beat.crontabschedule": "OA",
}
ADDS = {
    "members.member": "",
    "members.entry": "",
    "members.hold": "",
    "members.transfer": "",
    "members.merge": "",
    "members.ledgercheck": "",
    "members.segment": "MA",
    "members.attributetype": "MOA",
    "members.eventtype": "MOA",
    "members.wallettype": "A",
    "members.tierladder": "MA",
    "members.adjustment": "",
    "members.adjustmentlimit": "A",
    "members.reasoncode": "A",
    "members.expiryrun": "",
    "rewards.activity": "",
    "rewards.checkout": "",
    "rewards.redemption": "",
    "rewards.referralcode": "",
    "rewards.waitingreturn": "",
    "rewards.unclaimedsale": "",
    "rewards.campaign": "MA",
    "rewards.reward": "MA",
    "rewards.badge": "MA",
    "rewards.challenge": "MA",
    "rewards.prizedraw": "MA",
    "integrations.partner": "OA",
    "integrations.credential": "OA",
    "integrations.webhookendpoint": "",
    "integrations.delivery": "",
    "integrations.call": "",
    "core.approval": "",
    "core.event": "",
    "core.program": "",
    "core.assignment": "A",
    "core.user": "",
    "django_celery_beat.periodictask": "",
    "django_celery_beat.intervalschedule": "",
    "django_celery_beat.crontabschedule": "",
}
LETTERS = {
    Role.MARKETER: "M",
    Role.SUPPORT: "S",
    Role.FINANCE: "F",
    Role.OPERATOR: "O",
    Role.ADMINISTRATOR: "A",
}


@pytest.fixture
def marketer(program: Program) -> Client:
    return staff(program, Role.MARKETER)


@pytest.fixture
def support(program: Program) -> Client:
    return staff(program, Role.SUPPORT)


@pytest.fixture
def operator(program: Program) -> Client:
    return staff(program, Role.OPERATOR)


@pytest.fixture
def administrator(program: Program) -> Client:
    return staff(program, Role.ADMINISTRATOR)


@pytest.fixture
def task(db: None) -> PeriodicTask:
    """Something that runs for all programs, once an hour."""
    hourly = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.HOURS)
    return PeriodicTask.objects.create(name="Expire points", task="members.tasks.expire", interval=hourly)


def page(model: str, action: str, *args: Any) -> str:
    return reverse(f"admin:{model.replace('.', '_')}_{action}", args=args)


class TestPermissions:
    def test_the_table_knows_every_registered_model(self):
        registered = {model._meta.label_lower for model in admin.site._registry}

        assert registered == set(SEES) == set(ADDS)

    @pytest.mark.parametrize("role", list(LETTERS))
    def test_a_role_opens_the_lists_it_may_see_and_no_other(self, program: Program, role: Role):
        client = staff(program, role)

        answers = {model: client.get(page(model, "changelist")).status_code for model in SEES}

        assert answers == {model: 200 if LETTERS[role] in roles else 403 for model, roles in SEES.items()}

    @pytest.mark.parametrize("role", list(LETTERS))
    def test_a_role_adds_what_it_may_and_nothing_else(self, program: Program, role: Role):
        client = staff(program, role)

        answers = {model: client.get(page(model, "add")).status_code for model in ADDS}

        assert answers == {model: 200 if LETTERS[role] in roles else 403 for model, roles in ADDS.items()}

    @pytest.mark.parametrize("role", list(LETTERS))
    def test_the_sidebar_shows_exactly_what_the_role_may_see(self, program: Program, role: Role):
        client = staff(program, role)

        body = client.get(reverse("admin:index")).content.decode()

        shown = {model for model in SEES if f'href="{page(model, "changelist")}"' in body}
        hidden = {"django_celery_beat.intervalschedule", "django_celery_beat.crontabschedule"}
        assert shown - hidden >= {m for m, roles in SEES.items() if LETTERS[role] in roles} - hidden
        assert not {model for model in shown if LETTERS[role] not in SEES[model]}

    @pytest.mark.parametrize("role", [Role.SUPPORT, Role.FINANCE, Role.OPERATOR])
    def test_only_those_who_may_publish_pause_a_campaign(
        self, program: Program, base_rule: Campaign, role: Role
    ):
        response = staff(program, role).post(page("rewards.campaign", "step", base_rule.pk, "pause"))

        assert response.status_code == 403
        base_rule.refresh_from_db()
        assert base_rule.status == CampaignStatus.RUNNING

    @pytest.mark.parametrize("role", [Role.MARKETER, Role.FINANCE])
    def test_details_of_a_member_are_changed_by_support_alone(
        self, program: Program, ada: Member, role: Role
    ):
        response = staff(program, role).post(page("members.member", "edit", ada.pk), {"first_name": "Eve"})

        assert response.status_code == 403
        ada.refresh_from_db()
        assert ada.first_name == "Ada"

    def test_without_a_role_there_is_an_explanation_and_nothing_else(self, program: Program):
        client = Client()
        client.force_login(factories.UserFactory.create())

        start = client.get(reverse("admin:index"))
        members = client.get(page("members.member", "changelist"))

        assert "You have no role in any program yet" in start.content.decode()
        assert members.status_code == 403

    def test_without_a_log_in_every_page_asks_for_one(self, program: Program):
        response = Client().get(page("members.member", "changelist"), follow=True)

        assert response.redirect_chain[-1][0].startswith(reverse("account_login"))

    @pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMINISTRATOR])
    def test_the_installations_schedule_is_looked_at_by_a_role_and_changed_by_none(
        self, program: Program, role: Role, task: PeriodicTask
    ):
        client = staff(program, role)
        task_page = page("django_celery_beat.periodictask", "change", task.pk)
        every_page = page("django_celery_beat.intervalschedule", "change", task.interval_id)
        bulk = {"action": "disable_tasks", "_selected_action": [task.pk]}

        assert [client.get(address).status_code for address in (task_page, every_page)] == [200, 200]
        assert client.post(task_page, {"name": "Never", "enabled": ""}).status_code == 403
        assert client.post(every_page, {"every": 99, "period": "days"}).status_code == 403
        client.post(page("django_celery_beat.periodictask", "changelist"), bulk)

        task.refresh_from_db()
        assert (task.name, task.enabled, task.interval.every) == ("Expire points", True, 1)

    def test_a_superuser_changes_the_installations_schedule(self, task: PeriodicTask):
        client = Client()
        client.force_login(User.objects.create_superuser("root@example.org", "pass-word-1234"))
        bulk = {"action": "disable_tasks", "_selected_action": [task.pk]}

        client.post(page("django_celery_beat.periodictask", "changelist"), bulk)

        task.refresh_from_db()
        assert not task.enabled

    def test_an_administrator_gives_a_new_person_a_role_and_an_account(
        self, program: Program, administrator: Client
    ):
        form = {
            "email": "new@example.org",
            "full_name": "Nia",
            "role": "support",
            "password": "a-long-enough-one",
        }

        response = administrator.post(page("core.assignment", "add"), form)

        assert response.status_code == 302
        given = Assignment.objects.get(user__email="new@example.org")
        assert (given.program, given.role) == (program, Role.SUPPORT)
        assert given.user.check_password("a-long-enough-one")
        assert not given.user.is_superuser

    def test_an_administrator_has_no_say_over_an_existing_account(
        self, program: Program, administrator: Client
    ):
        owner = User.objects.create_superuser("owner@example.org", "the-owner-s-own-password")
        form = {
            "email": "OWNER@example.org",
            "full_name": "Eve",
            "role": "support",
            "password": "another-password",
        }

        administrator.post(page("core.assignment", "add"), form)

        owner.refresh_from_db()
        assert owner.check_password("the-owner-s-own-password")
        assert owner.first_name == ""

    def test_nobody_changes_their_own_role(self, program: Program, administrator: Client):
        own = Assignment.objects.get(program=program, role=Role.ADMINISTRATOR)

        administrator.post(page("core.assignment", "change", own.pk), {"role": "finance"})
        deleted = administrator.post(page("core.assignment", "delete", own.pk), {"post": "yes"})

        own.refresh_from_db()
        assert own.role == Role.ADMINISTRATOR
        assert deleted.status_code == 403


@pytest.fixture
def elsewhere(db: None) -> dict[str, Any]:
    """Objects of another program, one of each kind that its staff sees."""
    program = factories.ProgramFactory.create(key="elsewhere", name="Elsewhere")
    member = factories.MemberFactory.create(program=program, first_name="Foreign", last_name="Person")
    factories.IdentifierFactory.create(member=member, value="9001")
    partner = factories.PartnerFactory.create(program=program, name="Foreign tills")
    endpoint = WebhookEndpoint.objects.create(
        partner=partner, url="https://foreign.example.org/", secret=b"x"
    )
    event = Event.objects.create(program=program, type="campaign.started", occurred_at=factories.NOON)
    wallet_type = factories.WalletTypeFactory.create(program=program, name="Foreign points")
    reason = ReasonCode.objects.create(program=program, key="foreign", label="Foreign reason")
    limit = AdjustmentLimit.objects.create(
        program=program, role="partner", points_per_adjustment=10, points_per_day=10
    )
    program.refresh_from_db()
    adjust = partial(
        adjustments.adjust,
        program=program,
        member_id=member.pk,
        wallet_type="points",
        reason="foreign",
        by=None,
        actor="partner:till",
        at=factories.NOON,
    )
    credential = Credential.objects.create(
        partner=partner, name="Foreign key", digest=b"f", prefix="rk_live_foreign"
    )
    return {
        "integrations.call": Call.objects.create(
            called_at=factories.NOON,
            program=program,
            partner=partner,
            credential=credential,
            operation="foreign_operation",
            status=200,
            duration_ms=1,
            object_ids=[],
            request_id="foreign-request",
            is_replay=False,
            is_deprecated=False,
        ),
        "members.ledgercheck": LedgerCheck.objects.create(
            program=program, actor="staff:1", asked_at=factories.NOON
        ),
        "program": program,
        "members.reasoncode": reason,
        "members.segment": Segment.objects.create(program=program, key="foreign", name="Foreign segment"),
        "members.attributetype": AttributeType.objects.create(
            program=program, name="foreign", label="Foreign attribute"
        ),
        "members.eventtype": EventType.objects.create(program=program, name="foreign", label="Foreign event"),
        "members.adjustmentlimit": limit,
        "members.adjustment": Adjustment.objects.get(pk=adjust(points=10).id),
        "core.approval": Approval.objects.get(pk=adjust(points=11).id),
        "members.hold": Hold.objects.get(
            pk=holds.place(
                member=MemberReference("id", str(member.pk)),
                wallet_type=wallet_type.key,
                points=1,
                program=program,
                source="till",
                actor="partner:till",
                at=factories.NOON,
            ).hold.id
        ),
        "members.member": member,
        "members.wallettype": wallet_type,
        "members.tierladder": factories.TierLadderFactory.create(
            program=program, name="Foreign", wallet_type=wallet_type
        ),
        "members.expiryrun": ExpiryRun.objects.create(
            program=program,
            wallet_type=wallet_type,
            through=factories.NOON,
            actor="system:expiry",
            started_at=factories.NOON,
        ),
        "rewards.campaign": factories.CampaignFactory.create(program=program, name="Foreign rule"),
        "rewards.reward": factories.RewardFactory.create(
            program=program, name="Foreign gift", wallet_type=wallet_type
        ),
        "rewards.badge": Badge.objects.create(program=program, key="foreign", name="Foreign badge"),
        "rewards.challenge": Challenge.objects.create(
            program=program, key="foreign", name="Foreign challenge", goal=1
        ),
        "rewards.prizedraw": PrizeDraw.objects.create(
            program=program, key="foreign", name="Foreign draw", closes_at=factories.NOON
        ),
        "rewards.unclaimedsale": UnclaimedSale.objects.create(
            program=program,
            source="foreign-till",
            external_id="foreign-receipt",
            amount="1.00",
            body={},
            fingerprint=b"",
            occurred_at=factories.NOON,
            recorded_at=factories.NOON,
        ),
        "rewards.referralcode": ReferralCode.objects.create(
            program=program, member=member, code="FOREIGNX", made_at=factories.NOON
        ),
        "rewards.checkout": Checkout.objects.create(
            program=program,
            member=member,
            source=partner.key,
            basket={},
            quote={
                "lines": [],
                **dict.fromkeys(
                    ("subtotal", "discount", "paid_with_points", "total"),
                    {"amount": "0.00", "currency": "EUR"},
                ),
            },
            total=0,
            opened_at=factories.NOON,
            expires_at=factories.NOON + timedelta(hours=1),
        ),
        "rewards.waitingreturn": WaitingReturn.objects.create(
            program=program,
            source=partner.key,
            external_id="foreign-return",
            sale_external_id="foreign-sale",
            body={},
            fingerprint=b"f",
            occurred_at=factories.NOON,
            recorded_at=factories.NOON,
        ),
        "integrations.partner": partner,
        "integrations.webhookendpoint": endpoint,
        "integrations.credential": credential,
        "integrations.delivery": Delivery.objects.create(
            endpoint=endpoint, event_number=event.number, next_attempt_at=factories.NOON
        ),
        "core.event": event,
        "core.assignment": Assignment.objects.create(
            user=factories.UserFactory.create(email="foreign@example.org"),
            program=program,
            role=Role.MARKETER,
        ),
    }


FOREIGN = sorted(
    set(SEES)
    - {"core.user", "core.program", "rewards.activity", "rewards.redemption"}
    - {"members.entry", "members.transfer", "members.merge"}
)
FOREIGN = [model for model in FOREIGN if not model.startswith("django_celery_beat")]


class TestOtherPrograms:
    @pytest.mark.parametrize("model", FOREIGN)
    def test_their_objects_are_in_no_list_and_behind_no_address(
        self, administrator: Client, elsewhere: dict[str, Any], model: str
    ):
        foreign = elsewhere[model]

        listed = administrator.get(page(model, "changelist"))
        opened = administrator.get(page(model, "change", foreign.pk))
        history = administrator.get(page(model, "history", foreign.pk))

        assert page(model, "change", foreign.pk) not in listed.content.decode()
        assert opened.status_code in (302, 404)
        assert opened.headers.get("Location", reverse("admin:index")) == reverse("admin:index")
        assert history.status_code in (302, 404)

    def test_their_facts_are_behind_no_address(self, ada: Member, elsewhere: dict[str, Any], shop: Shop):
        shop.sells("r-1", "12.50")
        stranger = staff(elsewhere["program"], Role.ADMINISTRATOR)
        activity, entry = Activity._default_manager.get(), Entry._default_manager.get(member=ada)

        answers = [
            stranger.get(page("rewards.activity", "change", activity.pk)),
            stranger.get(page("members.entry", "change", entry.pk)),
            stranger.get(page("rewards.activity", "changelist") + f"?member__id__exact={activity.member_id}"),
            stranger.get(page("members.entry", "changelist") + f"?wallet__id__exact={entry.wallet_id}"),
        ]

        assert [answer.status_code for answer in answers] == [302, 302, 200, 200]
        assert page("rewards.activity", "change", activity.pk) not in answers[2].content.decode()
        assert page("members.entry", "change", entry.pk) not in answers[3].content.decode()

    @pytest.mark.parametrize("term", ["9001", "Foreign", "Person", "Foreign Person"])
    def test_their_members_are_not_found(self, support: Client, elsewhere: dict[str, Any], term: str):
        response = support.get(page("members.member", "changelist"), {"q": term})

        assert "Nothing found" in response.content.decode()

    def test_their_member_is_not_found_by_id(self, support: Client, elsewhere: dict[str, Any]):
        response = support.get(
            page("members.member", "changelist"), {"q": str(elsewhere["members.member"].pk)}
        )

        assert "Nothing found" in response.content.decode()

    def test_their_things_cannot_be_chosen(
        self, marketer: Client, points: WalletType, elsewhere: dict[str, Any]
    ):
        form = marketer.get(page("rewards.reward", "add")).content.decode()
        posted = marketer.post(
            page("rewards.reward", "add"),
            {
                "name": "Gift",
                "key": "gift",
                "wallet_type": elsewhere["members.wallettype"].pk,
                "price": 1,
                "voucher_valid_days": 1,
                "voucher_uses": 1,
                "limit_period": "ever",
                "discount_kind": "none",
                "codes_from": "made",
                "codes_warn_below": "20",
            },
        )

        assert str(points.pk) in form
        assert "Foreign points" not in form
        assert posted.status_code == 200
        assert not Reward.objects.filter(key="gift").exists()

    def test_autocompletes_know_only_the_own_program(self, marketer: Client, elsewhere: dict[str, Any]):
        choices = {
            "app_label": "rewards",
            "model_name": "redemption",
            "field_name": "member",
            "term": "Foreign",
        }

        response = marketer.get(reverse("admin:autocomplete"), choices)

        assert "Foreign" not in response.content.decode()

    def test_a_program_is_chosen_only_with_a_role_in_it(self, marketer: Client, elsewhere: dict[str, Any]):
        response = marketer.post(reverse("choose_program"), {"program": elsewhere["program"].pk})

        assert response.status_code == 403
        assert "program" not in marketer.session

    def test_who_has_a_role_in_two_changes_between_them(self, program: Program, elsewhere: dict[str, Any]):
        client = staff(program, Role.MARKETER)
        user = User.objects.get(email=f"marketer@{program.key}.example.org")
        Assignment.objects.create(user=user, program=elsewhere["program"], role=Role.FINANCE)

        client.post(reverse("choose_program"), {"program": elsewhere["program"].pk})
        response = client.get(page("members.member", "changelist"))

        assert "Foreign Person" in response.content.decode()
        assert client.get(page("rewards.campaign", "add")).status_code == 403

    def test_a_new_object_belongs_to_the_program_in_the_header(
        self, operator: Client, program: Program, elsewhere: dict[str, Any]
    ):
        operator.post(
            page("integrations.partner", "add"),
            {"name": "Shop", "key": "shop", "is_active": "on", "program": elsewhere["program"].pk},
        )

        assert Partner.objects.get(key="shop").program == program

    def test_a_key_that_is_taken_in_this_program_is_refused_at_the_field_and_not_with_an_error(
        self, operator: Client, program: Program
    ):
        factories.PartnerFactory.create(program=program, key="shop")

        response = operator.post(page("integrations.partner", "add"), {"name": "Shop", "key": "shop"})

        assert response.status_code == 200
        assert "already exists" in response.content.decode()
        assert Partner.objects.filter(program=program).count() == 1


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        response = client.get(address)
    assert response.status_code == 200, address
    if len(captured) > AT_MOST:
        print("\n".join(query["sql"] for query in captured.captured_queries))
    return len(captured)


@pytest.fixture
def year(shop: Shop, program: Program) -> Program:
    """Thirty members with a purchase each, one of them with many, and a redemption."""
    for number in range(30):
        member = factories.MemberFactory.create(
            program=program, first_name=f"Nr {number}", last_name="Lovett"
        )
        factories.IdentifierFactory.create(member=member, value=f"card-{number}")
    ada = factories.MemberFactory.create(program=program)
    factories.IdentifierFactory.create(member=ada, value="1001")
    for number in range(20):
        shop.later(hours=number).sells(f"r-{number}", "60.00")
    factories.RewardFactory.create(
        program=program, key="coffee", wallet_type=WalletType.objects.get(program=program)
    )
    shop.later(days=2).redeems("coffee")
    for number in range(15):
        shop.later(days=2).holds(number + 1)
    return program


class TestQueries:
    @pytest.mark.parametrize("model", sorted(set(SEES) - {"core.user"}))
    def test_a_list_takes_few(self, administrator: Client, year: Program, model: str):
        assert queries(administrator, page(model, "changelist")) <= AT_MOST

    @pytest.mark.parametrize("term", ["1001", "love", "ada lovelace", "Lovelace, Ada", "nobody"])
    def test_searching_members_takes_few(self, support: Client, year: Program, term: str):
        assert queries(support, page("members.member", "changelist") + f"?q={term}") <= AT_MOST

    def test_the_page_about_a_member_takes_few_however_much_they_bought(self, support: Client, year: Program):
        ada = Identifier.objects.get(value="1001").member

        assert queries(support, page("members.member", "change", ada.pk)) <= AT_MOST

    @pytest.mark.parametrize("role", list(LETTERS))
    def test_the_start_page_takes_few(self, year: Program, role: Role):
        # An administrator's has what each of the others sees.
        at_most = AT_MOST + (role == Role.ADMINISTRATOR)
        assert queries(staff(year, role), reverse("admin:index")) <= at_most

    def test_figures_over_the_program_are_kept_for_some_minutes(self, marketer: Client, year: Program):
        first = queries(marketer, reverse("admin:index"))
        second = queries(marketer, reverse("admin:index"))

        assert second <= first - 4

    def test_a_list_is_titled_by_what_is_in_it(self, support: Client, program: Program):
        body = support.get(page("members.entry", "changelist")).content.decode()

        (title,) = re.findall(r"<title>\s*(.*?)\s*</title>", body, re.S)
        assert title == "Points statement | Regulars"

    def test_no_list_counts_its_table(self, administrator: Client, year: Program):
        with CaptureQueriesContext(connection) as captured:
            administrator.get(page("members.member", "changelist"))

        assert not [query for query in captured.captured_queries if "COUNT(" in query["sql"].upper()]


class TestSearch:
    @pytest.mark.parametrize(
        "term", ["1001", "10", "Lovelace", "love", "ada", "ada love", "lovelace, ada", "LOVELACE"]
    )
    def test_finds_a_member_by_the_beginning_of_anything_known(self, support: Client, ada: Member, term: str):
        response = support.get(page("members.member", "changelist"), {"q": term})

        assert str(ada.pk) in response.content.decode()

    def test_who_is_known_by_exactly_this_comes_first(self, support: Client, ada: Member, program: Program):
        newer = factories.MemberFactory.create(program=program)
        factories.IdentifierFactory.create(member=newer, value="1001" + "7" * 60)

        response = support.get(page("members.member", "changelist"), {"q": "1001"})

        assert list(response.context["cl"].result_list) == [ada, newer]
        assert "7" * 40 not in response.content.decode()

    def test_finds_a_phone_number_however_it_is_typed(self, support: Client, ada: Member):
        factories.IdentifierFactory.create(member=ada, kind="phone", value="+491701234567")

        for term in ("+49 170 1234567", "0049170", "+49(170)123-4567"):
            response = support.get(page("members.member", "changelist"), {"q": term})
            assert str(ada.pk) in response.content.decode(), term

    def test_finds_a_receipt_and_a_voucher(self, support: Client, year: Program):
        redemption = Redemption.objects.get()

        receipt = support.get(page("rewards.activity", "changelist"), {"q": "r-7"})
        voucher = support.get(
            page("rewards.redemption", "changelist"), {"q": redemption.voucher.code.lower()}
        )

        assert "r-7" in receipt.content.decode()
        assert "r-8" not in receipt.content.decode()
        assert str(redemption.pk) in voucher.content.decode()


class TestMemberPage:
    def test_shows_tier_progress_wallet_and_statement(self, support: Client, ada: Member, shop: Shop):
        shop.sells("r-1", "340.00")

        body = support.get(page("members.member", "change", ada.pk)).content.decode()

        assert "340 of 1,000 to Silver" in body
        assert "available to spend" in body
        assert "+340" in body
        assert "A point for each euro" in body

    def test_its_statement_is_brief_and_each_line_leads_to_what_it_was_for(
        self, support: Client, ada: Member, shop: Shop
    ):
        shop.sells("r-1", "340.00")
        booked = Entry._default_manager.get()

        about = support.get(page("members.member", "change", ada.pk)).content.decode()
        line = support.get(page("members.entry", "change", booked.pk)).content.decode()

        assert '<div class="rg-brief"><span class="rg-strong">Earned</span></div>' in about
        assert f'href="{page("members.entry", "change", booked.pk)}"' in about
        assert re.search(r"Purchase[^<]*: A point for each euro", line)
        assert "partner:till" not in line

    def test_counts_held_points_in_the_balance_of_its_statement(
        self, support: Client, ada: Member, shop: Shop
    ):
        shop.sells("r-1", "340.00")
        shop.holds(100)

        body = support.get(page("members.member", "change", ada.pk)).content.decode()

        balances = re.findall(r'<td class="rg-right rg-number">([\d,]+)</td>', body)
        assert balances == ["340", "340"]

    def test_every_kind_of_entry_has_a_chip_with_its_words(self):
        assert set(KIND_LABELS) == set(EntryKind)

    def test_offers_no_way_to_change_points(self, support: Client, ada: Member, shop: Shop):
        shop.sells("r-1", "340.00")
        entry = Entry._default_manager.get()

        answers = [
            support.post(page("members.entry", "change", entry.pk), {"points": 1}).status_code,
            support.post(page("members.entry", "delete", entry.pk), {"post": "yes"}).status_code,
            support.get(page("members.entry", "add")).status_code,
        ]

        assert answers == [403, 403, 403]

    def test_vouchers_and_postings_tell_their_moments_in_the_programs_time(
        self, support: Client, ada: Member, shop: Shop, program: Program
    ):
        Program.objects.filter(pk=program.pk).update(time_zone="Asia/Tokyo")
        factories.RewardFactory.create(
            program=program, key="coffee", wallet_type=WalletType.objects.get(program=program)
        )
        shop.sells("r-1", "600.00")
        shop.redeems("coffee")
        Voucher.objects.update(expires_at=datetime.fromisoformat("2027-02-20T22:02:30+00:00"))
        Lot.objects.update(earned_at=datetime.fromisoformat("2027-01-30T22:02:30+00:00"))

        bought = support.get(page("rewards.redemption", "change", Redemption.objects.get().pk))
        booked = support.get(page("members.entry", "change", Entry.objects.get(number=1).pk))

        assert "21 Feb 2027, 07:02" in bought.content.decode()
        assert ">Issued</span>" in bought.content.decode()
        assert "31 Jan 2027, 07:02" in booked.content.decode()
        assert "+00:00" not in bought.content.decode() + booked.content.decode()

    def test_support_corrects_details_and_partners_hear_which(self, support: Client, ada: Member):
        form = {
            "first_name": "Augusta",
            "last_name": "Lovelace",
            "birth_date": "1815-12-10",
            "initial-attributes": "{}",
            "attributes": "{}",
            "identifiers-TOTAL_FORMS": "1",
            "identifiers-INITIAL_FORMS": "1",
            "identifiers-0-id": str(ada.identifiers.get().pk),
            "identifiers-0-member": str(ada.pk),
            "identifiers-0-kind": "email",
            "identifiers-0-value": " Ada@Example.org ",
        }

        response = support.post(page("members.member", "edit", ada.pk), form)

        assert response.status_code == 302, response.context["errors"]
        ada.refresh_from_db()
        assert ada.first_name == "Augusta"
        assert ada.identifiers.get().value == "ada@example.org"
        event = Event.objects.get(type="member.updated")
        assert event.data["fields"] == ["birth_date", "first_name", "identifiers"]
        assert "Augusta" not in str(event.data)
        assert "Changed" in support.get(page("members.member", "history", ada.pk)).content.decode()

    def test_an_identifier_of_somebody_else_is_refused_at_the_field(
        self, support: Client, ada: Member, program: Program
    ):
        other = factories.MemberFactory.create(program=program)
        factories.IdentifierFactory.create(member=other, kind="card", value="2002")
        form = {
            "first_name": "Ada",
            "last_name": "Lovelace",
            "attributes": "{}",
            "identifiers-TOTAL_FORMS": "1",
            "identifiers-INITIAL_FORMS": "1",
            "identifiers-0-id": str(ada.identifiers.get().pk),
            "identifiers-0-member": str(ada.pk),
            "identifiers-0-kind": "card",
            "identifiers-0-value": "2002",
        }

        response = support.post(page("members.member", "edit", ada.pk), form)

        assert "Another member of the program has this identifier." in response.content.decode()
        assert ada.identifiers.get().value == "1001"


DOUBLED = {"kind": "multiplier", "wallet_type": "points", "factor": "2"}
FROM_FIFTY = {"all": [{"fact": "sale.amount", "operator": "gte", "value": "50.00"}]}


def doubling(**changes: Any) -> dict[str, Any]:
    return {"trigger": {"kind": "sale"}, "conditions": FROM_FIFTY, "effects": [DOUBLED], **changes}


def campaign_form(campaign: Campaign | None = None, **changes: Any) -> dict[str, Any]:
    """What the page sends: `definition` as an object, the revision of the campaign as it is now."""
    definition = json.dumps(changes.pop("definition", doubling()))
    revision = drafts.revision(campaign) if campaign else ""
    form = {"name": "Double points", "description": "", "definition": definition, "revision": revision}
    return {**form, **changes}


class TestCampaignPage:
    def test_a_draft_is_saved_and_gives_nobody_points(self, marketer: Client, points: WalletType):
        marketer.post(page("rewards.campaign", "add"), campaign_form())

        campaign = Campaign.objects.get()
        assert (campaign.key, campaign.status) == ("double-points", CampaignStatus.DRAFT)
        assert campaign.draft == doubling()
        assert not CampaignVersion.objects.exists()

    def test_publishing_puts_a_version_in_force_and_says_who(self, marketer: Client, points: WalletType):
        marketer.post(page("rewards.campaign", "add"), campaign_form(_publish="1"))

        version = CampaignVersion.objects.get()
        assert version.campaign.status == CampaignStatus.RUNNING
        assert version.published_by == User.objects.get()

    def test_publishing_at_a_time_means_the_programs_time(self, marketer: Client, points: WalletType):
        marketer.post(
            page("rewards.campaign", "add"), campaign_form(_publish="1", effective_at="2030-06-01T08:00")
        )

        assert CampaignVersion.objects.get().effective_at == datetime.fromisoformat("2030-06-01T08:00+02:00")

    def test_a_rule_that_does_not_hold_together_is_kept_and_pointed_out_but_not_published(
        self, marketer: Client, points: WalletType, program: Program
    ):
        campaign = factories.CampaignFactory.create(program=program, key="k")
        wrong = doubling(conditions={"all": [{**FROM_FIFTY["all"][0], "value": "plenty"}]})

        response = marketer.post(
            page("rewards.campaign", "change", campaign.pk),
            campaign_form(campaign, _publish="1", definition=wrong),
        )

        assert response.status_code == 200
        assert response.context["builder"]["isShowingAll"] is True
        assert response.context["judgement"]["problems"] == [
            {"pointer": "#/conditions/all/0/value", "text": "“plenty” is no amount such as 12.50."}
        ]
        campaign.refresh_from_db()
        assert campaign.draft == wrong
        assert campaign.status == CampaignStatus.DRAFT
        assert not campaign.versions.exists()

    def test_a_new_campaign_that_cannot_be_published_is_kept_and_says_why(
        self, marketer: Client, points: WalletType
    ):
        form = campaign_form(_publish="1", definition=doubling(effects=[]))

        response = marketer.post(page("rewards.campaign", "add"), form)

        campaign, body = Campaign.objects.get(), response.content.decode()
        assert response.status_code == 200
        assert "Choose what members get." in body
        assert f'action="{page("rewards.campaign", "change", campaign.pk)}"' in body
        assert not CampaignVersion.objects.exists()

    def test_points_that_the_program_does_not_have_are_pointed_out_at_the_effect(
        self, marketer: Client, points: WalletType
    ):
        form = campaign_form(_publish="1", definition=doubling(effects=[{**DOUBLED, "wallet_type": "stars"}]))

        response = marketer.post(page("rewards.campaign", "add"), form)

        pointers = [problem["pointer"] for problem in response.context["judgement"]["problems"]]
        assert pointers == ["#/effects/0/wallet_type"]
        assert response.context["homeless"] == []

    @pytest.mark.parametrize("sent", ["", "{", "[" * 10])
    def test_what_is_no_json_changes_nothing(self, marketer: Client, base_rule: Campaign, sent: str):
        before = base_rule.draft

        response = marketer.post(
            page("rewards.campaign", "change", base_rule.pk), {**campaign_form(base_rule), "definition": sent}
        )

        base_rule.refresh_from_db()
        assert "The rule could not be read." in response.content.decode()
        assert base_rule.draft == before

    def test_saving_a_draft_is_confirmed(self, marketer: Client, points: WalletType):
        response = marketer.post(page("rewards.campaign", "add"), campaign_form(), follow=True)

        assert "The draft is saved." in response.content.decode()

    def test_lists_tell_what_is_in_force_and_that_the_draft_differs(
        self, marketer: Client, base_rule: Campaign
    ):
        in_force = base_rule.versions.get().definition
        base_rule.draft = {**in_force, "effects": [{**in_force["effects"][0], "points": "7"}]}
        base_rule.save()

        bodies = [
            marketer.get(address).content.decode()
            for address in (reverse("admin:index"), page("rewards.campaign", "changelist"))
        ]

        for body in bodies:
            assert "unpublished changes" in body
            assert wording.sentence(in_force, program=base_rule.program) in html.unescape(body)
            assert wording.sentence(base_rule.draft, program=base_rule.program) not in html.unescape(body)

    @pytest.mark.parametrize(
        ("schedule", "label"),
        [
            ({"starts_at": None, "ends_at": "2020-01-01T00:00:00+00:00"}, "Ended"),
            ({"starts_at": "2090-01-01T00:00:00+00:00", "ends_at": None}, "Scheduled"),
            ({"starts_at": None, "ends_at": None}, "Running"),
        ],
    )
    def test_the_list_says_whether_a_campaigns_time_has_come_or_is_over(
        self, marketer: Client, base_rule: Campaign, schedule: dict[str, Any], label: str
    ):
        definition = {**base_rule.draft, "schedule": schedule}
        campaigns.publish(base_rule, definition=definition, by=None, at=factories.NOON)

        body = marketer.get(page("rewards.campaign", "changelist")).content.decode()

        chips = {
            said for said in ("Ended", "Scheduled", "Running") if re.search(rf">\s*{said}\s*</span>", body)
        }
        assert chips == {label}

    def test_saving_leaves_what_a_step_decides_alone(self, marketer: Client, base_rule: Campaign):
        with CaptureQueriesContext(connection) as queries:
            marketer.post(
                page("rewards.campaign", "change", base_rule.pk), campaign_form(base_rule, name="Renamed")
            )

        (update,) = [q["sql"] for q in queries if 'UPDATE "rewards_campaign"' in q["sql"]]
        assert '"status"' not in update
        assert Campaign.objects.get().name == "Renamed"

    def test_publishing_into_the_past_is_refused_in_words(
        self, marketer: Client, base_rule: Campaign, shop: Shop, ada: Member
    ):
        shop.sells("receipt-1", "10.00")

        response = marketer.post(
            page("rewards.campaign", "change", base_rule.pk),
            campaign_form(base_rule, _publish="1", effective_at="2024-01-01T00:00"),
        )

        assert "Choose a moment that is still to come." in response.content.decode()
        assert CampaignVersion.objects.count() == 1

    def test_pause_resume_and_end_are_versions_too(self, marketer: Client, base_rule: Campaign):
        for step in ("pause", "resume", "end"):
            marketer.post(page("rewards.campaign", "step", base_rule.pk, step))

        assert list(base_rule.versions.order_by("number").values_list("is_running", flat=True)) == [
            True,
            False,
            True,
            False,
        ]
        base_rule.refresh_from_db()
        assert base_rule.status == CampaignStatus.ENDED

    def test_what_cannot_be_done_now_is_said_and_changes_nothing(self, marketer: Client, base_rule: Campaign):
        response = marketer.post(page("rewards.campaign", "step", base_rule.pk, "resume"), follow=True)

        assert "is not paused" in response.content.decode()
        assert base_rule.versions.count() == 1

    def test_two_versions_stand_side_by_side(self, marketer: Client, base_rule: Campaign):
        marketer.post(page("rewards.campaign", "step", base_rule.pk, "pause"))

        body = marketer.get(page("rewards.campaign", "versions", base_rule.pk)).content.decode()

        assert "Version 1" in body
        assert "nobody earns by it" in body

    def test_the_history_says_who_changed_what(self, marketer: Client, base_rule: Campaign):
        marketer.post(page("rewards.campaign", "step", base_rule.pk, "pause"))

        body = marketer.get(page("rewards.campaign", "history", base_rule.pk)).content.decode()

        assert re.search(r"marketer@coffee.example.org</span>\s+paused it", body)


class TestRewardPage:
    @pytest.fixture
    def mug(self, program: Program, points: WalletType) -> Reward:
        return factories.RewardFactory.create(program=program, wallet_type=points, key="mug", stock=5)

    def changes(self, client: Client, reward: Reward, change: str, pieces: object = "") -> Any:
        return client.post(
            reverse("admin:rewards_reward_change_stock", args=[reward.pk]),
            {"change": change, "pieces": pieces},
        )

    def test_saving_does_not_put_back_what_was_sold_meanwhile(self, marketer: Client, mug: Reward):
        form = {
            "name": "Big mug",
            "description": "",
            "wallet_type": str(mug.wallet_type_id),
            "price": "500",
            "stock": "5",
            "is_active": "on",
            "voucher_valid_days": "90",
            "voucher_uses": "1",
            "has_voucher": "on",
            "limit_period": "ever",
            "discount_kind": "none",
            "codes_from": "made",
            "codes_warn_below": "20",
        }
        Reward.objects.update(stock=3)

        with CaptureQueriesContext(connection) as queries:
            marketer.post(page("rewards.reward", "change", mug.pk), form)

        (update,) = [q["sql"] for q in queries if 'UPDATE "rewards_reward"' in q["sql"]]
        assert '"stock"' not in update
        mug.refresh_from_db()
        assert (mug.name, mug.stock) == ("Big mug", 3)

    def test_what_it_takes_off_is_asked_for_so_that_it_holds_together(self, marketer: Client, mug: Reward):
        form = {
            "name": "Big mug",
            "wallet_type": str(mug.wallet_type_id),
            "price": "500",
            "voucher_valid_days": "90",
            "voucher_uses": "1",
            "limit_period": "ever",
            "discount_kind": "percent",
            "codes_from": "made",
            "codes_warn_below": "20",
            "discount_amount": "5.00",
        }

        lacking = marketer.post(page("rewards.reward", "change", mug.pk), form)
        amount = form | {"discount_kind": "amount"}
        marketer.post(page("rewards.reward", "change", mug.pk), amount)
        marketer.post(page("rewards.reward", "change", mug.pk), form | {"discount_percent": "10"})

        assert "Say what is taken off." in lacking.content.decode()
        mug.refresh_from_db()
        told = (mug.discount_kind, mug.discount_percent, mug.discount_amount)
        assert told == ("percent", Decimal(10), None)

    def test_pieces_are_added_to_and_removed_from_what_is_there_now(self, marketer: Client, mug: Reward):
        offered = marketer.get(page("rewards.reward", "change", mug.pk)).content.decode()
        Reward.objects.update(stock=3)

        self.changes(marketer, mug, "add", 10)
        self.changes(marketer, mug, "remove", 4)

        mug.refresh_from_db()
        assert "Add or remove pieces" in offered
        assert mug.stock == 9
        history = marketer.get(page("rewards.reward", "history", mug.pk)).content.decode()
        assert "Stock: 10 added, 13 then." in history
        assert "Stock: 4 removed, 9 then." in history
        assert f"{Role.MARKETER}@coffee.example.org" in history

    def test_no_more_are_removed_than_there_are(self, marketer: Client, mug: Reward):
        response = self.changes(marketer, mug, "remove", 6)

        assert "There are 5 pieces" in response.content.decode()
        mug.refresh_from_db()
        assert mug.stock == 5
        history = marketer.get(page("rewards.reward", "history", mug.pk)).content.decode()
        assert "Stock:" not in history

    @pytest.mark.parametrize("pieces", ["", "-1", "many", "1000001"])
    def test_what_is_no_number_of_pieces_is_refused_at_the_field(
        self, marketer: Client, mug: Reward, pieces: str
    ):
        response = self.changes(marketer, mug, "add", pieces)

        assert response.context["form"].errors["pieces"]
        mug.refresh_from_db()
        assert mug.stock == 5

    def test_the_limit_is_lifted_and_set_again(self, marketer: Client, mug: Reward):
        self.changes(marketer, mug, "lift")
        mug.refresh_from_db()
        assert mug.stock is None

        self.changes(marketer, mug, "add", 5)
        mug.refresh_from_db()
        assert mug.stock is None

        self.changes(marketer, mug, "limit", 7)
        mug.refresh_from_db()
        assert mug.stock == 7

    def test_who_may_only_look_does_not_change_the_stock(self, support: Client, mug: Reward):
        assert self.changes(support, mug, "add", 5).status_code == 403
        mug.refresh_from_db()
        assert mug.stock == 5

    def test_another_programs_stock_is_not_found(self, marketer: Client, elsewhere: dict[str, Any]):
        assert self.changes(marketer, elsewhere["rewards.reward"], "lift").status_code == 404


class TestCredentials:
    def asks(self, partner: Partner, **known: Any) -> dict[str, Any]:
        usual = {"partner": partner.pk, "kind": "api_key", "name": "Tills", "scopes": ["members:read"]}
        return usual | known

    def test_a_key_is_shown_once_and_works(self, operator: Client, program: Program):
        partner = factories.PartnerFactory.create(program=program)
        form = self.asks(partner)

        response = operator.post(page("integrations.credential", "add"), form)

        key = response.context["key"]
        credential = Credential.objects.get()
        assert key in response.content.decode()
        assert "no-store" in response.headers["Cache-Control"]
        assert (
            key not in operator.get(page("integrations.credential", "change", credential.pk)).content.decode()
        )
        assert Client().get("/v1/whoami", headers={"Authorization": f"Bearer {key}"}).status_code != 401

    def test_a_form_sent_again_makes_no_second_key(self, operator: Client, program: Program):
        partner = factories.PartnerFactory.create(program=program)
        form = self.asks(partner, token=str(uuid4()))

        first = operator.post(page("integrations.credential", "add"), form)
        again = operator.post(page("integrations.credential", "add"), form)

        assert (first.status_code, again.status_code) == (200, 302)
        assert Credential.objects.count() == 1

    def test_revoking_stops_it(self, operator: Client, program: Program):
        partner = factories.PartnerFactory.create(program=program)
        form = self.asks(partner)
        operator.post(page("integrations.credential", "add"), form)
        credential = Credential.objects.get()

        operator.post(page("integrations.credential", "revoke", credential.pk))

        credential.refresh_from_db()
        assert credential.revoked_at is not None

    def test_a_key_for_another_programs_partner_is_refused(self, operator: Client, elsewhere: dict[str, Any]):
        form = self.asks(elsewhere["integrations.partner"])

        response = operator.post(page("integrations.credential", "add"), form)

        assert response.context["form"].errors["partner"]

    def test_another_programs_key_is_not_revoked(self, operator: Client, elsewhere: dict[str, Any]):
        foreign = elsewhere["integrations.credential"]

        response = operator.post(page("integrations.credential", "revoke", foreign.pk))

        assert response.status_code == 404
        foreign.refresh_from_db()
        assert foreign.revoked_at is None

    def test_a_client_is_shown_with_its_secret_once_and_gets_tokens(self, operator: Client, program: Program):
        partner = factories.PartnerFactory.create(program=program)

        response = operator.post(
            page("integrations.credential", "add"), self.asks(partner, kind="oauth_client")
        )

        credential = Credential.objects.get()
        assert credential.client_id in response.content.decode()
        body = urlencode(
            {
                "grant_type": "client_credentials",
                "client_id": credential.client_id,
                "client_secret": response.context["key"],
            }
        )
        token = Client().post("/oauth/token", body, "application/x-www-form-urlencoded")
        assert token.json()["scope"] == "members:read"
        shown = operator.get(page("integrations.credential", "change", credential.pk)).content.decode()
        assert credential.client_id in shown
        assert response.context["key"] not in shown

    def test_rotating_shows_a_successor_once_and_lets_the_old_one_work_on(
        self, operator: Client, till: PartnerClient
    ):
        token = str(uuid4())
        address = page("integrations.credential", "rotate", till.credential.pk)

        response = operator.post(address, {"overlap": "1", "token": token})
        again = operator.post(address, {"overlap": "1", "token": token})

        assert response.context["key"] in response.content.decode()
        assert "no-store" in response.headers["Cache-Control"]
        assert again.status_code == 302
        assert Credential.objects.count() == 2
        till.credential.refresh_from_db()
        left = known(till.credential.expires_at) - timezone.now()
        assert timedelta(minutes=59) < left <= timedelta(hours=1)
        assert till.get("/v1/whoami").status_code == 200

    def test_what_was_revoked_is_not_rotated(self, operator: Client, till: PartnerClient):
        operator.post(page("integrations.credential", "revoke", till.credential.pk))

        response = operator.post(
            page("integrations.credential", "rotate", till.credential.pk), {"overlap": "24"}, follow=True
        )

        assert "cannot be rotated" in response.content.decode()
        assert Credential.objects.count() == 1
        shown = operator.get(page("integrations.credential", "change", till.credential.pk)).content.decode()
        assert "rotate/" not in shown

    def test_another_programs_key_is_not_rotated(self, operator: Client, elsewhere: dict[str, Any]):
        foreign = elsewhere["integrations.credential"]

        response = operator.post(page("integrations.credential", "rotate", foreign.pk), {"overlap": "24"})

        assert response.status_code == 404
        assert Credential.objects.count() == 1

    def test_who_does_not_see_credentials_rotates_none(self, marketer: Client, till: PartnerClient):
        response = marketer.post(
            page("integrations.credential", "rotate", till.credential.pk), {"overlap": "24"}
        )

        assert response.status_code == 403
        assert Credential.objects.count() == 1

    def test_a_key_may_be_given_limits_of_its_own(self, operator: Client, till: PartnerClient):
        limits = page("integrations.credential", "limits", till.credential.pk)

        response = operator.post(limits, {"per_minute": "7", "per_hour": ""}, follow=True)

        assert "7 times a minute, 100,000 times an hour" in response.content.decode()
        assert till.get("/v1/whoami").headers["RateLimit"].startswith('"burst";r=6;')

    @pytest.mark.parametrize("calls", ["0", "-1", "many", "9999999999"])
    def test_a_limit_that_is_none_is_refused(self, operator: Client, till: PartnerClient, calls: str):
        limits = page("integrations.credential", "limits", till.credential.pk)

        response = operator.post(limits, {"per_minute": calls})

        assert response.context["form"].errors["per_minute"]
        assert not Quota.objects.exists()

    def test_another_programs_key_gets_no_limits(self, operator: Client, elsewhere: dict[str, Any]):
        foreign = elsewhere["integrations.credential"]

        response = operator.post(page("integrations.credential", "limits", foreign.pk), {"per_minute": "7"})

        assert response.status_code == 404

    def test_who_may_only_look_sets_no_limits(self, support: Client, till: PartnerClient):
        response = support.post(
            page("integrations.credential", "limits", till.credential.pk), {"per_minute": "7"}
        )

        assert response.status_code in (403, 404)
        assert not Quota.objects.exists()


class TestStartPage:
    def test_a_fresh_program_says_what_to_do_next(self, administrator: Client, program: Program):
        body = administrator.get(reverse("admin:index")).content.decode()

        assert "Set up Corner Coffee Club" in body
        assert "Publish a campaign" in body

    def test_counts_what_was_issued_redeemed_and_is_owed(
        self, marketer: Client, year: Program, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(clock, "now", lambda program: factories.NOON + timedelta(days=3))

        context = marketer.get(reverse("admin:index")).context

        assert (context["issued"], context["spent"], context["expired"]) == (1200, 500, 0)
        assert [(kind.points, str(kind.value)) for kind in context["outstanding"]] == [(700, "7.00")]
        assert [(rung.name, rung.members) for rung in context["rungs"]] == [
            ("Basic", 0),
            ("Silver", 1),
            ("Gold", 0),
        ]

    def test_figures_add_up_to_what_is_outstanding(
        self, marketer: Client, support: Client, ada: Member, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ):
        factories.RewardFactory.create(
            program=shop.program, key="coffee", wallet_type=WalletType.objects.get()
        )
        shop.sells("r-1", "1000.00")
        shop.takes_back("b-1", sale="r-1", amount="300.00")
        shop.redeems("coffee")
        shop.later(hours=1).sells("r-2", "70.00")
        Lot.objects.filter(points=70).update(expires_at=shop.later(days=1).at)
        list(expiry.run(shop.program, at=shop.later(days=1).at))
        monkeypatch.setattr(clock, "now", lambda program: shop.later(days=2).at)

        start = marketer.get(reverse("admin:index")).context
        holding = support.get(page("members.member", "change", ada.pk)).context["holdings"][0]

        assert (start["issued"], start["taken_back"], start["spent"], start["expired"]) == (
            1070,
            300,
            500,
            70,
        )
        assert [kind.points for kind in start["outstanding"]] == [1070 - 300 - 500 - 70] == [200]
        wallet = holding.wallet
        assert (wallet.lifetime_earned, wallet.lifetime_spent) == (1070, 500)
        assert (holding.expired, holding.taken_back) == (70, 300)
        assert (wallet.available, wallet.pending, wallet.held) == (200, 0, 0)

    def test_refused_and_unknown_pages_say_so_and_lead_back(self, support: Client):
        refused = support.get(page("integrations.partner", "changelist"))
        unknown = support.get("/nowhere/")

        assert (refused.status_code, unknown.status_code) == (403, 404)
        assert "You may not open this page" in refused.content.decode()
        assert "There is no such page" in unknown.content.decode()
        for body in (refused.content.decode(), unknown.content.decode()):
            assert f'href="{reverse("admin:index")}"' in body

    def test_browsers_find_an_icon_where_they_look_for_it(self, client: Client):
        assert client.get("/favicon.ico")["Location"].endswith("mark.svg")

    def test_an_unknown_id_is_not_found(self, support: Client):
        assert support.get(page("members.member", "change", uuid4())).status_code == 404
