"""The systems around the demo: each with a key for what it does."""

from datetime import datetime
from typing import Final, NamedTuple

from integrations import credentials, prefixed, secrets, webhooks
from integrations.demo.notes import ApiKey, Notes, Webhook
from integrations.models import Credential, CredentialKind, Partner, WebhookEndpoint
from loyalty.core.api.auth import SCOPES
from loyalty.core.models import Program


class System(NamedTuple):
    partner: str
    partner_name: str
    key_name: str
    scopes: tuple[str, ...]
    kind: str = CredentialKind.API_KEY


LIVE: Final = (
    System(
        "tills",
        "Tills",
        "tills",
        (
            "members:read",
            "transactions:read",
            "transactions:write",
            "rewards:read",
            "redemptions:write",
            "vouchers:use",
            "points:hold",
        ),
    ),
    System(
        "web-shop",
        "Web shop and app",
        "web-shop",
        (
            "members:read",
            "members:write",
            "transactions:read",
            "transactions:write",
            "rewards:read",
            "redemptions:write",
            "vouchers:use",
            "points:hold",
        ),
    ),
    System(
        "web-shop",
        "Web shop and app",
        "app",
        (
            "members:read",
            "members:write",
            "transactions:read",
            "rewards:read",
            "redemptions:write",
            "events:write",
            "campaigns:read",
            "exports:read",
        ),
        CredentialKind.OAUTH_CLIENT,
    ),
    System(
        "crm",
        "Customer relations",
        "crm",
        (
            "members:read",
            "members:write",
            "transactions:read",
            "events:read",
            "events:write",
            "exports:read",
        ),
    ),
    System("tools", "Everything, for trying out", "everything", tuple(SCOPES)),
)
SANDBOX: Final = (System("tools", "Everything, for trying out", "sandbox", tuple(SCOPES)),)
RECEIVER: Final = "http://127.0.0.1:9797/webhooks"
"""Nothing listens there until somebody starts a receiver: what happens meanwhile is tried again."""


def ensure(program: Program, systems: tuple[System, ...], *, notes: Notes, at: datetime) -> list[ApiKey]:
    """Partners and their keys. A noted key that still works is kept, else a new one takes its place."""
    return [_ensure(program, system, noted=notes.key_named(system.key_name), at=at) for system in systems]


def _ensure(program: Program, system: System, *, noted: str | None, at: datetime) -> ApiKey:
    partner, _ = Partner.objects.get_or_create(
        program=program, key=system.partner, defaults={"name": system.partner_name}
    )
    known = Credential.objects.valid(at).filter(partner=partner, name=system.key_name)
    if (
        noted is None
        or not known.filter(digest=prefixed.digest(noted), scopes=sorted(system.scopes)).exists()
    ):
        for lost in known:
            credentials.revoke(lost, by=None, at=at)
        _credential, noted = credentials.issue(
            partner=partner, name=system.key_name, scopes=system.scopes, kind=system.kind, by=None
        )
    client_id = Credential.objects.valid(at).get(partner=partner, digest=prefixed.digest(noted)).client_id
    return ApiKey(name=system.key_name, scopes=sorted(system.scopes), key=noted, client_id=client_id)


def ensure_webhook(program: Program) -> Webhook:
    """An endpoint on this machine that is told of what happens from now on."""
    partner = Partner.objects.get(program=program, key="crm")
    endpoint = WebhookEndpoint.objects.filter(partner=partner, url=RECEIVER).first()
    if endpoint:
        return Webhook(url=endpoint.url, secret=secrets.decrypt(bytes(endpoint.secret)))
    endpoint, secret = webhooks.subscribe(partner, url=RECEIVER)
    return Webhook(url=endpoint.url, secret=secret)
