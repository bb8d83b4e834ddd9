"""What an integration manager sees of partners and their credentials in the admin."""

import html
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations import credentials
from integrations.admin.credential import state
from integrations.models import Call, Credential, Partner
from loyalty.core.ids import new_id
from loyalty.core.models import Program, Role
from tests import factories
from tests.clients import staff


@pytest.fixture
def partner(program: Program) -> Partner:
    return factories.PartnerFactory.create(program=program, name="Tills")


@pytest.fixture
def operator(program: Program, partner: Partner) -> Client:
    return staff(program, Role.OPERATOR)


def key_of(partner: Partner, name: str = "North", **known) -> Credential:
    credential, _key = credentials.issue(partner=partner, name=name, scopes=["members:read"], by=None)
    long_ago = {"created_at": timezone.now() - timedelta(days=90)}
    Credential.objects.filter(pk=credential.pk).update(**long_ago, **known)
    credential.refresh_from_db()
    return credential


def seen(operator: Client, name: str, *args) -> str:
    response = operator.get(reverse(f"admin:integrations_{name}", args=args))
    assert response.status_code == 200
    return html.unescape(response.content.decode())


class TestState:
    @pytest.mark.parametrize(
        ("used", "ends_in", "told"),
        [
            (True, None, ("on", "In use")),
            (False, None, ("unused", "Never used")),
            (True, timedelta(days=15), ("on", "In use")),
            (True, timedelta(days=13, hours=1), ("ending", "Ends in 13 days")),
            (False, timedelta(days=1, hours=1), ("ending", "Ends in 1 day")),
            (True, timedelta(hours=1), ("ending", "Ends within a day")),
            (True, timedelta(0), ("expired", "Expired")),
        ],
    )
    def test_says_what_will_be(self, partner, used, ends_in, told):
        now = timezone.now()
        credential = key_of(
            partner,
            last_used_at=now if used else None,
            expires_at=now + ends_in if ends_in is not None else None,
        )

        assert state(credential, at=now) == told

    def test_of_a_revoked_one_is_nothing_else(self, partner):
        now = timezone.now()

        credential = key_of(partner, revoked_at=now, expires_at=now + timedelta(days=2))

        assert state(credential, at=now) == ("off", "Revoked")

    def test_tells_that_the_partner_is_switched_off(self, operator, partner):
        credential = key_of(partner)
        Partner.objects.update(is_active=False)

        page = seen(operator, "credential_change", credential.pk)

        assert "Partner switched off" in page
        assert "is switched off: whatever it sends is refused" in page


class TestCredentialPage:
    def test_warns_before_the_end_and_says_what_to_do(self, operator, partner):
        ending = key_of(partner, expires_at=timezone.now() + timedelta(days=5))
        lasting = key_of(partner)

        assert "Rotate it before" in seen(operator, "credential_change", ending.pk)
        assert "Rotate it before" not in seen(operator, "credential_change", lasting.pk)

    @pytest.mark.parametrize("asked", ["nor", "{prefix}", "{client}"])
    def test_is_found_by_its_beginning(self, operator, partner, asked):
        found, other = key_of(partner), key_of(partner, name="South", client_id="", prefix="rk_live_other")
        client, _secret = credentials.issue(
            partner=partner, name="North app", scopes=["members:read"], by=None, kind="oauth_client"
        )
        term = asked.format(prefix=found.prefix, client=client.client_id)

        page = html.unescape(
            operator.get(reverse("admin:integrations_credential_changelist"), {"q": term}).content.decode()
        )

        shown = client if "client" in asked else found
        assert str(shown.pk) in page
        assert str(other.pk) not in page


class TestPartnerPage:
    def test_shows_its_credentials_and_how_its_calls_went(self, operator, partner):
        credential = key_of(partner, expires_at=timezone.now() + timedelta(days=5, hours=1))
        for status, problem in ((201, ""), (201, ""), (422, "invalid_input"), (503, "unavailable")):
            Call.objects.create(
                id=new_id(),
                program=partner.program,
                partner=partner,
                credential=credential,
                operation="record_transaction",
                status=status,
                problem=problem,
                duration_ms=5,
                called_at=timezone.now(),
                object_ids=[],
                request_id="r",
                is_replay=False,
                is_deprecated=False,
            )

        page = seen(operator, "partner_change", partner.pk)

        assert re.search(r"Ends in 5 days</span>", page)
        assert "25.0 % refused" in page
        assert "25.0 % failed at our side" in page
        assert f"{reverse('admin:integrations_credential_add')}?partner={partner.pk}" in page

    def test_of_a_newcomer_says_what_is_missing(self, operator, partner):
        page = seen(operator, "partner_change", partner.pk)

        assert "It has none, and so it cannot call yet." in page
        assert "It did not call." in page
        assert 'href="/v1/docs/guides/quick-start"' in seen(operator, "partner_usage", partner.pk)

    def test_costs_the_same_however_many_credentials_there_are(
        self, operator, partner, django_assert_max_num_queries
    ):
        for _number in range(12):
            key_of(partner)

        with django_assert_max_num_queries(13):
            operator.get(reverse("admin:integrations_partner_change", args=[partner.pk]))

    def test_begins_the_form_for_a_credential(self, operator, partner):
        page = operator.get(reverse("admin:integrations_credential_add"), {"partner": str(partner.pk)})

        assert f'<option value="{partner.pk}" selected>' in page.content.decode()

    def test_takes_any_partner_in_the_address(self, operator):
        for asked in ("nonsense", "\0", "", str(new_id())):
            page = operator.get(reverse("admin:integrations_credential_add"), {"partner": asked})

            assert page.status_code == 200


class TestCallLog:
    def test_begins_with_the_search_for_a_request(self, operator):
        page = seen(operator, "call_changelist")

        assert page.count('name="q"') == 1
        assert "A partner asks about a call?" in page
        assert "Calls are kept for 30 days." in page

    def test_leads_from_a_problem_to_what_to_do_about_it(self, operator, partner):
        call = Call.objects.create(
            id=new_id(),
            program=partner.program,
            partner=partner,
            credential=key_of(partner),
            operation="record_transaction",
            status=422,
            problem="invalid_input",
            duration_ms=5,
            called_at=timezone.now(),
            object_ids=[],
            request_id="r",
            is_replay=False,
            is_deprecated=False,
        )

        assert 'href="/v1/docs/problems/invalid_input"' in seen(operator, "call_change", call.pk)
