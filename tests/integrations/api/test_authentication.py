from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, connections, transaction
from django.utils import timezone

from integrations import credentials
from integrations.models import Credential

WHOAMI = "/v1/whoami"


class TestBearerAuthentication:
    def test_finds_caller_and_program_with_one_query(self, till, django_assert_num_queries):
        with django_assert_num_queries(1):
            response = till.get("/v1/members/nobody:1")

        assert response.status_code == 404

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_takes_the_scheme_in_any_case(self, client, till, scheme):
        assert client.get(WHOAMI, headers={"Authorization": f"{scheme} {till.key}"}).status_code == 200

    @pytest.mark.parametrize(
        "form",
        [
            "{key}",
            "Basic {key}",
            "Bearer",
            "Bearer ",
            "Bearer  {key}",
            "Bearer {key} ",
            "Token {key}",
            "Bearer {key}x",
        ],
    )
    def test_refuses_any_other_form(self, client, till, form):
        response = client.get(WHOAMI, headers={"Authorization": form.format(key=till.key)})

        assert response.status_code == 401
        assert response.json()["code"] == "unauthenticated"
        assert till.key not in response.content.decode()

    @pytest.mark.parametrize("name", ["access_token", "api_key", "key", "token"])
    def test_refuses_a_key_in_the_address_even_beside_a_good_one(self, till, name):
        response = till.get(WHOAMI, {name: till.key})

        assert response.status_code == 400
        assert response.json()["code"] == "credential_in_address"
        assert till.key not in response.content.decode()

    def test_refuses_a_key_in_the_address_however_it_is_written(self, till):
        disguised = "%" + till.key[:1].encode().hex() + till.key[1:]

        response = till.get(f"{WHOAMI}?key={disguised}")

        assert (response.status_code, response.json()["code"]) == (400, "credential_in_address")

    def test_refuses_a_mistyped_key_without_a_query(self, client, till, django_assert_num_queries):
        mistyped = till.key[:-1] + ("a" if till.key[-1] != "a" else "b")

        with django_assert_num_queries(0):
            response = client.get(WHOAMI, headers={"Authorization": f"Bearer {mistyped}"})

        assert response.status_code == 401
        assert "mistyped" in response.json()["detail"]

    def test_refuses_a_key_whose_time_is_over(self, till):
        now = timezone.now()
        Credential.objects.filter(pk=till.credential.pk).update(expires_at=now + timedelta(minutes=1))

        with time_machine.travel(now + timedelta(seconds=59), tick=False):
            assert till.get(WHOAMI).status_code == 200
        with time_machine.travel(now + timedelta(seconds=60), tick=False):
            response = till.get(WHOAMI)

        assert response.status_code == 401
        assert "expired" in response.json()["detail"]

    def test_refuses_all_keys_of_a_partner_that_is_switched_off(self, till):
        till.credential.partner.is_active = False
        till.credential.partner.save()

        assert till.get(WHOAMI).status_code == 401

    def test_takes_new_scopes_at_once(self, till):
        Credential.objects.filter(pk=till.credential.pk).update(scopes=["members:read"])

        assert till.get(WHOAMI).json()["scopes"] == ["members:read"]


class TestLastUsed:
    def test_is_noted_at_most_once_a_minute(self, till, django_assert_num_queries):
        start = timezone.now()
        Credential.objects.filter(pk=till.credential.pk).update(last_used_at=None)

        with time_machine.travel(start, tick=False), django_assert_num_queries(3):
            till.get(WHOAMI)
        with time_machine.travel(start + timedelta(seconds=59), tick=False), django_assert_num_queries(2):
            till.get(WHOAMI)
        with time_machine.travel(start + timedelta(seconds=60), tick=False):
            till.get(WHOAMI)

        till.credential.refresh_from_db()
        assert till.credential.last_used_at == start + timedelta(seconds=60)

    @pytest.mark.django_db(transaction=True)
    def test_never_waits_for_a_lock(self, till):
        Credential.objects.filter(pk=till.credential.pk).update(last_used_at=None)

        def call():
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '200ms'")
            try:
                return till.get(WHOAMI)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(1) as pool, transaction.atomic():
            Credential.objects.select_for_update().get(pk=till.credential.pk)
            response = pool.submit(call).result(timeout=60)

        assert response.status_code == 200
        till.credential.refresh_from_db()
        assert till.credential.last_used_at is None

    @pytest.mark.django_db(transaction=True)
    def test_costs_no_call_if_it_cannot_be_written(self, till):
        Credential.objects.filter(pk=till.credential.pk).update(last_used_at=None)
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on")

        try:
            response = till.get(WHOAMI)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SET default_transaction_read_only = off")

        assert response.status_code == 200


class TestWhoami:
    def test_tells_program_partner_and_scopes_and_no_secret(self, till, django_assert_num_queries):
        with django_assert_num_queries(2):
            response = till.get(WHOAMI)

        answer = response.json()
        assert answer["program"] == {
            "key": "coffee",
            "name": "Corner Coffee Club",
            "kind": "live",
            "currency": "EUR",
            "time_zone": "Europe/Berlin",
        }
        assert answer["partner"] == {"key": "till", "name": "Tills"}
        assert answer["credential"]["begins_with"] == till.key[:16]
        assert "members:write" in answer["scopes"]
        assert till.key not in response.content.decode()

    def test_tells_the_limits_that_the_headers_tell(self, till):
        credentials.limit(till.credential, per_minute=70, per_hour=None, by=None)

        response = till.get(WHOAMI)

        burst, hour = response.json()["limits"]
        assert burst == {"name": "burst", "calls": 70, "seconds": 60}
        policy = f'"burst";q=70;w=60, "hour";q={hour["calls"]};w=3600'
        assert response.headers["RateLimit-Policy"] == policy
