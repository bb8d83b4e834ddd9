"""What a program knows that others do not: attributes of members and purchases, and types of events."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import StackedInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from loyalty.core.admin import ProgramModelAdmin, program_of
from loyalty.core.admin.base import ProgramForm
from members.models import AttributeKind, AttributeOwner, AttributeType, EventType

CHOICES_AT_MOST = 100
CHOICE_AT_MOST = 100
OWNERS_WITHOUT_TYPE = [
    (owner.value, owner.label) for owner in AttributeOwner if owner != AttributeOwner.EVENT
]


class LinesField(forms.CharField):
    """A list of texts, one a line."""

    widget = UnfoldAdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        lines = [line.strip() for line in str(super().to_python(value) or "").splitlines()]
        return list(dict.fromkeys(line for line in lines if line))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((initial or []) != self.to_python(data or ""))


class AttributeForm(ProgramForm):
    choices = LinesField(
        label=_("Choices"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("Texts that are offered to choose from, if there are few; one a line."),
    )

    class Meta:
        model = AttributeType
        fields = ("label", "name", "type", "choices")

    def clean_choices(self) -> list[str]:
        choices: list[str] = self.cleaned_data["choices"]
        if len(choices) > CHOICES_AT_MOST:
            raise forms.ValidationError(_("Up to %(n)d choices.") % {"n": CHOICES_AT_MOST})
        if any(len(choice) > CHOICE_AT_MOST for choice in choices):
            raise forms.ValidationError(_("A choice has up to %(n)d characters.") % {"n": CHOICE_AT_MOST})
        return choices

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("choices") and values.get("type") not in (AttributeKind.TEXT, AttributeKind.SET):
            self.add_error("choices", _("Only texts are chosen from; leave this empty for other types."))
        return values


class MemberOrSaleForm(AttributeForm):
    class Meta:
        model = AttributeType
        fields = ("owner", *AttributeForm.Meta.fields)

    def _get_validation_exclusions(self) -> set[str]:
        # It has no event type, and there is no second one of its name without one.
        return super()._get_validation_exclusions() - {"event_type", "owner", "name"}


@admin.register(AttributeType)
class AttributeTypeAdmin(ProgramModelAdmin):
    """Those of members and purchases; those of events are on the page of their event type."""

    form = MemberOrSaleForm
    list_display = ("shown_label", "owner", "type", "shown_choices")
    list_filter = (("owner", ChoicesDropdownFilter), ("type", ChoicesDropdownFilter))
    list_select_related = ("event_type",)
    search_fields = ("label__istartswith", "name")
    search_help_text = _("Beginning of the label, or name")
    sortable_by = ()
    ordering = ("owner", "label", "pk")
    fieldsets = ((None, {"fields": ("owner", "label", "name", "type", "choices")}),)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> forms.Field | None:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "owner" and field is not None:
            field.choices = OWNERS_WITHOUT_TYPE
        return field

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[AttributeType]:
        return super().get_queryset(request).exclude(owner=AttributeOwner.EVENT)

    def get_readonly_fields(self, request: HttpRequest, obj: AttributeType | None = None) -> tuple[str, ...]:
        """Conditions know it by these."""
        return ("owner", "name") if obj else ()

    @display(description=_("attribute"), header=True)
    def shown_label(self, attribute: AttributeType) -> tuple[str, str]:
        return attribute.label, attribute.name

    @display(description=_("choices"))
    def shown_choices(self, attribute: AttributeType) -> str:
        return ", ".join(attribute.choices)


class EventAttributeForm(AttributeForm):
    """Its event type says of what it is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.owner = AttributeOwner.EVENT


class EventAttributeInline(StackedInline):
    model = AttributeType
    form = EventAttributeForm
    fields = (("label", "name", "type"), "choices")
    extra = 0
    verbose_name = _("attribute")
    verbose_name_plural = _("Attributes that it carries")

    def get_formset(self, request: HttpRequest, obj: EventType | None = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        formset.form.program = program_of(request)
        return formset

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[AttributeType]:
        rows: models.QuerySet[AttributeType] = super().get_queryset(request)
        return rows.order_by("label", "pk")


@admin.register(EventType)
class EventTypeAdmin(ProgramModelAdmin):
    list_display = ("shown_label", "shown_attributes")
    search_fields = ("label__istartswith", "name")
    search_help_text = _("Beginning of the label, or type")
    sortable_by = ()
    ordering = ("label", "pk")
    fieldsets = ((None, {"fields": ("label", "name")}),)
    inlines = (EventAttributeInline,)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[EventType]:
        attributes = AttributeType.objects.order_by("label", "pk")
        return super().get_queryset(request).prefetch_related(models.Prefetch("attributes", attributes))

    def get_readonly_fields(self, request: HttpRequest, obj: EventType | None = None) -> tuple[str, ...]:
        """Campaigns listen to it by its name."""
        return ("name",) if obj else ()

    @display(description=_("event type"), header=True)
    def shown_label(self, event_type: EventType) -> tuple[str, str]:
        return event_type.label, event_type.name

    @display(description=_("attributes"))
    def shown_attributes(self, event_type: EventType) -> str:
        return ", ".join(attribute.label for attribute in event_type.attributes.all())
