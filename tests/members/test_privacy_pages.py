"""The admin's pages for blocking members, telling them what is known, and forgetting them."""

import html
import json
import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from loyalty.core.models import Event, Role
from members import consents
from members.models import Block, Member
from tests import factories
from tests.clients import staff


def address(name, member):
    return reverse(f"admin:members_member_{name}", args=[member.pk])


def text(response):
    return html.unescape(response.content.decode())


@pytest.fixture
def support(program, points, ladder):
    return staff(program, Role.SUPPORT)


@pytest.fixture
def administrator(program, points, ladder):
    return staff(program, Role.ADMINISTRATOR)


class TestPages:
    @pytest.mark.parametrize(
        ("name", "who"),
        [
            ("block", {Role.SUPPORT, Role.ADMINISTRATOR}),
            ("consent", {Role.SUPPORT, Role.ADMINISTRATOR}),
            ("export", {Role.SUPPORT, Role.ADMINISTRATOR}),
            ("erase", {Role.ADMINISTRATOR}),
        ],
    )
    @pytest.mark.parametrize("role", Role.values)
    def test_open_for_who_may(self, program, ada, name, who, role):
        browser = staff(program, Role(role))

        assert (browser.get(address(name, ada)).status_code == 200) == (role in who)
        assert (name.title() in text(browser.get(address("change", ada)))) == (role in who)

    @pytest.mark.parametrize("name", ["block", "consent", "export", "erase"])
    def test_know_nobody_of_another_program(self, administrator, name):
        stranger = factories.MemberFactory.create()

        assert administrator.get(address(name, stranger)).status_code == 404
        assert administrator.post(address(name, stranger), {"is_sure": "on"}).status_code == 404


class TestBlock:
    def test_is_made_and_ended_with_a_reason(self, support, ada):
        support.post(address("block", ada), {"reason": "fraud", "note": "Two cards"})
        page = text(support.get(address("change", ada)))
        ending = text(support.get(address("block", ada)))
        support.post(address("block", ada), {"note": "Cleared up"})

        assert "Suspected fraud" in page
        assert "Two cards" in page
        assert "earns and spends again" in ending
        block = Block.objects.get()
        assert (block.reason, block.lift_note, Member.objects.get().status) == (
            "fraud",
            "Cleared up",
            "active",
        )
        assert [e.type for e in Event.objects.order_by("number")] == ["member.blocked", "member.unblocked"]

    def test_needs_a_reason_that_there_is(self, support, ada):
        response = support.post(address("block", ada), {"reason": "dislike"})

        assert response.status_code == 200
        assert not Block.objects.exists()


class TestExport:
    def test_hands_out_a_file_and_notes_it(self, support, ada):
        response = support.get(address("export", ada))

        assert json.loads(response.content)["parts"]["records"][0]["last_name"] == "Lovelace"
        assert response.headers["Content-Disposition"] == f'attachment; filename="member-{ada.pk}.json"'
        assert LogEntry.objects.get().change_message == "All data about the member was exported."


class TestErase:
    def test_asks_before_it_is_done(self, administrator, ada):
        page = text(administrator.get(address("erase", ada)))
        unsure = administrator.post(address("erase", ada), {})

        assert "1001" in page
        assert "cannot be undone" in page
        assert unsure.status_code == 200
        assert Member.objects.get().status == "active"

    def test_leaves_a_page_without_a_name(self, administrator, ada):
        administrator.post(address("erase", ada), {"is_sure": "on"})

        page = text(administrator.get(address("change", ada)))
        assert Member.objects.get().status == "erased"
        assert "Lovelace" not in page
        assert not [name for name in ("Block", "Export", "Erase", "Adjust", "Record") if f">{name} " in page]
        assert administrator.post(address("edit", ada), {"first_name": "Ada"}).status_code == 403
        assert {entry.object_repr for entry in LogEntry.objects.all()} == {"Member without a name"}

    def test_leads_back_if_it_was_done_already(self, administrator, ada):
        administrator.post(address("erase", ada), {"is_sure": "on"})

        again = administrator.post(address("erase", ada), {"is_sure": "on"}, follow=True)

        assert "was erased" in text(again)
        assert Event.objects.filter(type="member.erased").count() == 1


class TestConsents:
    def test_are_on_the_page_as_they_are_now_and_as_they_came_about(self, support, ada, noon):
        known: dict[str, Any] = {"purpose": "newsletter", "actor": "partner:till"}
        consents.record(ada, is_granted=True, version="v7", evidence={"form": "sign-up"}, at=noon, **known)
        consents.record(ada, is_granted=False, source="till-12", at=noon, **known)

        page = text(support.get(address("change", ada)))

        assert re.search(r"newsletter</span> <span[^>]*>withdrawn", page)
        assert "v7" in page
        assert "form: sign-up" in page
        assert "till-12" in page
