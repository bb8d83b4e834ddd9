"""API keys: issued here, shown once, revoked here."""

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from integrations import credentials
from integrations.admin.quota import QuotaPages
from integrations.models import Credential, Partner
from loyalty.core.admin import FactAdmin, program_of, render
from loyalty.core.api.auth import SCOPES
from loyalty.core.models import Program, User

TOKENS_KEPT_FOR = 7 * 24 * 60 * 60  # seconds


class IssueForm(forms.Form):
    """What a new key is for and what its holder may do."""

    partner = forms.ModelChoiceField(
        label=_("Partner"), queryset=Partner.objects.none(), widget=UnfoldAdminSelectWidget
    )
    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": _("Tills in the north")}),
        help_text=_("So that you know it again."),
    )
    scopes = forms.MultipleChoiceField(
        label=_("May"),
        choices=lambda: [(scope, f"{meaning} ({scope})") for scope, meaning in SCOPES.items()],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        error_messages={"required": _("Choose what the holder of the key may do.")},
    )
    expires_at = forms.DateTimeField(
        label=_("Expires"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
        help_text=_("Empty: only when it is revoked."),
    )

    # Of one showing of the form: sent again, as by a reload, it makes no second key.
    token = forms.UUIDField(required=False, initial=uuid4, widget=forms.HiddenInput)

    def __init__(self, *args: Any, program: Program, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        partners = Partner.objects.filter(program=program, is_active=True).order_by("name", "pk")
        self.fields["partner"].queryset = partners  # type: ignore[attr-defined]

    def clean_expires_at(self) -> Any:
        moment = self.cleaned_data["expires_at"]
        if moment and moment <= timezone.now():
            raise forms.ValidationError(_("This moment is past."))
        return moment


@admin.register(Credential)
class CredentialAdmin(QuotaPages, FactAdmin):
    """
    Keys by which partners call the API.

    Only a digest of a key is kept, so that a key is shown in the answer to the form that made it,
    and never again.
    """

    program_path = "partner__program"
    has_history = True
    list_display = ("name", "partner", "begins_with", "shown_state", "last_used_at", "expires_at")
    list_select_related = ("partner",)
    sortable_by = ()
    ordering = ("-pk",)
    exclude = ("digest",)
    fields = (
        "name",
        "partner",
        "begins_with",
        "shown_scopes",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
        "limits",
    )
    readonly_fields = ("begins_with", "shown_scopes", "limits")
    change_form_template = "admin/integrations/credential/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        revoke = self.admin_site.admin_view(require_POST(self.revoke_view))
        return [
            path("<uuid:credential_id>/revoke/", revoke, name="integrations_credential_revoke"),
            *super().get_urls(),
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return program_of(request) is not None and request.user.has_perm("integrations.add_credential")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("integrations.change_credential")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        program = program_of(request)
        if program is None or not self.has_add_permission(request):
            raise PermissionDenied
        form = IssueForm(request.POST or None, program=program)
        context: dict[str, Any] = {"title": _now("New API key"), "form": form}
        if request.method == "POST" and form.is_valid():
            assert isinstance(request.user, User)
            token = form.cleaned_data.pop("token")
            if token and not cache.add(f"key-issued:{token}", True, timeout=TOKENS_KEPT_FOR):
                messages.warning(request, _now("This key was made already; it is not shown again."))
                return HttpResponseRedirect(reverse("admin:integrations_credential_changelist"))
            credential, key = credentials.issue(**form.cleaned_data, by=request.user)
            self.log_addition(request, credential, [])
            context |= {"title": _now("Your new API key"), "credential": credential, "key": key}
        response = render(request, self, "admin/integrations/credential/issue.html", context)
        response.headers["Cache-Control"] = "no-store"
        return response

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        may = {
            "may_revoke": self.has_revoke_permission(request),
            "may_limit": self.has_limit_permission(request),
        }
        return super().change_view(request, object_id, form_url, {**may, **(extra_context or {})})

    def revoke_view(self, request: HttpRequest, credential_id: str) -> HttpResponse:
        credential = self.get_object(request, str(credential_id))
        if credential is None:
            raise Http404
        if not self.has_revoke_permission(request):
            raise PermissionDenied
        assert isinstance(request.user, User)
        credentials.revoke(credential, by=request.user, at=timezone.now())
        messages.success(request, _now("The key “%(name)s” no longer works.") % {"name": credential.name})
        return HttpResponseRedirect(reverse("admin:integrations_credential_changelist"))

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Credential]:
        return super().get_queryset(request).defer("digest")

    @display(description=_("begins with"))
    def begins_with(self, credential: Credential) -> str:
        return f"{credential.prefix}…"

    @display(description=_("may"))
    def shown_scopes(self, credential: Credential) -> str:
        return ", ".join(str(SCOPES.get(scope, scope)) for scope in credential.scopes)

    @display(description=_("state"), label={"on": "success", "off": "danger", "expired": "warning"})
    def shown_state(self, credential: Credential) -> tuple[str, str]:
        if credential.revoked_at:
            return "off", str(_("Revoked"))
        if credential.expires_at and credential.expires_at <= timezone.now():
            return "expired", str(_("Expired"))
        return "on", str(_("In use"))
