"""How often a credential may call, where that differs from what the settings say for all."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from integrations import credentials
from integrations.models import Credential, Quota
from integrations.models.quota import MOST
from loyalty.core.admin import FactAdmin, render, user_of


class QuotaForm(forms.Form):
    """Both limits of one credential; an empty one is the usual."""

    per_minute = forms.IntegerField(
        label=_("Calls a minute"),
        required=False,
        min_value=1,
        max_value=MOST,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    per_hour = forms.IntegerField(
        label=_("Calls an hour"),
        required=False,
        min_value=1,
        max_value=MOST,
        widget=UnfoldAdminIntegerFieldWidget,
    )

    def __init__(self, data: Any, *, quota: Quota | None) -> None:
        now = {"per_minute": quota.calls_per_minute, "per_hour": quota.calls_per_hour} if quota else {}
        super().__init__(data, initial=now)
        usual = {"per_minute": settings.API_CALLS_PER_MINUTE, "per_hour": settings.API_CALLS_PER_HOUR}
        for name, calls in usual.items():
            text = _now("Empty: %(calls)s, as for all others.") % {"calls": f"{calls:,}"}
            self.fields[name].help_text = text


class QuotaPages(FactAdmin):
    """The part of a credential's pages that is about its limits."""

    def get_urls(self) -> list[URLPattern]:
        limits = self.admin_site.admin_view(self.limits_view)
        return [
            path("<uuid:credential_id>/limits/", limits, name="integrations_credential_limits"),
            *super().get_urls(),
        ]

    def has_limit_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("integrations.change_credential")

    def limits_view(self, request: HttpRequest, credential_id: str) -> HttpResponse:
        credential = self.get_object(request, str(credential_id))
        if credential is None:
            raise Http404
        if not self.has_limit_permission(request):
            raise PermissionDenied
        form = QuotaForm(request.POST or None, quota=_quota(credential))
        if request.method == "POST" and form.is_valid():
            credentials.limit(credential, **form.cleaned_data, by=user_of(request))
            messages.success(request, _now("In force from the next call on."))
            return HttpResponseRedirect(reverse("admin:integrations_credential_change", args=[credential.pk]))
        title = _now("How often “%(name)s” may call") % {"name": credential.name}
        context = {"title": title, "form": form, "credential": credential}
        return render(request, self, "admin/integrations/credential/limits.html", context)

    @display(description=_("may call"))
    def limits(self, credential: Credential) -> str:
        quota = _quota(credential)
        return _now("%(minute)s times a minute, %(hour)s times an hour") % {
            "minute": f"{(quota and quota.calls_per_minute) or settings.API_CALLS_PER_MINUTE:,}",
            "hour": f"{(quota and quota.calls_per_hour) or settings.API_CALLS_PER_HOUR:,}",
        }


def _quota(credential: Credential) -> Quota | None:
    return Quota.objects.filter(credential=credential).first()
