"""The sandbox's page in the admin: for whom, what its buttons do, and what they refuse."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from integrations.models import ClockMove
from loyalty.core import clock
from loyalty.core.models import Program, Role
from members.models import Member
from tests.clients import staff

PAGE = reverse("sandbox")


def press(client: Client, button: str, program: Program, **said: str):
    """A button of the page about that program, and the page after it."""
    return client.post(reverse(f"sandbox_{button}"), {"page_of": program.key, **said}, follow=True)


@pytest.fixture
def operator(sandbox: Program, beans) -> Client:
    return staff(sandbox, Role.OPERATOR)


@pytest.mark.django_db
class TestPermissions:
    @pytest.mark.parametrize("role", list(Role))
    @pytest.mark.parametrize("button", ["move", "fill", "reset"])
    def test_of_each_role(self, sandbox, beans, role, button):
        client, may = staff(sandbox, role), role in (Role.OPERATOR, Role.ADMINISTRATOR)

        assert client.get(PAGE).status_code == (200 if may else 403)
        assert client.post(reverse(f"sandbox_{button}")).status_code == (302 if may else 403)
        assert client.get(reverse(f"sandbox_{button}")).status_code == 405
        assert not Member.objects.exists()

    def test_sandboxes_are_made_by_administrators_alone(self, program):
        answers = {
            role: staff(program, role)
            .post(
                reverse("sandbox_create"),
                {"page_of": program.key, "key": f"trial-{role}", "name": "Trial"},
            )
            .status_code
            for role in Role
        }

        assert {role for role, status in answers.items() if status != 403} == {Role.ADMINISTRATOR}
        assert Program.objects.filter(kind="sandbox").count() == 1


@pytest.mark.django_db(transaction=True)
class TestSandbox:
    def test_moves_by_days_and_to_a_moment(self, operator, sandbox):
        press(operator, "move", sandbox, days="7")
        sandbox.refresh_from_db()
        to = (clock.now(sandbox) + timedelta(days=3)).replace(tzinfo=None)
        press(operator, "move", sandbox, to=to.isoformat(timespec="minutes"))

        assert ClockMove.objects.filter(finished_at__isnull=False).count() == 2
        sandbox.refresh_from_db()
        assert sandbox.clock_offset > timedelta(days=9, hours=12)
        assert "days ahead of real time" in operator.get(PAGE).content.decode()

    @pytest.mark.parametrize(
        "said",
        [{}, {"days": "x"}, {"days": "-1"}, {"days": "9" * 40}, {"to": "2020-01-01T00:00"}, {"to": "?"}],
    )
    def test_says_what_is_no_way_forward(self, operator, sandbox, said):
        page = press(operator, "move", sandbox, **said).content.decode()

        assert "Nothing was changed." in page
        assert not ClockMove.objects.exists()

    def test_fills_and_resets_for_who_types_the_key(self, operator, sandbox):
        press(operator, "fill", sandbox, members="3")
        assert Member.objects.count() == 3
        press(operator, "reset", sandbox, key="wrong")
        assert Member.objects.count() == 3

        press(operator, "reset", sandbox, key=sandbox.key)

        assert not Member.objects.exists()
        assert "3 members" in LogEntry.objects.get().change_message

    @pytest.mark.parametrize(
        ("button", "said"), [("move", {"days": "7"}), ("fill", {"members": "3"}), ("reset", {})]
    )
    def test_is_left_alone_by_the_page_of_another_program(self, operator, sandbox, program, button, said):
        page = press(operator, button, program, key=sandbox.key, **said).content.decode()

        assert "That page was of another program" in page
        assert not ClockMove.objects.exists()
        assert not Member.objects.exists()
        assert not LogEntry.objects.exists()


@pytest.mark.django_db
class TestLiveProgram:
    def test_has_no_clock_to_move_and_nothing_to_reset(self, program, ada):
        operator = staff(program, Role.OPERATOR)

        assert "Move the clock" not in operator.get(PAGE).content.decode()
        for button, said in [
            ("move", {"days": "1"}),
            ("reset", {"key": "coffee"}),
            ("fill", {"members": "1"}),
        ]:
            page = press(operator, button, program, **said)
            assert "live program" in page.content.decode()
        assert Member.objects.count() == 1

    @pytest.mark.parametrize("key", ["", "Große", "coffee", "a" * 41])
    def test_says_which_keys_a_sandbox_cannot_have(self, program, key):
        chief = staff(program, Role.ADMINISTRATOR)

        page = press(chief, "create", program, key=key, name="Trial")

        assert "Nothing was changed." in page.content.decode()
        assert Program.objects.count() == 1

    def test_leads_into_the_new_sandbox(self, program, points):
        chief = staff(program, Role.ADMINISTRATOR)

        page = press(chief, "create", program, key="trial", name="Trial")

        assert "Move the clock" in page.content.decode()
