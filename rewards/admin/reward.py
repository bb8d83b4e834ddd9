"""The catalogue of rewards, and what members bought from it."""

from typing import Any, cast

from django.contrib import admin, messages
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from loyalty.core import clock
from loyalty.core.admin import FactAdmin, ProgramModelAdmin, moments, program_of, render
from loyalty.core.models import User
from members import search
from rewards.admin.discount_form import ASKED, DiscountForm
from rewards.admin.stock_form import StockForm
from rewards.models import DISCOUNT_FIELDS, Redemption, RedemptionStatus, Reward, Voucher, VoucherStatus

VOUCHER_LABELS: dict[str, str] = {
    VoucherStatus.ISSUED: "info",
    VoucherStatus.USED: "success",
    VoucherStatus.VOID: "danger",
}


@admin.register(Reward)
class RewardAdmin(ProgramModelAdmin):
    form = DiscountForm
    list_display = ("name", "shown_price", "shown_stock", "shown_offer", "voucher_valid_days")
    list_filter = ("is_active",)
    list_select_related = ("wallet_type", "program")
    search_fields = ("name__istartswith", "key")
    search_help_text = _("Beginning of the name, or key")
    sortable_by = ()
    ordering = ("price", "pk")
    prepopulated_fields = {"key": ("name",)}
    fieldsets = (
        (None, {"fields": ("name", "key", "description")}),
        (_("Price and stock"), {"fields": ("wallet_type", "price", "stock")}),
        (
            _("Discount"),
            {
                "fields": DISCOUNT_FIELDS,
                "description": _(
                    "What is taken off a basket at a shop’s checkout, at once or later by the voucher."
                    " Tills take off what their own rules say."
                ),
            },
        ),
        (_("Offer"), {"fields": ("is_active", "starts_at", "ends_at", "voucher_valid_days")}),
    )
    conditional_fields = ASKED

    actions_detail = ("change_stock",)

    def get_readonly_fields(self, request: HttpRequest, obj: Reward | None = None) -> tuple[str, ...]:
        """Partners know the reward by its key; its stock goes down while the form is open."""
        return ("key", "stock") if obj else ()

    def save_model(self, request: HttpRequest, obj: Reward, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields=form.changed_data)
        else:
            super().save_model(request, obj, form, change)

    @action(description=_("Add or remove pieces"), permissions=["change"], url_path="stock")
    def change_stock(self, request: HttpRequest, object_id: str) -> HttpResponse:
        reward = self.get_object(request, object_id)
        if reward is None:
            raise Http404(_now("There is no such reward in this program."))
        form = StockForm(request.POST or None, reward=reward)
        if form.is_valid() and form.save(by=cast(User, request.user)):
            messages.success(request, _now("The stock of “%(reward)s” is changed.") % {"reward": reward})
            return HttpResponseRedirect(reverse("admin:rewards_reward_change", args=[reward.pk]))
        context = {
            "title": _now("Stock of %(reward)s") % {"reward": reward},
            "original": reward,
            "form": form,
        }
        return render(request, self, "admin/rewards/reward/stock.html", context)

    def get_prepopulated_fields(self, request: HttpRequest, obj: Reward | None = None) -> dict[str, Any]:
        return {} if obj else self.prepopulated_fields

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> models.QuerySet[Any]:
        choices = super().get_field_queryset(db, db_field, request)
        return choices.filter(is_spendable=True) if db_field.name == "wallet_type" else choices

    @display(description=_("price"))
    def shown_price(self, reward: Reward) -> str:
        return f"{reward.price:,} {reward.wallet_type}"

    @display(description=_("stock"))
    def shown_stock(self, reward: Reward) -> str:
        return "∞" if reward.stock is None else f"{reward.stock:,}"

    @display(
        description=_("offer"), label={"on": "success", "sold": "warning", "off": "danger", "later": "info"}
    )
    def shown_offer(self, reward: Reward) -> tuple[str, str]:
        now = clock.now(reward.program)
        if not reward.is_active or (reward.ends_at and reward.ends_at <= now):
            return "off", str(_("Not on offer"))
        if reward.starts_at and reward.starts_at > now:
            return "later", str(_("Later"))
        return ("sold", str(_("Sold out"))) if reward.stock == 0 else ("on", str(_("On offer")))


@admin.register(Redemption)
class RedemptionAdmin(FactAdmin):
    """Rewards that members bought, with their vouchers."""

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
    list_select_related = ("member", "reward", "voucher")
    search_fields = ("voucher__code",)
    search_help_text = _("Voucher code (all of it), or a member’s card, e-mail or name")
    sortable_by = ()
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("member_link", "reward", "points", "status", "source", "redeemed_at")}),
        (_("Voucher"), {"fields": ("code", "voucher_status", "voucher_expiry")}),
    )
    readonly_fields = ("member_link", "code", "voucher_status", "voucher_expiry")

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

    @display(description=_("member"))
    def member_link(self, redemption: Redemption) -> SafeString:
        page = reverse("admin:members_member_change", args=[redemption.member_id])
        return format_html('<a class="rg-link" href="{}">{}</a>', page, redemption.member)

    @display(description=_("points"))
    def shown_price(self, redemption: Redemption) -> str:
        return f"{redemption.points:,}"

    @display(
        description=_("status"),
        label={RedemptionStatus.CONFIRMED: "success", RedemptionStatus.CANCELLED: "danger"},
    )
    def shown_status(self, redemption: Redemption) -> tuple[str, str]:
        return redemption.status, redemption.get_status_display()

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
        return format_html(chip, VOUCHER_LABELS[voucher.status], voucher.get_status_display())

    @display(description=_("voucher valid until"))
    def voucher_expiry(self, redemption: Redemption) -> str:
        voucher = _voucher(redemption)
        return moments.shown(voucher.expires_at) if voucher else ""


def _voucher(redemption: Redemption) -> Voucher | None:
    return getattr(redemption, "voucher", None)
