"""The builder's tree of conditions as a field of any form, such as that of a segment."""

from typing import Any

from django import forms
from django.forms.renderers import TemplatesSetting
from django.urls import reverse
from django.utils.safestring import SafeString

from loyalty.core.models import Program
from rewards.admin.building.offered import vocabulary
from rewards.admin.building.words import words


class ConditionTreeWidget(forms.Widget):
    """
    Builds a tree of conditions over one scope of facts, such as `member`.

    Its value is the tree as JSON text, as `forms.JSONField` takes it; empty without conditions. The
    form's page shows `form.media`, and `form.program` is whose facts are offered.
    """

    template_name = "admin/rewards/building/tree.html"

    class Media:
        css = {"all": ("rewards/builder.css",)}
        js = ("rewards/builder.js",)

    def __init__(
        self, *, program: Program, scope: str = "member", attrs: dict[str, Any] | None = None
    ) -> None:
        super().__init__(attrs)
        self.program, self.scope = program, scope

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        """By a template of the project, which forms by themselves look for in apps alone."""
        return super().render(name, value, attrs, TemplatesSetting())

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        tree = _tree(value)
        context["widget"]["value"] = value if tree is not None else ""
        context["widget"]["settings_id"] = f"{context['widget']['attrs'].get('id', name)}-settings"
        context["widget"]["settings"] = {
            "words": words(),
            "vocabulary": vocabulary(self.program, used=tree),
            "definition": {} if tree is None else {"conditions": tree},
            "judgement": None,
            "isDisabled": bool(context["widget"]["attrs"].get("disabled")),
            "isShowingAll": "aria-invalid" in context["widget"]["attrs"],
            "campaign": "",
            "scope": self.scope,
            "checkUrl": f"{reverse('admin:rewards_campaign_check')}?scope={self.scope}",
            "outlookUrl": f"{reverse('admin:rewards_campaign_outlook')}?scope=member",
            "choicesUrl": reverse("admin:rewards_campaign_choices", args=["LIST"]),
        }
        return context


def _tree(value: Any) -> Any:
    """The tree that the text says; None of a text that says none."""
    if not isinstance(value, str):
        return value
    try:
        return forms.JSONField(required=False).to_python(value)
    except (forms.ValidationError, RecursionError):
        return None
