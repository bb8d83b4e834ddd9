"""Keys and clients: made, shown once, rotated, limited and revoked."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from integrations.models import Credential, Partner, Quota
from loyalty.core.models import Program
from tests import factories
from tests.admin.pages import page
from tests.clients import PartnerClient
from tests.known import known


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
