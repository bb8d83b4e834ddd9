from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from integrations import credentials, prefixed, tokens
from integrations.models import AccessToken, Credential, CredentialKind
from integrations.models.partner import Partner
from integrations.prefixed import Prefix
from integrations.tokens import ScopeNotHeld, UnknownClient
from tests.factories import PartnerFactory, ProgramFactory

SCOPES = ["members:read", "members:write"]


@pytest.fixture
def partner(program) -> Partner:
    return PartnerFactory.create(program=program)


@pytest.fixture
def client_and_secret(partner) -> tuple[Credential, str]:
    return credentials.issue(
        partner=partner, name="Shop", scopes=SCOPES, by=None, kind=CredentialKind.OAUTH_CLIENT
    )


def granted(client, secret, **wanted):
    at = wanted.pop("at", None) or timezone.now()
    found = tokens.client(client_id=client.client_id, secret=secret, at=at)
    return tokens.grant(found, scopes=wanted.pop("scopes", None), at=at)


class TestGrant:
    def test_gives_a_token_for_an_hour_of_which_a_digest_is_kept(self, client_and_secret):
        now = timezone.now()

        grant = granted(*client_and_secret, at=now)

        kept = AccessToken.objects.get()
        assert bytes(kept.digest) == prefixed.digest(grant.token)
        assert (kept.created_at, kept.expires_at) == (now, now + timedelta(hours=1))
        assert grant.lasts == 3600
        assert grant.scopes == kept.scopes == SCOPES
        assert grant.token not in str(AccessToken.objects.values())

    def test_gives_only_the_scopes_that_were_asked_for(self, client_and_secret):
        grant = granted(*client_and_secret, scopes=["members:read"])

        assert grant.scopes == AccessToken.objects.get().scopes == ["members:read"]

    def test_refuses_a_scope_that_the_client_lacks_and_gives_none(self, client_and_secret):
        with pytest.raises(ScopeNotHeld, match="points:adjust"):
            granted(*client_and_secret, scopes=["members:read", "points:adjust"])

        assert not AccessToken.objects.exists()

    def test_lasts_no_longer_than_the_credential(self, client_and_secret):
        client, secret = client_and_secret
        now = timezone.now()
        Credential.objects.filter(pk=client.pk).update(expires_at=now + timedelta(minutes=10))

        assert granted(client, secret, at=now).lasts == 600

    def test_takes_two_statements(self, client_and_secret, django_assert_num_queries):
        Credential.objects.update(last_used_at=timezone.now())

        with django_assert_num_queries(2):
            granted(*client_and_secret)

    @pytest.mark.parametrize(
        "changes",
        [
            {"revoked_at": Now()},
            {"expires_at": F("created_at") + timedelta(seconds=1)},
            {"client_id": "rc_live_other"},
        ],
    )
    def test_refuses_a_client_that_has_ended_or_is_another(self, client_and_secret, changes):
        client, secret = client_and_secret
        Credential.objects.filter(pk=client.pk).update(**changes)

        with pytest.raises(UnknownClient):
            granted(client, secret, at=timezone.now() + timedelta(minutes=1))

    def test_refuses_a_client_of_a_partner_that_is_switched_off(self, client_and_secret, partner):
        Partner.objects.filter(pk=partner.pk).update(is_active=False)

        with pytest.raises(UnknownClient):
            granted(*client_and_secret)

    def test_takes_no_api_key_for_a_secret(self, partner):
        credential, key = credentials.issue(partner=partner, name="Till", scopes=SCOPES, by=None)

        with pytest.raises(UnknownClient):
            tokens.client(client_id=credential.client_id, secret=key, at=timezone.now())

    def test_notes_that_the_client_was_used(self, client_and_secret):
        client, secret = client_and_secret
        now = timezone.now()

        granted(client, secret, at=now)

        client.refresh_from_db()
        assert client.last_used_at == now


class TestRotation:
    def test_keeps_the_client_id_and_takes_both_secrets_for_the_overlap(self, client_and_secret):
        client, secret = client_and_secret
        now = timezone.now()

        successor, new_secret = credentials.rotate(client, by=None, at=now, overlap=timedelta(hours=2))

        assert successor.client_id == client.client_id
        assert prefixed.read(new_secret) == Prefix.CLIENT_SECRET
        for either in (secret, new_secret):
            assert granted(client, either, at=now + timedelta(minutes=119)).scopes == SCOPES
        assert granted(client, new_secret, at=now + timedelta(hours=3)).scopes == SCOPES
        with pytest.raises(UnknownClient):
            granted(client, secret, at=now + timedelta(hours=2))


class TestAccessToken:
    def test_cannot_be_stored_for_more_than_an_hour(self, client_and_secret):
        now = timezone.now()

        with pytest.raises(IntegrityError, match="a_token_lasts_an_hour_at_most"):
            AccessToken.objects.create(
                credential=client_and_secret[0],
                digest=b"0" * 32,
                scopes=[],
                created_at=now,
                expires_at=now + timedelta(hours=1, seconds=1),
            )


class TestPrune:
    def test_deletes_what_has_ended_and_nothing_else(self, client_and_secret):
        now = timezone.now()
        granted(*client_and_secret, at=now - timedelta(hours=1))
        lasting = granted(*client_and_secret, at=now - timedelta(minutes=59))

        assert tokens.prune(at=now) == 1

        assert bytes(AccessToken.objects.get().digest) == prefixed.digest(lasting.token)


class TestPrefixed:
    @pytest.mark.parametrize("prefix", list(Prefix))
    @pytest.mark.parametrize(("kind", "environment"), [("live", "live"), ("sandbox", "test")])
    def test_says_what_it_is_and_for_which_kind_of_program(self, db, prefix, kind, environment):
        program = ProgramFactory.create(kind=kind)

        text = prefixed.new(prefix, program=program)

        assert text.startswith(f"{prefix}_{environment}_")
        assert len(text) == 57
        assert prefixed.read(text) == prefix
        assert prefixed.is_for(text, program)

    def test_sees_every_single_mistyped_character(self, program):
        text = prefixed.new(Prefix.ACCESS_TOKEN, program=program)

        for place in range(len(text)):
            wrong = text[:place] + ("a" if text[place] != "a" else "b") + text[place + 1 :]
            assert prefixed.read(wrong) is None, place

    @pytest.mark.parametrize(
        "text",
        ["", "rk_live_", "x" * 57, f"rk_live_{'é' * 49}", f"rk_live_{'0' * 49}\n", f"rx_live_{'0' * 49}"],
    )
    def test_knows_what_is_nothing_of_ours(self, text):
        assert prefixed.read(text) is None
