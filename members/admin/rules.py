"""Kinds of points and tiers: the program's rules that are not campaigns."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminColorInputWidget

from loyalty.core.admin import ProgramModelAdmin
from members.admin.rule_forms import ExpiryRuleForm, WalletTypeForm, day_input
from members.admin.words import expiry_in_words
from members.models import Tier, TierLadder, WalletType


@admin.register(WalletType)
class WalletTypeAdmin(ProgramModelAdmin):
    form = WalletTypeForm
    list_display = ("name", "is_spendable", "expiry", "point_value")
    sortable_by = ()
    ordering = ("-is_spendable", "name", "pk")
    search_fields = ("name__istartswith", "key")
    search_help_text = _("Beginning of the name, or key")
    prepopulated_fields = {"key": ("name",)}
    fieldsets = (
        (None, {"fields": ("name", "key", "is_spendable")}),
        (
            _("Waiting"),
            {
                "fields": ("pending_days",),
                "description": _(
                    "New points can wait before they may be spent, such as until goods cannot be returned any"
                    " more. A campaign may say otherwise for its own points."
                ),
            },
        ),
        (
            _("Expiry"),
            {
                "fields": ("expiry_rule", "expires_after", "expires_on_date"),
                "description": _(
                    "Of points that are granted from now on; those that members have keep their dates."
                    " Points go when their last day is over, in the program’s time zone. A campaign or a tier"
                    " may say otherwise. After months without activity, all points of a member go together:"
                    " each purchase, each event that earns something, and spending move the date."
                ),
            },
        ),
        (
            _("Returns"),
            {
                "fields": ("return_policy",),
                "description": _(
                    "When goods come back and the points for them are spent already. Where points are written"
                    " off, who pays for a second purchase with the points of a first, returns the first and"
                    " then the second, has those points and their money. Let members owe where points pay at"
                    " the checkout."
                ),
            },
        ),
        (
            _("Warnings"),
            {
                "fields": ("warns_days_before", "expires_only_if_warned"),
                "description": _(
                    "A warning is the event points.expiring, once for each member and date. It counts as"
                    " delivered when a webhook of a partner has taken it."
                ),
            },
        ),
        (
            _("Passing on"),
            {
                "fields": (
                    "transfers_to",
                    "transfer_minimum",
                    "transfer_monthly_limit",
                    "transfer_fee_percent",
                ),
                "description": _("Within a household, points are passed on without fee and monthly limit."),
            },
        ),
        (_("Value"), {"fields": ("point_value",)}),
        (
            _("At a checkout"),
            {
                "fields": ("checkout_points", "checkout_amount"),
                "description": _(
                    "What points pay when a shop lets members use them as money: such as 100 points for 1.00."
                    " No more points are taken than are needed for whole cents."
                ),
            },
        ),
    )
    # What the chosen rule has no use for is not asked; see ExpiryRuleForm. Who may only look has no choice.
    conditional_fields = {
        "expires_after": (
            "typeof expiry_rule == 'undefined' || !['never', 'fixed_date'].includes(expiry_rule)"
        ),
        "expires_on_date": "typeof expiry_rule == 'undefined' || expiry_rule == 'fixed_date'",
    }

    def get_readonly_fields(self, request: HttpRequest, obj: WalletType | None = None) -> tuple[str, ...]:
        """Campaigns and partners know the points by their key."""
        return ("key",) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: WalletType | None = None) -> dict[str, Any]:
        return {} if obj else self.prepopulated_fields

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> forms.Field | None:
        if db_field.name == "expires_on_date":
            kwargs["widget"] = day_input()
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @display(description=_("expire"))
    def expiry(self, wallet_type: WalletType) -> str:
        return expiry_in_words(wallet_type)


class TierInline(TabularInline):
    model = Tier
    form = ExpiryRuleForm
    fields = ("name", "key", "threshold", "color", "expiry_rule", "expires_after", "expires_on_date")
    extra = 0
    can_delete = False
    prepopulated_fields = {"key": ("name",)}

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Tier]:
        rows: models.QuerySet[Tier] = super().get_queryset(request)
        return rows.order_by("threshold", "pk")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> forms.Field | None:
        if db_field.name == "color":
            kwargs["widget"] = UnfoldAdminColorInputWidget()
        if db_field.name == "expires_on_date":
            kwargs["widget"] = day_input()
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "expiry_rule":
            field.choices = [("", _("As the kind of points says")), *db_field.choices]
        return field


@admin.register(TierLadder)
class TierLadderAdmin(ProgramModelAdmin):
    list_display = ("name", "wallet_type", "rungs")
    list_select_related = ("wallet_type",)
    sortable_by = ()
    ordering = ("name", "pk")
    search_fields = ("name__istartswith", "key")
    search_help_text = _("Beginning of the name, or key")
    prepopulated_fields = {"key": ("name",)}
    fieldsets = ((None, {"fields": ("name", "key", "wallet_type")}),)
    inlines = (TierInline,)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[TierLadder]:
        tiers = Tier.objects.order_by("threshold", "pk")
        return super().get_queryset(request).prefetch_related(models.Prefetch("tiers", tiers))

    def get_readonly_fields(self, request: HttpRequest, obj: TierLadder | None = None) -> tuple[str, ...]:
        """What members climbed by stays what they climbed by."""
        return ("key", "wallet_type") if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: TierLadder | None = None) -> dict[str, Any]:
        return {} if obj else self.prepopulated_fields

    @display(description=_("rungs"))
    def rungs(self, ladder: TierLadder) -> SafeString:
        steps = ((tier.color, tier.name, f"{tier.threshold:,}") for tier in ladder.tiers.all())
        return format_html(
            '<span class="rg-rungs">{}</span>',
            format_html_join(
                "", '<span class="rg-tier"><i style="background:{}"></i>{} <small>{}</small></span>', steps
            ),
        )
