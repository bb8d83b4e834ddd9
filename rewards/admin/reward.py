"""The catalogue of rewards."""

from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action, display

from loyalty.core import clock
from loyalty.core.admin import ProgramModelAdmin, render, user_of
from rewards.admin.codes_form import CodesForm
from rewards.admin.discount_form import ASKED
from rewards.admin.reward_form import RewardForm
from rewards.admin.stock_form import StockForm
from rewards.models import DISCOUNT_FIELDS, Reward


@admin.register(Reward)
class RewardAdmin(ProgramModelAdmin):
    form = RewardForm
    list_display = ("name", "shown_price", "shown_stock", "shown_limit", "shown_offer")
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
        (_("Limit"), {"fields": ("limit_per_member", "limit_period")}),
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
        (
            _("Voucher"),
            {
                "fields": (
                    "has_voucher",
                    "voucher_valid_days",
                    "voucher_uses",
                    "codes_from",
                    "codes_warn_below",
                )
            },
        ),
        (_("Offer"), {"fields": ("is_active", "starts_at", "ends_at")}),
    )
    conditional_fields = {
        **ASKED,
        "stock": "typeof codes_from == 'undefined' || codes_from != 'uploaded'",
        "codes_from": "has_voucher",
        "codes_warn_below": "typeof codes_from == 'undefined' || codes_from == 'uploaded'",
    }

    actions_detail = ("change_stock", "upload_codes")

    def get_readonly_fields(self, request: HttpRequest, obj: Reward | None = None) -> tuple[str, ...]:
        """Partners know the reward by its key; its stock goes down while the form is open."""
        return ("key", "stock", "codes_from") if obj else ()

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        reward = self.get_object(request, object_id)
        if request.method == "GET" and reward and _has_few_codes(reward):
            left = ngettext(
                "%(n)d code is left: upload more.", "%(n)d codes are left: upload more.", _left(reward)
            )
            messages.warning(request, left % {"n": _left(reward)})
        return super().change_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Reward, form: Any, change: bool) -> None:
        if change:
            # What a discount has no use for is emptied, too, though nobody has changed it.
            obj.save(update_fields={*form.changed_data, *DISCOUNT_FIELDS})
        else:
            super().save_model(request, obj, form, change)

    @action(description=_("Add or remove pieces"), permissions=["count"], url_path="stock")
    def change_stock(self, request: HttpRequest, object_id: str) -> HttpResponse:
        reward = self.get_object(request, object_id)
        if reward is None:
            raise Http404(_now("There is no such reward in this program."))
        form = StockForm(request.POST or None, reward=reward)
        if form.is_valid() and form.save(by=user_of(request)):
            messages.success(request, _now("The stock of “%(reward)s” is changed.") % {"reward": reward})
            return HttpResponseRedirect(reverse("admin:rewards_reward_change", args=[reward.pk]))
        context = {
            "title": _now("Stock of %(reward)s") % {"reward": reward},
            "original": reward,
            "form": form,
        }
        return render(request, self, "admin/rewards/reward/stock.html", context)

    @action(description=_("Upload codes"), permissions=["upload"], url_path="codes")
    def upload_codes(self, request: HttpRequest, object_id: str) -> HttpResponse:
        reward = self.get_object(request, object_id)
        if reward is None or not reward.has_uploaded_codes:
            raise Http404(_now("There is no such reward in this program, or its codes are made here."))
        form = CodesForm(request.POST or None, request.FILES or None, reward=reward)
        if form.is_valid() and form.save(by=user_of(request)):
            reward.refresh_from_db(fields=["stock"])
        context = {
            "title": _now("Codes of %(reward)s") % {"reward": reward},
            "original": reward,
            "form": form,
        }
        return render(request, self, "admin/rewards/reward/codes.html", context)

    def has_count_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Pieces of an uploaded list are its codes."""
        return self._may_change(request, object_id, has_uploaded_codes=False)

    def has_upload_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return self._may_change(request, object_id, has_uploaded_codes=True)

    def _may_change(self, request: HttpRequest, object_id: object, *, has_uploaded_codes: bool) -> bool:
        if not self.has_change_permission(request):
            return False
        reward = self.get_object(request, str(object_id)) if object_id else None
        return reward is None or reward.has_uploaded_codes == has_uploaded_codes

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
        if reward.has_uploaded_codes:
            return ngettext("%(n)d code", "%(n)d codes", _left(reward)) % {"n": _left(reward)}
        return "∞" if reward.stock is None else f"{reward.stock:,}"

    @display(description=_("limit per member"))
    def shown_limit(self, reward: Reward) -> str:
        if reward.limit_per_member is None:
            return "–"
        return f"{reward.limit_per_member:,} · {reward.get_limit_period_display()}"

    @display(
        description=_("offer"),
        label={"on": "success", "sold": "warning", "few": "warning", "off": "danger", "later": "info"},
    )
    def shown_offer(self, reward: Reward) -> tuple[str, str]:
        now = clock.now(reward.program)
        if not reward.is_active or (reward.ends_at and reward.ends_at <= now):
            return "off", str(_("Not on offer"))
        if reward.starts_at and reward.starts_at > now:
            return "later", str(_("Later"))
        if reward.stock == 0:
            return "sold", str(_("Sold out"))
        return ("few", str(_("Few codes left"))) if _has_few_codes(reward) else ("on", str(_("On offer")))


def _has_few_codes(reward: Reward) -> bool:
    return reward.has_uploaded_codes and _left(reward) < reward.codes_warn_below


def _left(reward: Reward) -> int:
    return reward.stock or 0
