"""What an operator says when a credential is made or rotated."""

from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from django import forms
from django.core.cache import cache
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from integrations.models import CredentialKind, Partner
from loyalty.core.api.auth import SCOPES
from loyalty.core.models import Program

TOKENS_KEPT_FOR: Final = 7 * 24 * 60 * 60  # seconds
KINDS: Final = [
    (CredentialKind.API_KEY, _("API key: one secret, which is sent with each call")),
    (CredentialKind.OAUTH_CLIENT, _("OAuth client: an id and a secret, which are exchanged for tokens")),
]
OVERLAPS: Final = [
    (1, _("for another hour")),
    (24, _("for another day")),
    (168, _("for another week")),
    (720, _("for another 30 days")),
]


class OnceForm(forms.Form):
    """Sent again, as by a reload of the page, it makes nothing a second time."""

    # Of one showing of the form.
    token = forms.UUIDField(required=False, initial=uuid4, widget=forms.HiddenInput)

    def is_first(self) -> bool:
        """Whether this showing of the form has not been acted on before; asked once, by who acts on it."""
        token = self.cleaned_data.pop("token")
        return not token or bool(cache.add(f"key-issued:{token}", True, timeout=TOKENS_KEPT_FOR))


class IssueForm(OnceForm):
    """What a new credential is for and what its holder may do."""

    partner = forms.ModelChoiceField(
        label=_("Partner"), queryset=Partner.objects.none(), widget=UnfoldAdminSelectWidget
    )
    kind = forms.ChoiceField(
        label=_("Kind"), choices=KINDS, initial=CredentialKind.API_KEY, widget=UnfoldAdminRadioSelectWidget
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
        error_messages={"required": _("Choose what the partner may do with it.")},
    )
    expires_at = forms.DateTimeField(
        label=_("Expires"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
        help_text=_("Empty: only when it is revoked."),
    )

    def __init__(self, *args: Any, program: Program, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        partners = Partner.objects.of(program).filter(is_active=True).order_by("name", "pk")
        self.fields["partner"].queryset = partners  # type: ignore[attr-defined]

    def clean_expires_at(self) -> Any:
        moment = self.cleaned_data["expires_at"]
        if moment and moment <= timezone.now():
            raise forms.ValidationError(_("This moment is past."))
        return moment


class RotateForm(OnceForm):
    """How long the old key or secret works beside its successor."""

    overlap = forms.TypedChoiceField(
        label=_("The old one works"),
        choices=OVERLAPS,
        coerce=lambda hours: timedelta(hours=int(hours)),
        initial=24,
        widget=UnfoldAdminSelectWidget,
    )
