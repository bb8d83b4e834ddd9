from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from loyalty.core.admin.base import ThemedAdmin, program_of, user_of
from loyalty.core.models import Assignment, Program, ProgramKind, Role
from loyalty.core.models.program import ProfileField


@admin.register(Program)
class ProgramAdmin(ThemedAdmin):
    """The settings of the program in the header; those who found programs see all of them."""

    list_display = ("name", "shown_kind", "currency", "time_zone")
    sortable_by = ()
    ordering = ("name", "pk")
    readonly_fields = ("created_at",)
    fieldsets = (
        (None, {"fields": ("name", "key", "kind")}),
        (
            _("Money and time"),
            {
                "fields": ("currency", "time_zone", "rounding"),
                "description": _("Members see their points in this time zone."),
            },
        ),
        (_("Campaigns"), {"fields": ("campaigns_need_approval", "profile_fields", "referral_days")}),
        (_("Purchases"), {"fields": ("claim_days",)}),
        (_("Households"), {"fields": ("household_size",)}),
    )

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """What a profile is made of is ticked, not typed."""
        if db_field.name != "profile_fields":
            return super().formfield_for_dbfield(db_field, request, **kwargs)
        return forms.MultipleChoiceField(
            label=capfirst(db_field.verbose_name),
            choices=ProfileField.choices,
            widget=UnfoldAdminCheckboxSelectMultipleWidget,
            help_text=db_field.help_text,
        )

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Program]:
        rows = super().get_queryset(request)
        if request.user.is_superuser:
            return rows
        program = program_of(request)
        return rows.filter(pk=program.pk) if program else rows.none()

    def get_readonly_fields(self, request: HttpRequest, obj: Program | None = None) -> tuple[str, ...]:
        """What points were granted under stays: amounts are stored in the currency."""
        return (*self.readonly_fields, "key", "kind", "currency") if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Program | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Program, form: Any, change: bool) -> None:
        """Who works by assignments gets one in the program that they found, to see it at all."""
        super().save_model(request, obj, form, change)
        if not change and Assignment.objects.filter(user=user_of(request)).exists():
            Assignment.objects.create(user=user_of(request), program=obj, role=Role.ADMINISTRATOR)

    @display(description=_("kind"), label={ProgramKind.LIVE: "success", ProgramKind.SANDBOX: "warning"})
    def shown_kind(self, program: Program) -> tuple[str, str]:
        return program.kind, program.get_kind_display()
