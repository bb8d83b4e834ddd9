"""Who may open which page, and change what there."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from loyalty.core.models import Assignment, Program, Role, User
from members.models import Member
from rewards.models import Campaign, CampaignStatus
from tests import factories
from tests.admin.pages import page
from tests.admin.roles import ADDS, LETTERS, SEES
from tests.clients import staff


@pytest.fixture
def task(db: None) -> PeriodicTask:
    """Something that runs for all programs, once an hour."""
    hourly = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.HOURS)
    return PeriodicTask.objects.create(name="Expire points", task="members.tasks.expire", interval=hourly)


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
