"""What a member agreed to, on the page about them, and what they tell the staff of it."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from loyalty.core import audit, clock
from loyalty.core.admin import render, user_of
from loyalty.core.errors import DomainError
from loyalty.core.models import User
from members import comparing, consents
from members.models import Consent, Member, MemberStatus
from members.models.consent import PURPOSE_VALIDATOR

SHOWN_ON_MEMBER_PAGE: Final = 20
MAY_RECORD: Final = "members.add_consent"
GRANTED, WITHDRAWN = "granted", "withdrawn"
EVIDENCE_MAX: Final = 500
_ALIVE: Final = (MemberStatus.ACTIVE, MemberStatus.BLOCKED)
_FIELD_OF: Final = {"#/occurred_at": "said_at"}


def consents_panel(request: HttpRequest, member: Member) -> tuple[str, dict[str, Any]]:
    """What the member agrees to now, by purpose, and the newest of what they ever said."""
    if not request.user.has_perm("members.view_consent"):
        return "admin/members/member/consents_panel.html", {}
    present, newest = consents.overview(comparing.one_person(member), at_most=SHOWN_ON_MEMBER_PAGE)
    may_record = member.status in _ALIVE and request.user.has_perm(MAY_RECORD)
    return "admin/members/member/consents_panel.html", {
        "present": present,
        "said": newest,
        "may_record": may_record,
    }


class ConsentForm(forms.Form):
    """
    What the member said of one purpose.

    A second press of the button writes nothing more. A purpose that nobody in the program was ever asked
    about is most likely misspelt: it takes a second look.
    """

    decision = forms.ChoiceField(
        label=_("What did the member say?"),
        choices=[(GRANTED, _("Yes: the consent is granted")), (WITHDRAWN, _("No: the consent is withdrawn"))],
        widget=UnfoldAdminRadioSelectWidget,
    )
    purpose = forms.CharField(
        label=_("Purpose"),
        max_length=40,
        validators=[PURPOSE_VALIDATOR],
        widget=UnfoldAdminTextInputWidget(attrs={"list": "purposes", "autocomplete": "off"}),
        help_text=_("What the data may be used for, as newsletter or profiling."),
    )
    is_new = forms.BooleanField(
        label=_("This purpose is new to the program"), required=False, widget=UnfoldBooleanSwitchWidget
    )
    said_at = forms.DateTimeField(
        label=_("When"),
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
        help_text=_("When the member said so, if that was earlier. What was said last counts."),
    )
    source = forms.ChoiceField(
        label=_("Where it was said"),
        choices=[
            ("service-desk", _("At the service desk")),
            ("phone", _("On the telephone")),
            ("e-mail", _("By e-mail")),
            ("letter", _("By letter")),
            ("chat", _("In a chat")),
        ],
        widget=UnfoldAdminSelectWidget,
    )
    version = forms.CharField(
        label=_("Version of the text"),
        required=False,
        max_length=60,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("The wording that was agreed to, as 2026-05."),
    )
    evidence = forms.CharField(
        label=_("Evidence"),
        required=False,
        max_length=EVIDENCE_MAX,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_(
            "What proves it, as the number of a letter or of a call. It goes when the member is erased."
        ),
    )

    def __init__(self, *args: Any, member: Member, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.member = member
        self.purposes = consents.purposes(member.program)
        if not (self.is_bound and self._names_a_new_purpose()):
            del self.fields["is_new"]

    def _names_a_new_purpose(self) -> bool:
        return bool(self.purposes) and self.data.get("purpose", "").strip() not in self.purposes

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if "is_new" in self.fields and values.get("purpose") and not values.get("is_new"):
            said = _("Nobody was ever asked about “%(purpose)s” here. Known are: %(known)s.")
            known = ", ".join(self.purposes)
            self.add_error("purpose", said % {"purpose": values["purpose"], "known": known})
        return values

    def save(self, *, by: User) -> Consent | None:
        """What was written down; None if the form says why nothing was."""
        values = self.cleaned_data
        try:
            return consents.record(
                self.member,
                purpose=values["purpose"],
                is_granted=values["decision"] == GRANTED,
                occurred_at=values["said_at"],
                version=values["version"],
                source=values["source"],
                evidence={"note": values["evidence"]} if values["evidence"] else None,
                actor=by.actor,
                at=clock.now(self.member.program),
                is_once=True,
            )
        except DomainError as refusal:
            self.add_error(_FIELD_OF.get(refusal.pointer or ""), refusal.detail)
        return None


def consent_page(page: ModelAdmin, request: HttpRequest, member: Member) -> HttpResponse:
    """Write down what the member told somebody of the staff; what was said before stays as it is."""
    if not request.user.has_perm(MAY_RECORD) or member.status not in _ALIVE:
        raise PermissionDenied
    form = ConsentForm(request.POST or None, member=member, initial=_begun(request, member))
    if request.method == "POST" and form.is_valid() and (said := form.save(by=user_of(request))):
        return _done(member, said, request=request, by=user_of(request))
    context = {
        "title": _now("Record a consent of %(member)s") % {"member": member},
        "original": member,
        "member": member,
        "form": form,
    }
    return render(request, page, "admin/members/member/consent.html", context)


def _begun(request: HttpRequest, member: Member) -> dict[str, Any]:
    """The form as a link on the member's page begins it."""
    now = timezone.localtime(clock.now(member.program))
    return {
        "purpose": request.GET.get("purpose", ""),
        "decision": request.GET.get("decision", ""),
        "said_at": f"{now:%Y-%m-%dT%H:%M}",
    }


def _done(member: Member, said: Consent, *, request: HttpRequest, by: User) -> HttpResponse:
    text = (
        _now("%(purpose)s: consent granted.") if said.is_granted else _now("%(purpose)s: consent withdrawn.")
    )
    told = text % {"purpose": said.purpose}
    audit.note(member, by=by, text=told)
    messages.success(request, told)
    return HttpResponseRedirect(reverse("admin:members_member_change", args=[member.pk]))
