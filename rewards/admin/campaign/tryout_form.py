"""The form of a try-out: what happened, when and where, and to whom."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from loyalty.core.models import Program
from members.models import Segment, Tier
from rewards.engine.facts import ActivityFacts, Facts, LineFacts, MemberFacts
from rewards.engine.triggers import OCCASIONS, SOURCE
from rewards.models import Activity
from rewards.planning.trying import history_of

LINES_AT_MOST: Final = 50
BLANK_LINES: Final = 2
LINE_FIELDS: Final = ("sku", "category", "brand", "department", "quantity", "amount")
SALE, EVENT = "sale", "event"
STORED, MEMBER, MADE_UP = "stored", "member", "made_up"
LOCAL: Final = "%Y-%m-%dT%H:%M"
KINDS: Final = [
    (SALE, _("A sale")),
    (EVENT, _("A custom event")),
    ("return", _("A return")),
    ("member_registered", _("Somebody joins")),
    ("identifier_added", _("A card or e-mail is added")),
    ("profile_completed", _("A profile is completed")),
    ("birthday", _("A birthday")),
    ("anniversary", _("An anniversary")),
    ("tier_reached", _("A tier is reached")),
    ("segment_entered", _("A segment is entered")),
    ("referral_qualified", _("A friend was brought")),
    ("challenge_completed", _("A challenge is completed")),
    ("inactivity", _("Nothing was bought for a time")),
    ("code_entered", _("A code is entered")),
    ("check_in", _("A store is visited")),
]


def read_attributes(text: str) -> dict[str, Any]:
    """
    "name = value" on each line; numbers and yes or no are told as such.

    :raises django.forms.ValidationError: naming the line that has no "="
    """
    found: dict[str, Any] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not name:
            raise forms.ValidationError(
                _now("Write each one as name = value: “%(line)s”.") % {"line": line[:60]}
            )
        found[name] = _plain(value)
    return found


def _plain(value: str) -> str | int | bool:
    if value.casefold() in ("yes", "true"):
        return True
    if value.casefold() in ("no", "false"):
        return False
    digits = value.removeprefix("-")
    return int(value) if digits.isdecimal() and digits.isascii() and len(digits) < 15 else value


def shown_attributes(attributes: Any) -> str:
    names = {True: "yes", False: "no"}
    return "\n".join(
        f"{key} = {names[value] if isinstance(value, bool) else value}" for key, value in attributes.items()
    )


def _number(**more: Any) -> forms.NumberInput:
    return forms.NumberInput(attrs={"class": "rg-input", **more})


def _text(**more: Any) -> forms.TextInput:
    return forms.TextInput(attrs={"class": "rg-input", "autocomplete": "off", **more})


class AttributesField(forms.CharField):
    def __init__(self, label: Any) -> None:
        attrs = {"class": "rg-input", "rows": 2, "placeholder": "channel = app"}
        super().__init__(label=label, required=False, max_length=2_000, widget=forms.Textarea(attrs=attrs))

    def clean(self, value: Any) -> Any:
        return read_attributes(super().clean(value))


def _day(label: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date", "class": "rg-input"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=False, widget=widget)


class TryForm(forms.Form):
    """Whose fields are for what: `kind` and `who` say which of them count."""

    kind = forms.ChoiceField(
        label=_("What happens"), choices=KINDS, widget=forms.Select(attrs={"class": "rg-input"})
    )
    event_type = forms.CharField(
        label=_("Event type"), required=False, max_length=60, widget=_text(placeholder="app.login")
    )
    amount = forms.DecimalField(
        label=_("Amount"), required=False, min_value=0, max_digits=12, decimal_places=2,
        widget=_number(step="0.01"),
    )  # fmt: skip
    store = forms.CharField(label=_("Store"), required=False, max_length=60, widget=_text())
    moment = forms.DateTimeField(
        label=_("When"),
        input_formats=[LOCAL, "%Y-%m-%dT%H:%M:%S"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "class": "rg-input"}, format=LOCAL),
    )
    attributes = AttributesField(_("Attributes of the sale or event"))
    who = forms.ChoiceField(
        label=_("By whom"),
        choices=[
            (STORED, _("The member as they were at that sale")),
            (MEMBER, _("A member as they are now")),
            (MADE_UP, _("Somebody made up")),
        ],
        widget=forms.Select(attrs={"class": "rg-input"}),
    )
    member = forms.CharField(
        label=_("Card, e-mail, phone, outside id or name"), required=False, max_length=200, widget=_text()
    )
    tier = forms.ChoiceField(
        label=_("Tier"), required=False, widget=forms.Select(attrs={"class": "rg-input"})
    )
    balance = forms.IntegerField(
        label=_("Points balance"), required=False, min_value=0, max_value=2**53, widget=_number()
    )
    birth_date = _day(_("Birthday"))
    enrolled_date = _day(_("Member since"))
    segments = forms.MultipleChoiceField(
        label=_("Segments"),
        required=False,
        widget=forms.SelectMultiple(attrs={"class": "rg-input", "size": 3}),
    )
    member_attributes = AttributesField(_("Attributes of the member"))
    purchases = forms.IntegerField(
        label=_("Purchases before"), required=False, min_value=0, max_value=10**6, widget=_number(),
        help_text=_("In whatever time a rule asks for."),
    )  # fmt: skip
    spend = forms.DecimalField(
        label=_("Spent before"), required=False, min_value=0, max_digits=12, decimal_places=2,
        widget=_number(step="0.01"),
    )  # fmt: skip
    last_purchase = _day(_("Last purchase"))

    def __init__(self, *args: Any, program: Program, activity: Activity | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.program = program
        self.zone = ZoneInfo(program.time_zone)
        tiers = Tier.objects.filter(ladder__program=program).order_by("ladder", "threshold", "pk")
        self.fields["tier"].choices = [("", _now("none")), *tiers.values_list("key", "name")]  # type: ignore[attr-defined]
        segments = Segment.objects.of(program).in_use().order_by("name")[:200]
        self.fields["segments"].choices = list(segments.values_list("key", "name"))  # type: ignore[attr-defined]
        if activity is None:
            self.fields["who"].choices = [one for one in self.fields["who"].choices if one[0] != STORED]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("kind") == EVENT and not values.get("event_type"):
            self.add_error("event_type", _now("Say which type of event, such as app.login."))
        if values.get("who") == MEMBER and not values.get("member"):
            self.add_error("member", _now("Say who, or make somebody up."))
        return values

    @property
    def local(self) -> datetime:
        """The moment on the program's wall clock."""
        moment: datetime = self.cleaned_data["moment"]
        return moment.replace(tzinfo=None).replace(tzinfo=self.zone)

    def activity_facts(self, lines: Iterable[LineFacts]) -> ActivityFacts:
        """What happened, as the engine is told of it."""
        values = self.cleaned_data
        if values["kind"] == SALE:
            bought = tuple(lines)
            paid = sum((line.amount for line in bought), Decimal(0))
            return ActivityFacts(
                kind="sale",
                amount=paid if values["amount"] is None else values["amount"],
                store=values["store"],
                lines=bought,
                attributes=values["attributes"],
                currency=self.program.currency,
            )
        return ActivityFacts(
            kind="event",
            event_type=OCCASIONS.get(values["kind"], values["event_type"]),
            source=SOURCE if values["kind"] in OCCASIONS else "",
            attributes=values["attributes"],
            currency=self.program.currency,
        )

    def made_up(self, asked: frozenset[str]) -> MemberFacts:
        """Somebody who is not there, with the history that rules ask for."""
        values = self.cleaned_data
        last = values["last_purchase"]
        return MemberFacts(
            tier=values["tier"],
            balance=values["balance"] or 0,
            enrolled_date=values["enrolled_date"] or self.local.date(),
            birth_date=values["birth_date"],
            attributes=values["member_attributes"],
            segments=frozenset(values["segments"]),
            history=history_of(
                asked,
                purchases=values["purchases"] or 0,
                spend=values["spend"] or Decimal(0),
                last=last.isoformat() if last else None,
            ),
        )


class LineForm(forms.Form):
    """One line of the receipt; a row without an amount is none."""

    sku = forms.CharField(
        label=_("Product"), required=False, max_length=100, widget=_text(style="width: 7.2rem")
    )
    category = forms.CharField(
        label=_("Category"), required=False, max_length=100, widget=_text(style="width: 7.2rem")
    )
    brand = forms.CharField(
        label=_("Brand"), required=False, max_length=100, widget=_text(style="width: 7.2rem")
    )
    department = forms.CharField(
        label=_("Department"), required=False, max_length=100, widget=_text(style="width: 7.2rem")
    )
    quantity = forms.DecimalField(
        label=_("Pieces"), required=False, min_value=0, max_digits=12, decimal_places=3,
        widget=_number(step="any", style="width: 4.8rem"),
    )  # fmt: skip
    amount = forms.DecimalField(
        label=_("Amount"), required=False, min_value=0, max_digits=12, decimal_places=2,
        widget=_number(step="0.01", style="width: 6rem"),
    )  # fmt: skip

    def facts(self, number: int) -> LineFacts | None:
        values = self.cleaned_data
        if values.get("amount") is None:
            return None
        texts = {name: values[name] for name in ("sku", "category", "brand", "department")}
        quantity = Decimal(1) if values["quantity"] is None else values["quantity"]
        return LineFacts(id=str(number), quantity=quantity, amount=values["amount"], **texts)


LineFormSet = forms.formset_factory(
    LineForm, extra=BLANK_LINES, max_num=LINES_AT_MOST, validate_max=True, absolute_max=LINES_AT_MOST
)


def lines_of(formset: Any) -> list[LineFacts]:
    """The lines of a valid formset."""
    return [line for number, form in enumerate(formset) if (line := form.facts(number))]


def initial_of(facts: Facts, *, kind: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the form says of a real activity: its own fields, and those of the lines."""
    activity, member = facts.activity, facts.member
    first = {
        "kind": kind,
        "event_type": activity.event_type if kind == EVENT else "",
        "amount": activity.amount,
        "store": activity.store,
        "moment": facts.moment.local.replace(tzinfo=None),
        "attributes": shown_attributes(activity.attributes),
        "tier": member.tier,
        "balance": member.balance,
        "birth_date": member.birth_date,
        "enrolled_date": member.enrolled_date,
        "member_attributes": shown_attributes(member.attributes),
    }
    lines = [{name: getattr(line, name) for name in LINE_FIELDS} for line in activity.lines[:LINES_AT_MOST]]
    return first, lines


def trigger_kind(activity: ActivityFacts) -> str:
    """The kind in the form of a stored activity."""
    if activity.kind == SALE:
        return SALE
    return next((kind for kind, reserved in OCCASIONS.items() if reserved == activity.event_type), EVENT)
