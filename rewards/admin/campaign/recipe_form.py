"""The short form of a recipe: a field for each of its questions, a name, and the kind of points."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from rewards.engine import definition as engine
from rewards.engine.catalogue import WEEKDAYS
from rewards.engine.operands import TEXT_AT_MOST
from rewards.engine.reasons import Reason
from rewards.engine.timing import EVENT_TYPE
from rewards.recipes import recipe
from rewards.recipes.recipe import Answers, Definition, Question, Recipe, Setting

WORDS_AT_MOST: Final = 200
INPUT: Final = {"class": "rg-input", "autocomplete": "off"}


class WordsField(forms.CharField):
    """Texts, one a line."""

    def to_python(self, value: Any) -> Any:
        lines = value if isinstance(value, list) else str(value or "").splitlines()
        return list(dict.fromkeys(text for line in lines if (text := line.strip())))

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def validate(self, value: Any) -> None:
        super().validate(value)
        if len(value) > WORDS_AT_MOST or any(len(text) > TEXT_AT_MOST for text in value):
            raise forms.ValidationError(
                _("At most %(lines)d lines of %(letters)d letters each.")
                % {"lines": WORDS_AT_MOST, "letters": TEXT_AT_MOST}
            )

    def run_validators(self, value: Any) -> None:
        """Those of a text do not fit a list of them."""


class FactorField(forms.DecimalField):
    def validate(self, value: Any) -> None:
        super().validate(value)
        if value is not None and value <= 1:
            raise forms.ValidationError(_("More than 1, or nobody gets more."))


class RecipeForm(forms.Form):
    """Bound to a recipe and a setting; `definition()` is what the answers make."""

    def __init__(self, *args: Any, of: Recipe, setting: Setting, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.of, self.setting = of, setting
        for question in of.questions:
            field = _field(question, setting)
            field.initial = question.usual_in(setting)
            field.question = question  # type: ignore[attr-defined]
            self.fields[question.key] = field
        if len(setting.wallet_types) > 1 and of.key != "stamp-card":
            self.fields["wallet_type"] = forms.ChoiceField(
                label=_("As"),
                choices=setting.wallet_types,
                initial=setting.wallet_types[0][0],
                widget=forms.Select(INPUT),
            )
        self.fields["name"] = forms.CharField(
            label=_("Name of the campaign"), max_length=100, initial=of.name, widget=forms.TextInput(INPUT)
        )

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        first, last = values.get("first_day"), values.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", _("Not before the first day."))
        start, end = values.get("start"), values.get("end")
        if start is not None and start == end:
            self.add_error("end", _("Another time than the beginning."))
        if not self.errors:
            for problem in engine.problems(self.definition()):
                self.add_error(None, problem.text())
        return values

    def definition(self) -> Definition:
        """Of a valid form."""
        answers: Answers = self.cleaned_data
        chosen = self.cleaned_data.get("wallet_type") or self.setting.wallet_types[0][0]
        return self.of.definition(answers, self.setting, wallet_type=chosen)

    def rows(self) -> list[dict[str, Any]]:
        """The fields with what stands around them, the name last."""
        return [{"field": self[name], **_around(field, self.setting)} for name, field in self.fields.items()]


def _around(field: forms.Field, setting: Setting) -> Mapping[str, Any]:
    question: Question | None = getattr(field, "question", None)
    if question is None:
        return {"kind": "name", "unit": ""}
    unit = setting.currency if question.kind == recipe.MONEY else question.unit
    return {"kind": question.kind, "unit": unit, "offers": question.offers}


def _field(question: Question, setting: Setting) -> forms.Field:
    about: dict[str, Any] = {
        "label": question.label,
        "help_text": question.help,
        "required": not question.is_optional,
    }
    match question.kind:
        case recipe.POINTS | recipe.NUMBER:
            return forms.IntegerField(
                min_value=question.low, max_value=question.high, widget=forms.NumberInput(INPUT), **about
            )
        case recipe.MONEY:
            least, most = Decimal("0.01"), Decimal("999999.99")
            return forms.DecimalField(
                min_value=least, max_value=most, decimal_places=2, widget=_number(), **about
            )
        case recipe.FACTOR:
            return FactorField(max_value=Decimal(1000), decimal_places=2, widget=_number(), **about)
        case recipe.TIME:
            return forms.TimeField(widget=forms.TimeInput(INPUT | {"type": "time"}, format="%H:%M"), **about)
        case recipe.DAY:
            return forms.DateField(
                widget=forms.DateInput(INPUT | {"type": "date"}, format="%Y-%m-%d"),
                input_formats=["%Y-%m-%d"],
                **about,
            )
        case recipe.TEXT:
            known = RegexValidator(
                f"^{EVENT_TYPE.pattern}", _("Letters, digits, points, hyphens and underscores.")
            )
            return forms.CharField(max_length=60, validators=[known], widget=forms.TextInput(INPUT), **about)
    return _choosing(question, setting, about)


def _choosing(question: Question, setting: Setting, about: dict[str, Any]) -> forms.Field:
    if question.kind == recipe.WEEKDAYS:
        days = [(day, Reason(day).text()) for day in WEEKDAYS]
        return forms.MultipleChoiceField(choices=days, widget=forms.CheckboxSelectMultiple, **about)
    if question.kind == recipe.CHOICE:
        choices = setting.offered(question.offers)
        return forms.ChoiceField(choices=choices, widget=forms.Select(INPUT), **about)
    if question.kind == recipe.CHOICES and question.offers in setting.offers:
        choices = setting.offered(question.offers)
        return forms.MultipleChoiceField(choices=choices, widget=forms.CheckboxSelectMultiple, **about)
    return WordsField(widget=forms.Textarea(INPUT | {"rows": 3}), **about)


def _number() -> forms.NumberInput:
    return forms.NumberInput(INPUT | {"step": "any"})
