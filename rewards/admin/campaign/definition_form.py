"""The guided form for a campaign's definition: trigger, rows of conditions, rows of effects, schedule."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from loyalty.core.models import Program
from members.models import ExpiryRule, WalletType
from rewards import dates_drafting, drafting
from rewards.engine.catalogue import attribute
from rewards.engine.fact import OPERATORS
from rewards.engine.reasons import Reason

TRIGGERS: Final = [("sale", _("A sale")), ("event", _("A custom event"))]
MATCHES: Final = [("all", _("all of these")), ("any", _("any of these"))]
EFFECTS: Final = [
    ("points_per_unit", _("Points per amount")),
    ("fixed_points", _("Fixed points")),
    ("multiplier", _("Multiply base points")),
]
FAMILIES: Final = [
    ("sale.attribute", _("sale attribute …")),
    ("event.attribute", _("event attribute …")),
    ("member.attribute", _("member attribute …")),
]
EXPIRY_RULES: Final = [(rule.value, rule.label) for rule in ExpiryRule if rule.value in dates_drafting.EXPIRY]
ALL_OPERATORS: Final = sorted(
    {operator for operators in OPERATORS.values() for operator in operators} | {"known"}
)


def _words(code: str) -> str:
    return Reason(code).text()


def fact_choices() -> list[tuple[Any, Any]]:
    groups: dict[str, list[tuple[str, Any]]] = {"sale": [], "event": [], "member": [], "moment": []}
    for fact in drafting.facts():
        groups[fact.key.split(".")[0]].append((fact.key, fact.label.text().capitalize()))
    for key, label in FAMILIES:
        groups[key.split(".")[0]].append((key, label))
    titles = {
        "sale": _("The sale"),
        "event": _("The event"),
        "member": _("The member"),
        "moment": _("The moment"),
    }
    return [
        ("", _("Choose what to look at")),
        *[(titles[group], choices) for group, choices in groups.items()],
    ]


def catalogue() -> dict[str, Any]:
    """What the browser needs to offer only operators and values that fit a fact."""
    known = {fact.key: fact for fact in drafting.facts()}
    known |= {family: attribute(family, "name") for family, _label in FAMILIES}
    return {
        key: {
            "operators": fact.operators,
            "type": fact.type,
            "choices": [[name, _words(name)] for name in fact.choices],
        }
        for key, fact in known.items()
    }


def _select(label: Any) -> UnfoldAdminSelectWidget:
    return UnfoldAdminSelectWidget(attrs={"aria-label": label})


def _text(label: Any, placeholder: Any = "") -> UnfoldAdminTextInputWidget:
    return UnfoldAdminTextInputWidget(
        attrs={"aria-label": label, "placeholder": placeholder, "autocomplete": "off"}
    )


class MomentField(forms.CharField):
    """A moment in the program's time zone, as a browser's field for date and time gives it."""

    widget = UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"})
    zone: ZoneInfo = ZoneInfo("UTC")

    def prepare_value(self, value: Any) -> Any:
        moment = parse_datetime(value) if isinstance(value, str) else value
        if moment is None or timezone.is_naive(moment):
            return value
        return moment.astimezone(self.zone).strftime("%Y-%m-%dT%H:%M")

    def clean(self, value: Any) -> str | None:
        text = super().clean(value)
        if not text:
            return None
        moment = _parsed(text)
        if moment is None:
            raise forms.ValidationError(_("Enter a date and a time."))
        return moment.replace(tzinfo=self.zone).isoformat()


def _parsed(text: str) -> Any:
    try:
        return parse_datetime(text)
    except ValueError:
        return None


class WhenForm(forms.Form):
    trigger = forms.ChoiceField(label=_("When"), choices=TRIGGERS, widget=UnfoldAdminSelectWidget())
    event_type = forms.CharField(
        label=_("Event type"),
        required=False,
        max_length=60,
        widget=_text(_("Event type"), _("such as app.login")),
    )
    match = forms.ChoiceField(
        label=_("Conditions"), choices=MATCHES, widget=_select(_("How conditions combine"))
    )
    starts_at = MomentField(label=_("From"), required=False)
    ends_at = MomentField(label=_("Until"), required=False, help_text=_("This moment no longer counts."))

    def __init__(self, *args: Any, program: Program, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("starts_at", "ends_at"):
            self.fields[name].zone = ZoneInfo(program.time_zone)  # type: ignore[attr-defined]


class ConditionForm(forms.Form):
    fact = forms.ChoiceField(
        label=_("fact"), required=False, choices=fact_choices, widget=_select(_("What to look at"))
    )
    name = forms.CharField(
        label=_("name"), required=False, max_length=60, widget=_text(_("Attribute"), _("attribute"))
    )
    operator = forms.ChoiceField(
        label=_("operator"),
        choices=[(operator, _words(f"operator.{operator}")) for operator in ALL_OPERATORS],
        widget=_select(_("How to compare")),
    )
    value = forms.CharField(label=_("value"), required=False, max_length=2000, widget=_text(_("Value")))


class EffectForm(forms.Form):
    kind = forms.ChoiceField(label=_("kind"), choices=EFFECTS, widget=_select(_("What members get")))
    points = forms.CharField(
        label=_("points"), required=False, max_length=30, widget=_text(_("Points"), _("points"))
    )
    per = forms.CharField(
        label=_("per"), required=False, max_length=30, widget=_text(_("For each amount of"), "1.00")
    )
    factor = forms.CharField(label=_("factor"), required=False, max_length=30, widget=_text(_("Factor"), "2"))
    wallet_type = forms.ChoiceField(label=_("kind of points"), widget=_select(_("Kind of points")))

    def __init__(self, *args: Any, wallet_types: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["wallet_type"].choices = wallet_types  # type: ignore[attr-defined]


class ExpiryForm(forms.Form):
    """When the campaign's points are gone."""

    kind = forms.ChoiceField(
        label=_("expire"),
        required=False,
        choices=[("", _("as the tier or the kind of points says")), *EXPIRY_RULES],
        widget=_select(_("When the points expire")),
    )
    number = forms.CharField(required=False, max_length=9, widget=_text(_("How many"), "12"))
    date = forms.CharField(
        required=False,
        max_length=10,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date", "aria-label": _("Last day")}),
    )


class PendingForm(forms.Form):
    """What the campaign's points wait for before they can be spent."""

    kind = forms.ChoiceField(
        label=_("can be spent"),
        required=False,
        choices=[
            ("", _("as the kind of points says")),
            ("days", _("after some days")),
            ("until", _("from a day on")),
            ("event", _("once an event comes")),
        ],
        widget=_select(_("When the points can be spent")),
    )
    days = forms.CharField(required=False, max_length=9, widget=_text(_("Days"), "14"))
    until = forms.CharField(
        required=False,
        max_length=10,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date", "aria-label": _("From this day on")}),
    )
    event = forms.CharField(
        required=False, max_length=60, widget=_text(_("Event type"), _("such as order.shipped"))
    )
    cancel_after_days = forms.CharField(
        required=False, max_length=9, widget=_text(_("Cancelled after so many days"), "60")
    )


ConditionRows = forms.formset_factory(ConditionForm, extra=0, can_delete=True, max_num=50)
EffectRows = forms.formset_factory(EffectForm, extra=0, can_delete=True, max_num=20)
NEW: Final = {
    "trigger": "sale",
    "match": "all",
    "conditions": [],
    "effects": [{"kind": "points_per_unit", "points": "1", "per": "1.00"}],
}


class DefinitionForm:
    """The parts of the guided form together: read from a definition, written to one."""

    def __init__(
        self, *, program: Program, data: Any = None, initial: Mapping[str, Any] | None = None
    ) -> None:
        shown: Mapping[str, Any] = initial or NEW
        wallet_types = list(
            WalletType.objects.filter(program=program)
            .order_by("-is_spendable", "name")
            .values_list("key", "name")
        )
        self.wallet_types = wallet_types
        self.when = WhenForm(data, program=program, initial=shown, prefix="when")
        self.conditions = ConditionRows(data, initial=shown.get("conditions"), prefix="conditions")
        self.effects = EffectRows(
            data, initial=shown.get("effects"), prefix="effects", form_kwargs={"wallet_types": wallet_types}
        )

        self.dates = {
            "expiry": ExpiryForm(data, initial=shown.get("expiry"), prefix="expiry"),
            "pending": PendingForm(data, initial=shown.get("pending"), prefix="pending"),
        }

    def is_valid(self) -> bool:
        """Whether rows and fields could be read; whether they make sense is the engine's to say."""
        parts: tuple[Any, ...] = (self.when, self.conditions, self.effects, *self.dates.values())
        # Each of them is asked, so that all mistakes are told at once.
        answers = [part.is_valid() for part in parts]
        return all(answers)

    def definition(self) -> dict[str, Any]:
        values = self.when.cleaned_data
        return drafting.assembled(
            {
                **values,
                "conditions": [
                    form.cleaned_data for form in _kept(self.conditions) if form.cleaned_data.get("fact")
                ],
                "effects": [form.cleaned_data for form in _kept(self.effects)],
                **{name: form.cleaned_data for name, form in self.dates.items()},
            }
        )

    def point_out(self, problems: Iterable[tuple[str, str]]) -> list[str]:
        """Put each problem to the field that its pointer names; what has no field comes back."""
        homeless = []
        for pointer, text in problems:
            place = self._place(pointer)
            if place is None:
                homeless.append(text)
            else:
                form, field = place
                # What the form says once is wrong in each effect.
                if text not in form.errors.get(field, ()):
                    form.add_error(field, text)
        return homeless

    def _place(self, pointer: str) -> tuple[forms.Form, str] | None:
        dates = re.match(r"#/effects/\d+/(expiry|pending)(?:/(\w+))?", pointer)
        if dates:
            form = self.dates[dates[1]]
            return form, dates[2] if dates[2] in form.fields else "kind"
        row = re.match(r"#/(?:conditions/(?:all|any)|(effects))/(\d+)(?:/(\w+))?", pointer)
        if row:
            rows = (
                _kept(self.effects)
                if row[1]
                else [form for form in _kept(self.conditions) if form["fact"].value()]
            )
            field = row[3] or ("kind" if row[1] else "value")
            form = rows[int(row[2])]
            return form, field if field in form.fields else next(iter(form.fields))
        last = pointer.rpartition("/")[2]
        if last in ("event_type", "starts_at", "ends_at"):
            return self.when, last
        return None


def _kept(rows: Any) -> list[forms.Form]:
    return [form for form in rows.forms if not (rows.is_bound and rows._should_delete_form(form))]
