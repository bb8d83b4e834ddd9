"""The form of a segment: what it is called, and who is in it."""

import json
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from loyalty.core.admin.base import ProgramForm
from loyalty.core.errors import DomainError
from members.models import Segment, SegmentKind
from rewards import segmenting
from rewards.admin.building.plain import told
from rewards.admin.tree_widget import ConditionTreeWidget
from rewards.engine.conditions import Node
from rewards.engine.problems import InvalidDefinition


class ConditionsField(forms.CharField):
    """A tree of conditions as JSON; nothing is everybody."""

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, str):
            return value
        return json.dumps(value, indent=2, ensure_ascii=False) if value else ""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return {}
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(
                _("This cannot be read as JSON: %(error)s") % {"error": error}
            ) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool((initial or {}) != self.to_python(data))
        except forms.ValidationError:
            return True


class SegmentForm(ProgramForm):
    """A segment's key is made from its name and stays; so does its kind."""

    conditions = ConditionsField(label=_("Conditions"), required=False)

    class Meta:
        model = Segment
        fields = ("name", "description", "kind", "conditions")
        widgets = {
            "name": UnfoldAdminTextInputWidget(attrs={"placeholder": _("Coffee lovers")}),
            "description": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
            "kind": UnfoldAdminRadioSelectWidget,
        }

    def __init__(self, *args: Any, may_change: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.node: Node | None = None
        field = self.fields["conditions"]
        field.widget = ConditionTreeWidget(program=self.instance.program)
        field.disabled = not may_change
        if not self.instance._state.adding:
            del self.fields["kind"]
            if self.instance.kind == SegmentKind.LIST:
                del self.fields["conditions"]

    def clean_conditions(self) -> Any:
        """As they are stored; what is wrong with them is said one by one."""
        raw = self.cleaned_data["conditions"]
        if self.cleaned_data.get("kind", self.instance.kind) == SegmentKind.LIST:
            return {}
        try:
            self.node = segmenting.check(raw, program=self.instance.program, key=self.instance.key)
        except InvalidDefinition as invalid:
            said = [told(problem)["text"] for problem in invalid.problems]
            raise forms.ValidationError(said) from invalid
        except DomainError as refusal:
            raise forms.ValidationError(refusal.detail) from refusal
        return raw if self.node is not None else {}

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if self.instance._state.adding and values.get("name"):
            self.instance.key = segmenting.free_key(values["name"], program=self.instance.program)
        return values
