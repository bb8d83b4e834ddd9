"""Credentials of partners: issued here, shown once, rotated and revoked here."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from unfold.decorators import display

from integrations import credentials
from integrations.admin.call import PartnerFilter
from integrations.admin.credential_forms import IssueForm, RotateForm
from integrations.admin.quota import QuotaPages
from integrations.models import Credential, CredentialKind
from loyalty.core.admin import FactAdmin, program_of, render, user_of
from loyalty.core.api.auth import SCOPES
from loyalty.core.errors import DomainError

LIST = "admin:integrations_credential_changelist"
ISSUE = "admin/integrations/credential/issue.html"


WARNED_BEFORE: Final = timedelta(days=14)
OF_CLIENTS: Final = ("shown_client_id", "shown_tokens")
STATE_LABELS: Final = {
    "on": "success",
    "unused": "info",
    "ending": "warning",
    "expired": "warning",
    "off": "danger",
}


@admin.register(Credential)
class CredentialAdmin(QuotaPages, FactAdmin):
    """
    API keys and OAuth clients, by which partners call the API.

    Only a digest is kept, so that a key or secret is shown in the answer to the form that made it, and
    never again.
    """

    program_path = "partner__program"
    has_history = True
    list_display = ("name", "partner", "kind", "begins_with", "shown_state", "last_used_at", "expires_at")
    list_filter = (PartnerFilter, "kind")
    list_select_related = ("partner",)
    search_fields = ("name__istartswith", "prefix__startswith", "client_id")
    search_help_text = _("Beginning of name or key, or client id")
    sortable_by = ()
    ordering = ("-pk",)
    exclude = ("digest",)
    fields = (
        "state_now",
        "name",
        "partner",
        "kind",
        "shown_client_id",
        "begins_with",
        "shown_scopes",
        "shown_tokens",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
        "limits",
    )
    readonly_fields = (
        "shown_state",
        "shown_client_id",
        "begins_with",
        "shown_scopes",
        "shown_tokens",
        "limits",
    )
    change_form_template = "admin/integrations/credential/change_form.html"

    def get_fields(self, request: HttpRequest, obj: Credential | None = None) -> tuple[str, ...]:
        """Without what a key does not have."""
        if obj is not None and obj.kind == CredentialKind.API_KEY:
            return tuple(name for name in self.fields if name not in OF_CLIENTS)
        return self.fields

    def get_urls(self) -> list[URLPattern]:
        steps = {"revoke": self.revoke_view, "rotate": self.rotate_view}
        return [
            path(
                f"<uuid:credential_id>/{name}/",
                self.admin_site.admin_view(require_POST(view)),
                name=f"integrations_credential_{name}",
            )
            for name, view in steps.items()
        ] + super().get_urls()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return program_of(request) is not None and request.user.has_perm("integrations.add_credential")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("integrations.change_credential")

    def has_rotate_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_revoke_permission(request)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        program = program_of(request)
        if program is None or not self.has_add_permission(request):
            raise PermissionDenied
        begun = {"partner": request.GET.get("partner")}
        form = IssueForm(request.POST or None, program=program, initial=begun)
        if request.method != "POST" or not form.is_valid():
            return render(request, self, ISSUE, {"title": _now("New credential"), "form": form})
        if not form.is_first():
            return _made_already(request)
        credential, key = credentials.issue(**form.cleaned_data, by=user_of(request))
        return self._shown_once(request, credential, key)

    def _shown_once(
        self, request: HttpRequest, credential: Credential, key: str, **context: Any
    ) -> HttpResponse:
        self.log_addition(request, credential, [])
        is_client = credential.kind == CredentialKind.OAUTH_CLIENT
        title = _now("Your new OAuth client") if is_client else _now("Your new API key")
        told = {"title": title, "credential": credential, "key": key, "is_client": is_client}
        address = settings.BASE_URL + reverse("oauth-token")
        response = render(request, self, ISSUE, {**told, "token_address": address, **context})
        response.headers["Cache-Control"] = "no-store"
        return response

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        credential = self.get_object(request, object_id)
        works = credential is not None and credential.works_at(timezone.now())
        may = {
            "may_revoke": works and self.has_revoke_permission(request),
            "may_rotate": works and self.has_rotate_permission(request),
            "may_limit": works and self.has_limit_permission(request),
            "rotate_form": RotateForm(),
            "ends_soon": credential is not None and ends_soon(credential, at=timezone.now()),
        }
        return super().change_view(request, object_id, form_url, {**may, **(extra_context or {})})

    def revoke_view(self, request: HttpRequest, credential_id: str) -> HttpResponse:
        credential = self._found(request, credential_id)
        if not self.has_revoke_permission(request):
            raise PermissionDenied
        credentials.revoke(credential, by=user_of(request), at=timezone.now())
        messages.success(request, _now("“%(name)s” no longer works.") % {"name": credential.name})
        return HttpResponseRedirect(reverse(LIST))

    def rotate_view(self, request: HttpRequest, credential_id: str) -> HttpResponse:
        credential = self._found(request, credential_id)
        if not self.has_rotate_permission(request):
            raise PermissionDenied
        form = RotateForm(request.POST)
        if not form.is_valid():
            messages.error(request, _now("Choose how long the old one works."))
            return HttpResponseRedirect(_page_of(credential))
        if not form.is_first():
            return _made_already(request)
        try:
            successor, key = credentials.rotate(
                credential, by=user_of(request), at=timezone.now(), overlap=form.cleaned_data["overlap"]
            )
        except DomainError as refusal:
            messages.error(request, str(refusal.detail))
            return HttpResponseRedirect(_page_of(credential))
        credential.refresh_from_db(fields=["expires_at"])
        return self._shown_once(request, successor, key, replaced=credential)

    def _found(self, request: HttpRequest, credential_id: str) -> Credential:
        credential: Credential | None = self.get_object(request, str(credential_id))
        if credential is None:
            raise Http404
        return credential

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Credential]:
        return super().get_queryset(request).defer("digest")

    @display(description=_("begins with"))
    def begins_with(self, credential: Credential) -> str:
        return f"{credential.prefix}…"

    @display(description=_("client id"))
    def shown_client_id(self, credential: Credential) -> str:
        return credential.client_id or "–"

    @display(description=_("access tokens in use"))
    def shown_tokens(self, credential: Credential) -> str:
        if credential.kind != CredentialKind.OAUTH_CLIENT:
            return "–"
        return str(credential.tokens.filter(expires_at__gt=timezone.now()).count())

    @display(description=_("may"))
    def shown_scopes(self, credential: Credential) -> str:
        return ", ".join(str(SCOPES.get(scope, scope)) for scope in credential.scopes)

    @display(description=_("state"))
    def state_now(self, credential: Credential) -> str:
        return state(credential, at=timezone.now())[1]

    @display(description=_("state"), label=STATE_LABELS)
    def shown_state(self, credential: Credential) -> tuple[str, str]:
        return state(credential, at=timezone.now())


def state(credential: Credential, *, at: datetime) -> tuple[str, str]:
    """How the credential is, as a key of `STATE_LABELS` and in words."""
    if credential.revoked_at:
        return "off", _now("Revoked")
    if credential.expires_at and credential.expires_at <= at:
        return "expired", _now("Expired")
    if not credential.partner.is_active:
        return "off", _now("Partner switched off")
    if credential.expires_at and ends_soon(credential, at=at):
        days = (credential.expires_at - at).days
        said = ngettext("Ends in %(days)d day", "Ends in %(days)d days", days) % {"days": days}
        return "ending", said if days else _now("Ends within a day")
    return ("on", _now("In use")) if credential.last_used_at else ("unused", _now("Never used"))


def ends_soon(credential: Credential, *, at: datetime) -> bool:
    """Whether it still works, and will not much longer."""
    ends_at = credential.expires_at
    return credential.works_at(at) and ends_at is not None and ends_at - at <= WARNED_BEFORE


def _page_of(credential: Credential) -> str:
    return reverse("admin:integrations_credential_change", args=[credential.pk])


def _made_already(request: HttpRequest) -> HttpResponse:
    messages.warning(request, _now("This was made already; it is not shown again."))
    return HttpResponseRedirect(reverse(LIST))
