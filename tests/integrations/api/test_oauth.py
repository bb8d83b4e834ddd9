"""`POST /oauth/token` as RFC 6749 has it, and calls with what it gives."""

import base64
from datetime import timedelta
from urllib.parse import quote_plus, urlencode

import pytest
import time_machine
from django.test import Client
from django.urls import resolve
from django.utils import timezone

from integrations import calls, credentials
from integrations.models import AccessToken, Call, Credential, CredentialKind, Partner
from loyalty.core.api import problem
from tests.clients import PartnerClient
from tests.factories import PartnerFactory

FORM = "application/x-www-form-urlencoded"
SCOPES = ["members:read", "members:write"]


class App:
    """An OAuth client and its secret."""

    def __init__(self, partner: Partner) -> None:
        self.credential, self.secret = credentials.issue(
            partner=partner, name="App", scopes=SCOPES, by=None, kind=CredentialKind.OAUTH_CLIENT
        )
        self.id = self.credential.client_id

    @property
    def basic(self) -> str:
        return basic(f"{quote_plus(self.id)}:{quote_plus(self.secret)}")

    @property
    def named(self) -> dict[str, str]:
        return {"client_id": self.id, "client_secret": self.secret}


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


def ask(fields, *, address="/oauth/token", content_type=FORM, **headers):
    body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
    return Client().post(address, body, content_type, headers=headers)


GRANT = {"grant_type": "client_credentials"}


@pytest.fixture
def app(program) -> App:
    return App(PartnerFactory.create(program=program, key="app"))


class TestToken:
    def test_is_given_to_a_client_that_names_itself_in_the_header(self, app):
        response = ask(GRANT, authorization=app.basic)

        assert response.status_code == 200
        body = response.json()
        assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
        assert body["access_token"].startswith("rt_live_")
        assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
        assert body["scope"] == "members:read members:write"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Content-Type"] == "application/json"
        assert "Vary" not in response.headers  # nothing of the pages' chain ran

    def test_is_given_to_a_client_that_names_itself_in_the_body(self, app):
        response = ask(GRANT | app.named | {"scope": "members:read"})

        assert response.status_code == 200
        assert response.json()["scope"] == "members:read"

    def test_takes_an_unknown_parameter_and_an_empty_one_as_left_out(self, app):
        body = ask(GRANT | app.named | {"audience": "x", "scope": ""}).json()

        assert body["scope"] == "members:read members:write"

    def test_takes_two_statements(self, app, django_assert_num_queries):
        Credential.objects.update(last_used_at=timezone.now())

        with django_assert_num_queries(2):
            ask(GRANT, authorization=app.basic)

    def test_counts_as_a_call_of_the_client(self, app):
        credentials.limit(app.credential, per_minute=2, per_hour=None, by=None)

        answers = [ask(GRANT, authorization=app.basic) for _ in range(3)]

        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[0].headers["RateLimit"].startswith('"burst";r=1;')
        assert int(answers[2].headers["Retry-After"]) > 0
        assert AccessToken.objects.count() == 2

    @pytest.mark.parametrize(
        "header",
        [
            basic("nobody:nothing"),
            basic("no colon"),
            "Basic ###",
            "Basic",
            "Bearer abc",
            basic("\0:\0"),
            f"Basic {base64.b64encode(bytes([255, 254])).decode()}",
        ],
    )
    def test_is_refused_to_strangers(self, app, header):
        response = ask(GRANT, authorization=header)

        assert response.status_code == 401
        assert response.json()["error"] == "invalid_client"
        assert response.headers["WWW-Authenticate"].startswith("Basic ")
        assert response.headers["Cache-Control"] == "no-store"
        assert not AccessToken.objects.exists()

    @pytest.mark.parametrize(
        "missing",
        [{"client_id": "x"}, {"client_secret": "x"}, {}, {"client_id": "é\0", "client_secret": "é\0"}],
    )
    def test_is_refused_without_a_whole_proof(self, app, missing):
        response = ask(GRANT | missing)

        assert (response.status_code, response.json()["error"]) == (401, "invalid_client")

    def test_is_refused_for_another_clients_secret(self, app, program):
        other = App(PartnerFactory.create(program=program, key="other"))

        response = ask(GRANT | {"client_id": other.id, "client_secret": app.secret})

        assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
        assert app.secret not in response.content.decode()

    @pytest.mark.parametrize(
        ("fields", "error"),
        [
            ({}, "invalid_request"),
            ({"grant_type": "password"}, "unsupported_grant_type"),
            ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
            (GRANT | {"scope": "members:delete"}, "invalid_scope"),
            (GRANT | {"scope": "members:read points:adjust"}, "invalid_scope"),
            (GRANT | {"scope": "members:read  members:write"}, "invalid_scope"),
            (GRANT | {"client_id": "another"}, "invalid_request"),
            (GRANT | {"client_secret": "again"}, "invalid_request"),
            (b"grant_type=client_credentials&scope=a&scope=b", "invalid_request"),
            (b"grant_type=%FF", "invalid_request"),
            (b"\xff", "invalid_request"),
            (b"&".join(b"a%d=1" % number for number in range(50)), "invalid_request"),
            (b"a=" + b"x" * 20_000, "invalid_request"),
        ],
    )
    def test_is_refused_with_the_error_of_the_standard(self, app, fields, error):
        response = ask(fields, authorization=app.basic)

        assert response.status_code == 400
        assert response.json()["error"] == error
        assert response.json()["error_description"]
        assert not AccessToken.objects.exists()

    @pytest.mark.parametrize("scope", ["members:read  members:write", "caf\u00e9", 'a"b', "a\0b", " "])
    def test_is_refused_for_what_is_no_scope_without_a_word_of_it(self, app, scope):
        response = ask(GRANT | app.named | {"scope": scope})

        assert (response.status_code, response.json()["error"]) == (400, "invalid_scope")
        assert response.json()["error_description"] == "Scopes are names with one blank between two of them."

    def test_is_refused_where_the_length_of_the_body_is_not_said(self, app):
        response = ask(GRANT | app.named, transfer_encoding="chunked")

        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")

    def test_is_logged_as_its_clients_call(self, app, monkeypatch):
        monkeypatch.setattr(calls, "log", calls.CallLog())

        ask(GRANT | app.named)

        calls.log.flush()
        call = Call.objects.get()
        assert (call.operation, call.status, call.credential) == ("POST oauth/token", 200, app.credential)

    def test_is_refused_where_secrets_are_in_the_address(self, app):
        response = ask(GRANT, address=f"/oauth/token?{urlencode(app.named)}")

        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")

    @pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x", ""])
    def test_is_asked_for_with_a_form(self, app, content_type):
        response = ask(GRANT, content_type=content_type, authorization=app.basic)

        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")

    @pytest.mark.parametrize("method", ["get", "put", "delete", "options", "head"])
    def test_is_asked_for_with_a_post(self, db, method):
        response = getattr(Client(), method)("/oauth/token")

        assert (response.status_code, response.headers["Allow"]) == (405, "POST")

    def test_has_no_neighbours(self, db):
        response = Client().get("/oauth/authorize")

        assert (response.status_code, response.json()["code"]) == (404, "unknown_address")


class TestRevoke:
    def revoke(self, client: App, token: str):
        return ask({"token": token}, address="/oauth/revoke", authorization=client.basic)

    def test_ends_a_token_with_the_next_call(self, app):
        token = ask(GRANT, authorization=app.basic).json()["access_token"]
        other = ask(GRANT, authorization=app.basic).json()["access_token"]

        response = self.revoke(app, token)

        assert (response.status_code, response.content) == (200, b"")
        assert whoami(token).status_code == 401
        assert whoami(other).status_code == 200

    @pytest.mark.parametrize("token", ["nothing", "rt_live_", "é\0"])
    def test_says_nothing_about_what_is_no_token(self, app, token):
        assert self.revoke(app, token).status_code == 200

    def test_ends_no_token_of_another_client(self, app, program):
        other = App(PartnerFactory.create(program=program, key="other"))
        token = ask(GRANT, authorization=app.basic).json()["access_token"]

        assert self.revoke(other, token).status_code == 200

        assert whoami(token).status_code == 200

    def test_is_refused_to_strangers_and_without_a_token(self, app):
        token = ask(GRANT, authorization=app.basic).json()["access_token"]

        stranger = ask({"token": token}, address="/oauth/revoke", authorization=basic("nobody:nothing"))
        empty = ask({}, address="/oauth/revoke", authorization=app.basic)

        assert (stranger.status_code, stranger.json()["error"]) == (401, "invalid_client")
        assert (empty.status_code, empty.json()["error"]) == (400, "invalid_request")
        assert whoami(token).status_code == 200


class TestMetadata:
    def test_says_where_tokens_are_given_and_how_clients_name_themselves(self, db):
        known = Client().get("/.well-known/oauth-authorization-server").json()

        assert known["token_endpoint"] == f"{known['issuer']}/oauth/token"
        assert known["grant_types_supported"] == ["client_credentials"]
        assert known["token_endpoint_auth_methods_supported"] == ["client_secret_basic", "client_secret_post"]
        for name in ("token_endpoint", "revocation_endpoint"):
            assert resolve(known[name].removeprefix(known["issuer"])).func is not problem.unknown_address


def whoami(token: str):
    return Client().get("/v1/whoami", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def caller(app):
    """The app with a token."""
    client = PartnerClient.of_oauth(app.credential.partner, scopes=SCOPES)
    Credential.objects.filter(pk=client.credential.pk).update(last_used_at=timezone.now())
    return client


class TestCallsWithAToken:
    def test_find_caller_and_program_with_one_query(self, caller, django_assert_num_queries):
        with django_assert_num_queries(1):
            response = caller.get("/v1/members/nobody:1")

        assert response.status_code == 404

    def test_see_an_earlier_answer_without_another_query(self, caller, points, django_assert_num_queries):
        body = {"identifiers": [{"kind": "card", "value": "1"}]}
        first = caller.post("/v1/members", body, idempotency_key="k")

        with django_assert_num_queries(1):
            again = caller.post("/v1/members", body, idempotency_key="k")

        assert (first.status_code, again.status_code) == (201, 201)
        assert again.headers["Idempotent-Replayed"] == "true"

    def test_say_of_themselves_which_kind_they_are(self, caller):
        told = caller.get("/v1/whoami").json()["credential"]

        assert told["kind"] == "oauth_client"
        assert told["client_id"] == caller.credential.client_id
        assert told["begins_with"] == caller.credential.prefix
        assert told["token_expires_at"] > timezone.now().isoformat()
        assert told["expires_at"] is None

    def test_end_after_an_hour(self, caller):
        now = timezone.now()

        with time_machine.travel(now + timedelta(minutes=59), tick=False):
            assert caller.get("/v1/whoami").status_code == 200
        with time_machine.travel(now + timedelta(minutes=61), tick=False):
            response = caller.get("/v1/whoami")

        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'

    def test_end_at_once_when_the_client_is_revoked(self, caller):
        credentials.revoke(caller.credential, by=None, at=timezone.now())

        assert caller.get("/v1/whoami").status_code == 401

    def test_lose_a_scope_as_soon_as_the_client_does(self, caller):
        Credential.objects.filter(pk=caller.credential.pk).update(scopes=["members:write"])

        response = caller.get("/v1/members")

        assert response.status_code == 403
        assert caller.get("/v1/whoami").json()["scopes"] == ["members:write"]

    def test_gain_no_scope_that_they_were_not_given(self, caller):
        Credential.objects.filter(pk=caller.credential.pk).update(scopes=[*SCOPES, "points:adjust"])

        assert caller.get("/v1/whoami").json()["scopes"] == SCOPES

    def test_need_a_token_and_not_the_secret_or_the_client_id(self, app):
        for text, hint in ((app.secret, "/oauth/token"), (app.id, "mistyped")):
            response = Client().get("/v1/whoami", headers={"Authorization": f"Bearer {text}"})

            assert response.status_code == 401
            assert hint in response.json()["detail"]
            assert text not in response.content.decode()

    def test_are_refused_with_a_secret_of_the_other_kind_of_program(self, till, program):
        program.kind = "sandbox"
        program.save()

        response = till.get("/v1/whoami")

        assert response.status_code == 401
        assert "sandbox" in response.json()["detail"]
