from datetime import timedelta
from hashlib import sha256

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from integrations import credentials, prefixed
from integrations.credentials import CredentialRevoked
from integrations.models import Credential
from integrations.models.partner import Partner
from integrations.prefixed import Prefix
from loyalty.core.errors import InvalidInput
from tests.factories import PartnerFactory, ProgramFactory, UserFactory


@pytest.fixture
def partner(program) -> Partner:
    return PartnerFactory.create(program=program)


@pytest.fixture
def operator(db):
    return UserFactory.create()


def events_of(credential):
    return list(credential.events.order_by("pgh_id").select_related("pgh_context"))


class TestIssue:
    def test_keeps_a_digest_and_shows_the_key_once(self, partner, operator):
        credential, key = credentials.issue(
            partner=partner, name="Tills", scopes=["members:write", "members:read"], by=operator
        )

        credential.refresh_from_db()
        assert bytes(credential.digest) == sha256(key.encode()).digest()
        assert credential.prefix == key[:16]
        assert credential.scopes == ["members:read", "members:write"]
        assert key not in str(Credential.objects.values())

    @pytest.mark.parametrize(("kind", "prefix"), [("live", "rk_live_"), ("sandbox", "rk_test_")])
    def test_says_in_the_key_whether_it_is_for_a_live_program(self, db, kind, prefix):
        partner = PartnerFactory.create(program=ProgramFactory.create(kind=kind))

        _credential, key = credentials.issue(partner=partner, name="Tills", scopes=[], by=None)

        assert key.startswith(prefix)
        assert len(key) == 57

    def test_never_gives_the_same_key_twice(self, partner):
        keys = {credentials.issue(partner=partner, name="k", scopes=[], by=None)[1] for _ in range(20)}

        assert len(keys) == 20

    def test_refuses_an_unknown_scope(self, partner):
        with pytest.raises(InvalidInput, match="members:delete"):
            credentials.issue(partner=partner, name="Tills", scopes=["members:delete"], by=None)

        assert not Credential.objects.exists()

    def test_is_audited_without_the_digest(self, partner, operator):
        credential, _key = credentials.issue(partner=partner, name="Tills", scopes=[], by=operator)

        (event,) = events_of(credential)
        assert event.pgh_context.metadata == {"user": operator.pk}
        assert not hasattr(event, "digest")


class TestRotate:
    def test_lets_the_old_key_work_for_the_overlap(self, till, operator):
        now = timezone.now()

        successor, key = credentials.rotate(till.credential, by=operator, at=now, overlap=timedelta(hours=1))

        till.credential.refresh_from_db()
        assert till.credential.expires_at == now + timedelta(hours=1)
        assert successor.scopes == till.credential.scopes
        assert successor.expires_at is None
        assert prefixed.read(key) == Prefix.API_KEY
        assert till.get("/v1/whoami").status_code == 200

    def test_never_lengthens_a_keys_life(self, till, operator):
        now = timezone.now()
        till.credential.expires_at = now + timedelta(minutes=5)
        till.credential.save()

        credentials.rotate(till.credential, by=operator, at=now)

        till.credential.refresh_from_db()
        assert till.credential.expires_at == now + timedelta(minutes=5)

    def test_refuses_what_was_revoked_and_makes_nothing(self, till, operator):
        now = timezone.now()
        credentials.revoke(till.credential, by=operator, at=now)

        with pytest.raises(CredentialRevoked):
            credentials.rotate(till.credential, by=operator, at=now)

        assert Credential.objects.count() == 1


class TestRevoke:
    def test_ends_the_key_with_the_next_call(self, till, operator):
        assert till.get("/v1/whoami").status_code == 200

        credentials.revoke(till.credential, by=operator, at=timezone.now())

        assert till.get("/v1/whoami").status_code == 401
        assert events_of(till.credential)[-1].pgh_context.metadata == {"user": operator.pk}

    def test_keeps_the_first_moment_when_repeated(self, till):
        first = timezone.now()
        credentials.revoke(till.credential, by=None, at=first)

        credentials.revoke(till.credential, by=None, at=first + timedelta(days=1))

        till.credential.refresh_from_db()
        assert till.credential.revoked_at == first


class TestIssueApiKeyCommand:
    def test_prints_a_key_that_works(self, program, capsys, client):
        call_command("issue_api_key", "coffee", "shop", "--scope", "members:read")

        key = capsys.readouterr().out.strip()
        answer = client.get("/v1/whoami", headers={"Authorization": f"Bearer {key}"}).json()
        assert answer["partner"] == {"key": "shop", "name": "shop"}
        assert answer["scopes"] == ["members:read"]

    @pytest.mark.parametrize(
        ("arguments", "explained"),
        [
            (["coffee", "shop"], "--scope"),
            (["tea", "shop", "--scope", "members:read"], "no program tea"),
            (["coffee", "shop", "--scope", "everything"], "no scope everything"),
        ],
    )
    def test_says_what_is_wrong(self, program, arguments, explained):
        with pytest.raises(CommandError, match=explained):
            call_command("issue_api_key", *arguments)

        assert not Credential.objects.exists()
