"""What a member tells the staff about the use of their data, written down in the admin."""

import html
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from loyalty.core import clock
from loyalty.core.models import Event, Role
from members import consents, privacy
from members.models import Consent, ConsentEvidence
from tests import factories
from tests.clients import staff


@pytest.fixture
def support(program, points, ladder):
    return staff(program, Role.SUPPORT)


def place(member):
    return reverse("admin:members_member_consent", args=[member.pk])


def said(**changed):
    return {
        "decision": "granted",
        "purpose": "newsletter",
        "said_at": "2026-03-01T10:00",
        "source": "phone",
        "version": "2026-02",
        "evidence": "Call 4711",
    } | changed


def text(response):
    return html.unescape(response.content.decode())


class TestRecording:
    def test_writes_down_what_was_said_where_and_what_proves_it(self, support, ada, settings):
        response = support.post(place(ada), said(), follow=True)

        consent = Consent.objects.get()
        assert (consent.member, consent.purpose, consent.is_granted) == (ada, "newsletter", True)
        assert (consent.source, consent.version) == ("phone", "2026-02")
        assert consent.actor.startswith("staff:")
        assert consent.occurred_at == datetime(2026, 3, 1, 10, tzinfo=ZoneInfo(ada.program.time_zone))
        assert ConsentEvidence.objects.get().details == {"note": "Call 4711"}
        assert Event.objects.get().type == "consent.granted"
        assert LogEntry.objects.get().change_message == "newsletter: consent granted."
        page = text(response)
        assert "recorded by staff" in page
        assert "note: Call 4711" in page

    def test_of_a_withdrawal_leaves_what_was_said_before(self, support, ada):
        support.post(place(ada), said())
        withdrawal = said(decision="withdrawn", said_at="2026-03-02T10:00")

        support.post(place(ada), withdrawal)

        assert [consent.is_granted for consent in Consent.objects.order_by("pk")] == [True, False]
        assert [now.is_granted for now in consents.present([ada.pk])] == [False]
        assert [event.type for event in Event.objects.order_by("number")] == [
            "consent.granted",
            "consent.withdrawn",
        ]

    def test_is_done_once_however_often_the_button_is_pressed(self, support, ada):
        answers = [support.post(place(ada), said()).status_code for _ in range(2)]

        assert answers == [302, 302]
        assert Consent.objects.count() == 1
        assert Event.objects.count() == 1

    def test_with_other_evidence_is_another_record(self, support, ada):
        support.post(place(ada), said(evidence=""))

        support.post(place(ada), said())

        assert Consent.objects.count() == 2
        assert ConsentEvidence.objects.count() == 1

    @pytest.mark.parametrize(
        ("field", "value", "answer"),
        [
            ("purpose", "", "This field is required"),
            ("purpose", "News letter", "lower-case letters"),
            ("decision", "perhaps", "Select a valid choice"),
            ("said_at", "2999-01-01T10:00", "between 1900 and now"),
            ("said_at", "0001-01-01T00:00", "between 1900 and now"),
            ("said_at", "yesterday", "valid date"),
            ("source", "a dream", "Select a valid choice"),
            ("version", "v" * 61, "at most 60 characters"),
            ("evidence", "e" * 501, "at most 500 characters"),
            ("evidence", "a\0b", "Null characters"),
        ],
    )
    def test_with_a_mistake_says_so_and_writes_nothing(self, support, ada, field, value, answer):
        response = support.post(place(ada), said(**{field: value}))

        assert response.status_code == 200
        assert answer in text(response)
        assert not Consent.objects.exists()
        assert not Event.objects.exists()

    def test_of_an_erased_member_is_refused(self, support, ada):
        privacy.erase(ada, actor="staff:1", at=clock.now(ada.program))

        response = support.post(place(ada), said())

        assert response.status_code == 403
        assert not Consent.objects.exists()


class TestPurpose:
    def test_that_is_new_takes_a_second_look(self, support, ada):
        support.post(place(ada), said())
        misspelt = said(purpose="newsleter")

        first = text(support.post(place(ada), misspelt))
        support.post(place(ada), misspelt | {"is_new": "on"})

        assert "Nobody was ever asked about “newsleter” here. Known are: newsletter." in first
        assert {consent.purpose for consent in Consent.objects.all()} == {"newsletter", "newsleter"}

    def test_that_another_program_knows_is_not_offered(self, support, ada):
        stranger = factories.MemberFactory.create()
        known: dict[str, Any] = {"is_granted": True, "actor": "partner:till", "at": clock.now(ada.program)}
        consents.record(stranger, purpose="whispers", **known)
        for purpose in ("sms", "newsletter", "sms"):
            consents.record(ada, purpose=purpose, **known)

        page = text(support.get(place(ada)))

        assert consents.purposes(ada.program) == ["newsletter", "sms"]
        assert '<option value="sms">' in page
        assert "whispers" not in page

    def test_is_filled_in_by_the_link_on_the_members_page(self, support, ada):
        at = clock.now(ada.program) - timedelta(days=1)
        consents.record(ada, purpose="sms", is_granted=True, actor="partner:till", at=at)

        page = support.get(reverse("admin:members_member_change", args=[ada.pk]))
        form = text(support.get(f"{place(ada)}?purpose=sms&decision=withdrawn"))

        assert f'{place(ada)}?purpose=sms&decision=withdrawn"' in text(page)
        assert 'value="sms"' in form
        assert 'value="withdrawn"' in form


def test_the_form_costs_the_same_however_many_consents_there_are(support, ada, django_assert_max_num_queries):
    known: dict[str, Any] = {"is_granted": True, "actor": "partner:till", "at": clock.now(ada.program)}
    for purpose in ("a", "b", "c", "d", "e", "f"):
        consents.record(ada, purpose=purpose, **known)

    with django_assert_max_num_queries(9):
        support.get(place(ada))
