"""Systems that call the API in tests, as over the network, and the browsers of people who work there."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode
from uuid import uuid4

import orjson
from django.test import Client
from django.utils import timezone

from integrations import credentials
from integrations.models import Credential, CredentialKind, Partner
from loyalty.core.models import Assignment, Program, Role, User
from tests import factories

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse


class PartnerClient(Client):
    """
    A partner with an API key, or an access token: `till.post("/v1/members", {...})`.

    Each POST gets an Idempotency-Key of its own, unless one is given (None: the header is left out).
    """

    def __init__(self, *, key: str, credential: Credential, **kwargs: Any) -> None:
        super().__init__(headers={"Authorization": f"Bearer {key}"}, **kwargs)
        self.key = key
        self.credential = credential

    @classmethod
    def of(cls, partner: Partner, *, scopes: Iterable[str]) -> Self:
        credential, key = credentials.issue(partner=partner, name="Test key", scopes=scopes, by=None)
        # Its use has just been noted, so that the first call takes as many queries as the next.
        Credential.objects.filter(pk=credential.pk).update(last_used_at=timezone.now())
        return cls(key=key, credential=credential)

    @classmethod
    def of_oauth(cls, partner: Partner, *, scopes: Iterable[str]) -> Self:
        """As an OAuth client, with a token that it has just got."""
        credential, secret = credentials.issue(
            partner=partner, name="Test client", scopes=scopes, by=None, kind=CredentialKind.OAUTH_CLIENT
        )
        form = {
            "grant_type": "client_credentials",
            "client_id": credential.client_id,
            "client_secret": secret,
        }
        body = urlencode(form).encode()
        answer = Client().post("/oauth/token", body, "application/x-www-form-urlencoded")
        return cls(key=answer.json()["access_token"], credential=credential)

    def post(  # type: ignore[override]  # what partners do, no more
        self, path: str, body: Any = None, *, idempotency_key: str | None = "", **headers: str
    ) -> "_MonkeyPatchedWSGIResponse":
        """Send a body as JSON; bytes are sent as they are. Headers as keywords: `accept="text/html"`."""
        if idempotency_key is not None:
            headers["idempotency_key"] = idempotency_key or str(uuid4())
        content_type = headers.pop("content_type", "application/json")
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return super().post(path, raw, content_type=content_type, headers=named)

    def edit(
        self, method: str, path: str, body: Any, *, seen: str | None = ""
    ) -> "_MonkeyPatchedWSGIResponse":
        """PATCH or PUT with the `ETag` that was seen; by default the present one; None: without If-Match."""
        if seen == "":
            seen = self.get(path).headers["ETag"]
        headers = {} if seen is None else {"If-Match": seen}
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        return self.generic(method, path, raw, content_type="application/json", headers=headers)


def employed(program: Program, role: Role, **known: Any) -> User:
    """Somebody with that role in the program."""
    user: User = factories.UserFactory.create(**{"email": f"{role}@{program.key}.example.org"} | known)
    Assignment.objects.create(user=user, program=program, role=role)
    return user


def browser_of(user: User) -> Client:
    """Somebody's browser, logged in."""
    client = Client()
    client.force_login(user)
    return client


def staff(program: Program, role: Role, **known: Any) -> Client:
    """The browser of somebody with that role in the program."""
    return browser_of(employed(program, role, **known))
