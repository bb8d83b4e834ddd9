"""What members bought and were given: where each redemption stands, and what staff may do about it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from loyalty.core import audit, clock
from loyalty.core.admin import moments, program_of, user_of
from loyalty.core.errors import DomainError
from loyalty.core.models import Program
from members import search
from members.admin.facts import OfMemberAdmin
from rewards import redeeming
from rewards.models import Redemption, RedemptionStatus, Voucher, VoucherStatus
from rewards.redeeming import vouchers

STATUS_LABELS: Final[dict[str, str]] = {
    RedemptionStatus.HELD: "info",
    RedemptionStatus.CONFIRMED: "success",
    RedemptionStatus.FULFILLED: "success",
    RedemptionStatus.CANCELLED: "danger",
    RedemptionStatus.EXPIRED: "warning",
    RedemptionStatus.RETURNED: "warning",
}
VOUCHER_LABELS: Final[dict[str, str]] = {
    VoucherStatus.ISSUED: "info",
    VoucherStatus.USED: "success",
    VoucherStatus.VOID: "danger",
}
LIFE: Final = (
    "redeemed_at",
    "expires_at",
    "confirmed_at",
    "fulfilled_at",
    "tracking",
    "ended_at",
    "reason",
)
USES_SHOWN: Final = 50


@admin.register(Redemption)
class RedemptionAdmin(OfMemberAdmin):
    """Rewards that members bought or were given, with their vouchers."""

    list_display = (
        "redeemed_at",
        "member_link",
        "reward",
        "shown_price",
        "shown_status",
        "code",
        "voucher_status",
    )
    list_filter = (("status", ChoicesDropdownFilter),)
    list_select_related = ("member", "program", "reward", "voucher", "wallet_type")
    search_fields = ("voucher__code",)
    search_help_text = _("Voucher code (all of it), or a member’s card, e-mail or name")
    sortable_by = ()
    ordering = ("-redeemed_at", "-pk")
    readonly_fields = (
        "member_link",
        "shown_price",
        "state",
        "code",
        "voucher_status",
        "voucher_uses",
        "voucher_expiry",
    )
    change_form_template = "admin/rewards/redemption/change_form.html"
    has_history = True

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                f"<uuid:redemption_id>/{verb}/",
                self.admin_site.admin_view(require_POST(view)),
                name=f"rewards_redemption_{verb}",
            )
            for verb, view in {
                "cancel": self.cancel_view,
                "fulfil": self.fulfil_view,
                "return": self.return_view,
                "void": self.void_view,
            }.items()
        ]
        return [*own, *super().get_urls()]

    def get_fieldsets(self, request: HttpRequest, obj: Redemption | None = None) -> Any:
        """What there is to say of it: most of a life's moments never come."""
        about = ["member_link", "reward", "shown_price", "state", "source"]
        life = [name for name in LIFE if getattr(obj, name, None)]
        voucher = ["code", "voucher_status", "voucher_uses", "voucher_expiry"]
        told = [(None, {"fields": about}), (_("Life"), {"fields": life})]
        return [*told, (_("Voucher"), {"fields": voucher})] if obj and _voucher(obj) else told

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Redemption], search_term: str
    ) -> tuple[models.QuerySet[Redemption], bool]:
        term, program = search_term.strip(), program_of(request)
        if not term or program is None:
            return queryset, False
        codes = Voucher.objects.filter(program=program, code__in={term, term.upper()}).values("redemption")
        members = search.find(term, program=program).values("pk")
        bought = Redemption.objects.filter(member__in=members).values("pk")
        return queryset.filter(pk__in=codes.union(bought)), False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        redemption = self.get_object(request, object_id)
        own = self._offered(request, redemption) if redemption else {}
        return super().change_view(request, object_id, form_url, {**own, **(extra_context or {})})

    def _offered(self, request: HttpRequest, redemption: Redemption) -> dict[str, Any]:
        """What can be done from here by whoever looks, and what the voucher was used for."""
        may_cancel = request.user.has_perm("rewards.cancel_redemption")
        may_fulfil = request.user.has_perm("rewards.fulfil_redemption")
        voucher, status = _voucher(redemption), redemption.status
        was_used = voucher is not None and voucher.uses > 0
        is_had = status in (RedemptionStatus.CONFIRMED, RedemptionStatus.FULFILLED)
        may_still_end = status == RedemptionStatus.HELD or (
            status == RedemptionStatus.CONFIRMED and not was_used
        )
        return {
            "offers_cancel": may_cancel and may_still_end,
            "offers_fulfil": may_fulfil and status == RedemptionStatus.CONFIRMED,
            "offers_return": may_cancel and is_had and not may_still_end,
            "offers_void": may_cancel and voucher is not None and voucher.status == VoucherStatus.ISSUED,
            "uses": list(voucher.all_uses.order_by("-pk")[:USES_SHOWN]) if voucher else [],
        }

    def cancel_view(self, request: HttpRequest, redemption_id: str) -> HttpResponse:
        """Give it up: points, piece and place under the limit come back."""
        return self._moved(
            request,
            redemption_id,
            redeeming.cancel,
            permission="rewards.cancel_redemption",
            done=_now("Cancelled: the points are back."),
            reason=_said(request, "reason", 200),
        )

    def return_view(self, request: HttpRequest, redemption_id: str) -> HttpResponse:
        """Take back what the member had."""
        return self._moved(
            request,
            redemption_id,
            redeeming.take_back,
            permission="rewards.cancel_redemption",
            done=_now("Returned: the points are back."),
            reason=_said(request, "reason", 200),
        )

    def void_view(self, request: HttpRequest, redemption_id: str) -> HttpResponse:
        """Have its voucher never used; the points stay spent. It takes a reason."""
        reason = _said(request, "reason", 200)
        if not reason:
            messages.error(request, _now("Say why the voucher is to be void."))
            return HttpResponseRedirect(reverse("admin:rewards_redemption_change", args=[redemption_id]))
        return self._moved(
            request,
            redemption_id,
            _voided,
            permission="rewards.cancel_redemption",
            done=_now("Its voucher is void."),
            reason=reason,
        )

    def fulfil_view(self, request: HttpRequest, redemption_id: str) -> HttpResponse:
        """Note that the member has got it."""
        return self._moved(
            request,
            redemption_id,
            redeeming.fulfil,
            permission="rewards.fulfil_redemption",
            done=_now("Handed over."),
            tracking=_said(request, "tracking", 100),
        )

    def _moved(
        self,
        request: HttpRequest,
        redemption_id: str,
        journey: Callable[..., Redemption],
        *,
        permission: str,
        done: str,
        **said: str,
    ) -> HttpResponse:
        redemption = self.get_object(request, str(redemption_id))
        if redemption is None:
            raise Http404(_now("There is no such redemption in this program."))
        if not request.user.has_perm(permission):
            raise PermissionDenied
        actor, at = user_of(request).actor, clock.now(redemption.program)
        try:
            with transaction.atomic():
                journey(redemption.pk, **said, program=redemption.program, source="", actor=actor, at=at)
                audit.note(redemption, by=user_of(request), text=" ".join([done, *said.values()]).strip())
        except DomainError as refusal:
            messages.error(request, refusal.detail)
        else:
            messages.success(request, done)
        return HttpResponseRedirect(reverse("admin:rewards_redemption_change", args=[redemption.pk]))

    @display(description=_("points"))
    def shown_price(self, redemption: Redemption) -> str:
        if not redemption.points:
            return _now("A gift")
        return f"{redemption.points:,} {redemption.wallet_type or ''}".strip()

    @display(description=_("status"), label=STATUS_LABELS)
    def shown_status(self, redemption: Redemption) -> tuple[str, str]:
        if redemption.is_overdue(clock.now(redemption.program)):
            return RedemptionStatus.EXPIRED, str(_("Time is over"))
        return redemption.status, redemption.get_status_display()

    @display(description=_("status"))
    def state(self, redemption: Redemption) -> SafeString:
        status, text = self.shown_status(redemption)
        return format_html('<span class="rg-chip {}">{}</span>', STATUS_LABELS[status], text)

    @display(description=_("voucher"))
    def code(self, redemption: Redemption) -> SafeString | str:
        voucher = _voucher(redemption)
        return format_html("<code>{}</code>", voucher.code) if voucher else ""

    @display(description=_("voucher status"))
    def voucher_status(self, redemption: Redemption) -> SafeString | str:
        voucher = _voucher(redemption)
        if voucher is None:
            return ""
        chip = '<span class="rg-chip {}">{}</span>'
        if voucher.status == VoucherStatus.ISSUED and voucher.is_expired(clock.now(redemption.program)):
            return format_html(chip, "warning", _now("Expired"))
        return format_html(chip, VOUCHER_LABELS[voucher.status], voucher.get_status_display())

    @display(description=_("voucher used"))
    def voucher_uses(self, redemption: Redemption) -> str:
        voucher = _voucher(redemption)
        if voucher is None:
            return ""
        return _now("%(uses)d of %(allowed)d times") % {
            "uses": voucher.uses,
            "allowed": voucher.uses_allowed,
        }

    @display(description=_("voucher valid until"))
    def voucher_expiry(self, redemption: Redemption) -> str:
        voucher = _voucher(redemption)
        return moments.shown(voucher.expires_at) if voucher else ""


def _voided(
    redemption_id: UUID, *, reason: str, program: Program, source: str, actor: str, at: datetime
) -> Redemption:
    """The reason is in the history; the redemption keeps that of its own end."""
    redemption = redeeming.read(redemption_id, program=program)
    vouchers.void(redemption.voucher.pk, program=program, at=at)
    return redemption


def _voucher(redemption: Redemption) -> Voucher | None:
    return getattr(redemption, "voucher", None)


def _said(request: HttpRequest, name: str, longest: int) -> str:
    return request.POST.get(name, "").strip()[:longest]
