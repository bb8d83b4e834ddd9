"""Codes by which members invite: whose each is, whom they brought, and an end to one that is misused."""

from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.decorators import display

from loyalty.core import clock
from loyalty.core.admin import program_of, user_of
from loyalty.core.errors import DomainError
from loyalty.core.models import User
from members import search
from members.admin.facts import OfMemberAdmin
from rewards.happenings import inviting
from rewards.models import Referral, ReferralCode, ReferralStatus

FRIENDS_SHOWN: Final = 100
STATUS_LABELS: Final[dict[str, str]] = {
    ReferralStatus.WAITING: "info",
    ReferralStatus.QUALIFIED: "success",
    ReferralStatus.REFUSED: "warning",
}


@admin.register(ReferralCode)
class ReferralCodeAdmin(OfMemberAdmin):
    """Newest first; a member's card finds their code, and that of whoever brought them."""

    list_display = ("code", "member_link", "shown_friends", "shown_status", "made_at")
    list_filter = (("disabled_at", admin.EmptyFieldListFilter),)
    list_select_related = ("member", "program")
    search_fields = ("code",)
    search_help_text = _("Code (all of it), or the card, e-mail or name of who invited or was invited")
    sortable_by = ()
    ordering = ("-pk",)
    readonly_fields = ("member_link", "state")
    change_form_template = "admin/rewards/referralcode/change_form.html"
    has_history = True

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                f"<uuid:code_id>/{verb}/",
                self.admin_site.admin_view(require_POST(view)),
                name=f"rewards_referralcode_{verb}",
            )
            for verb, view in {"disable": self.disable_view, "enable": self.enable_view}.items()
        ]
        return [*own, *super().get_urls()]

    def get_fieldsets(self, request: HttpRequest, obj: ReferralCode | None = None) -> Any:
        why = ("disabled_at", "disabled_reason") if obj and obj.disabled_at else ()
        return ((None, {"fields": ("code", "member_link", "state", *why, "made_at")}),)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[ReferralCode]:
        friends = Referral.objects.filter(member=models.OuterRef("member")).exclude(status="refused")
        counted = friends.order_by().values("member").annotate(n=models.Count("pk")).values("n")
        return super().get_queryset(request).annotate(friends=models.Subquery(counted))

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[ReferralCode], search_term: str
    ) -> tuple[models.QuerySet[ReferralCode], bool]:
        term, program = search_term.strip(), program_of(request)
        if not term or program is None:
            return queryset, False
        found = list(search.find(term, program=program).values_list("pk", flat=True)[:FRIENDS_SHOWN])
        inviters = Referral.objects.of(program).filter(friend__in=found).values("member")
        is_meant = models.Q(code=term.upper()) | models.Q(member__in=found) | models.Q(member__in=inviters)
        return queryset.filter(is_meant), False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        code = self.get_object(request, object_id)
        own = self._about(request, code) if code else {}
        return super().change_view(request, object_id, form_url, {**own, **(extra_context or {})})

    def _about(self, request: HttpRequest, code: ReferralCode) -> dict[str, Any]:
        brought = Referral.objects.filter(member=code.member_id).select_related("friend")
        by_whom = Referral.objects.filter(friend=code.member_id).select_related("member").first()
        return {
            "may_disable": request.user.has_perm("rewards.disable_referralcode"),
            "referrals": [
                (referral, STATUS_LABELS[referral.status])
                for referral in brought.order_by("-pk")[:FRIENDS_SHOWN]
            ],
            "brought_by": by_whom,
        }

    def disable_view(self, request: HttpRequest, code_id: str) -> HttpResponse:
        """End it: nobody is brought by it from now on. It takes a reason."""
        code, by = self._changeable(request, code_id)
        try:
            reason = request.POST.get("reason", "")
            inviting.disable(code, reason=reason, by=by, at=clock.now(code.program))
        except DomainError as refusal:
            messages.error(request, refusal.detail)
        else:
            messages.success(request, _now("Nobody is brought by this code any more."))
        return _back(code)

    def enable_view(self, request: HttpRequest, code_id: str) -> HttpResponse:
        """Let members be brought by it again."""
        code, by = self._changeable(request, code_id)
        inviting.enable(code, by=by)
        messages.success(request, _now("The code is good again."))
        return _back(code)

    def _changeable(self, request: HttpRequest, code_id: str) -> tuple[ReferralCode, User]:
        code = self.get_object(request, str(code_id))
        if code is None:
            raise Http404(_now("There is no such referral code in this program."))
        if not request.user.has_perm("rewards.disable_referralcode"):
            raise PermissionDenied
        return code, user_of(request)

    @display(description=_("friends"))
    def shown_friends(self, code: ReferralCode) -> str:
        return f"{getattr(code, 'friends', 0) or 0:,}"

    @display(description=_("status"), label={"good": "success", "disabled": "danger"})
    def shown_status(self, code: ReferralCode) -> tuple[str, str]:
        return ("disabled", _now("Disabled")) if code.disabled_at else ("good", _now("Good"))

    @display(description=_("status"))
    def state(self, code: ReferralCode) -> str:
        return self.shown_status(code)[1]


def _back(code: ReferralCode) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:rewards_referralcode_change", args=[code.pk]))
