"""Who calls, and what they may do: nothing, unless the view names a scope and the credential has it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from loyalty.core.api import refusals
from loyalty.core.models import Program

SCOPES: Final = {
    "members:read": gettext_lazy("Read members and what they hold"),
    "members:write": gettext_lazy("Register and change members"),
    "members:merge": gettext_lazy("Merge two records of one person"),
    "points:hold": gettext_lazy("Reserve and spend points at a checkout"),
    "points:transfer": gettext_lazy("Pass points on from one member to another"),
    "points:adjust": gettext_lazy("Give and take points by hand"),
    "transactions:read": gettext_lazy("Read sales and returns with what they earned"),
    "transactions:write": gettext_lazy("Record sales and returns"),
    "rewards:read": gettext_lazy("Read the reward catalogue"),
    "redemptions:write": gettext_lazy("Redeem rewards"),
    "vouchers:use": gettext_lazy("Check and use vouchers"),
    "events:write": gettext_lazy("Record custom events"),
    "events:read": gettext_lazy("Read the feed of events"),
    "campaigns:read": gettext_lazy("Read campaigns"),
    "webhooks:manage": gettext_lazy("Manage webhook endpoints"),
    "imports:write": gettext_lazy("Upload imports"),
    "exports:read": gettext_lazy("Download exports"),
    "sandbox:control": gettext_lazy("Move a sandbox's clock and reset its data"),
}

# What a view says where every valid credential may call.
ANY_SCOPE: Final = "*"


@dataclass(frozen=True, slots=True)
class Caller:
    """The partner behind a call, found by its credential. It is `request.auth`."""

    program: Program
    partner_id: UUID
    partner_key: str
    credential_id: UUID
    scopes: frozenset[str]
    credential_kind: str = "api_key"
    token_expires_at: datetime | None = None
    """When the access token ends, if this is an OAuth client."""
    calls_per_minute: int | None = None
    calls_per_hour: int | None = None
    """Limits of this credential alone; None: as the settings have them."""
    client_id: str = ""
    """Of an OAuth client, which keeps it when its secret is rotated."""

    @property
    def actor(self) -> str:
        """How entries and events name the partner."""
        return f"partner:{self.partner_key}"

    @property
    def counted_as(self) -> str:
        """By what calls and wrong guesses are counted: a client with two secrets is one."""
        return f"client:{self.client_id}" if self.client_id else f"credential:{self.credential_id}"


def caller(request: Request) -> Caller:
    """Who calls; every view of the partner API has one."""
    found: Any = request.auth
    assert isinstance(found, Caller), "a view without authentication has no caller"
    return found


class HasScope(BasePermission):
    """
    Lets those call whose API key or token has the scope that the view states for the method.

    A view states `scopes = {"post": "transactions:write"}`, or a tuple of scopes each of which is enough;
    a viewset names its actions instead. What is not stated is refused to everybody, and `manage.py check`
    finds it: see `loyalty.core.api.checks`.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.auth is None:
            raise refusals.Unauthenticated(_("Send an API key or an access token as Authorization: Bearer."))
        name = (request.method or "").lower()
        if name not in view.http_method_names or not hasattr(view, name):
            return True  # the view answers 405
        enough = sufficient(view, name)
        if not enough:
            return False
        if enough != (ANY_SCOPE,):
            insist(request, *enough)
        return True


def has(request: Request, scope: str) -> bool:
    """Whether the caller's credential has that scope."""
    return scope in caller(request).scopes


def insist(request: Request, *enough: str) -> None:
    """:raises MissingScope: if the caller's credential has none of those scopes; it names the first"""
    if not any(has(request, scope) for scope in enough):
        detail = _("The call needs the scope {scope}.").format(scope=_(" or ").join(enough))
        raise refusals.MissingScope(detail, scope=enough[0])


def sufficient(view: Any, method: str) -> tuple[str, ...]:
    """The scopes each of which is enough for a method of a view or its action; HEAD asks what GET asks."""
    name = getattr(view, "action", None) or method
    return stated(view, "get" if name == "head" else name)


def stated(view: Any, name: str) -> tuple[str, ...]:
    """What a view states for that method or action; nothing if it was forgotten."""
    scopes: str | tuple[str, ...] = getattr(view, "scopes", {}).get(name, ())
    return (scopes,) if isinstance(scopes, str) else scopes
