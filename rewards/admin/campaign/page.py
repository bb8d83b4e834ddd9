"""The page on which a campaign is made and changed: its name, its definition and the sentence."""

import json
from typing import Any

from django import forms
from django.db import models
from django.http import HttpRequest
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from loyalty.core.admin.base import ProgramForm
from loyalty.core.models import Program
from rewards import drafting, wording
from rewards.admin.campaign.definition_form import DefinitionForm, MomentField, catalogue
from rewards.models import Campaign, CampaignVersion

VERSIONS_SHOWN = 20


class CampaignForm(ProgramForm):
    """What a campaign is called. Its key is made from the name and stays."""

    class Meta:
        model = Campaign
        fields = ("name", "description")
        widgets = {
            "name": UnfoldAdminTextInputWidget(attrs={"placeholder": _("Double points on Saturdays")}),
            "description": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        }

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if self.instance._state.adding and values.get("name"):
            self.instance.key = _free_key(slugify(values["name"])[:36] or "campaign", self.instance.program)
        return values


def _free_key(wanted: str, program: Program) -> str:
    taken = set(
        Campaign.objects.filter(program=program, key__startswith=wanted).values_list("key", flat=True)
    )
    names = (wanted, *(f"{wanted}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


class CampaignPage:
    """The form of one campaign, bound to a request."""

    def __init__(self, request: HttpRequest, campaign: Campaign, *, may_edit: bool) -> None:
        self.campaign, self.may_edit = campaign, may_edit
        self.data = request.POST if request.method == "POST" and may_edit else None
        self.rows = drafting.rows(campaign.draft) if campaign.draft else None
        self.is_simple = self.rows is not None or not campaign.draft
        self.effective_at: Any = None
        self.homeless: list[str] = []
        self.names = type("Form", (CampaignForm,), {"program": campaign.program})(
            self.data, instance=campaign
        )
        self.definition = DefinitionForm(
            program=campaign.program, data=self.data if self.is_simple else None, initial=self.rows
        )

    def is_valid(self) -> bool:
        if self.data is None:
            return False
        return all(
            [
                self.names.is_valid(),
                not self.is_simple or self.definition.is_valid(),
                self._read_effective_at(),
            ]
        )

    def _read_effective_at(self) -> bool:
        field = MomentField(required=False)
        field.zone = self.definition.when.fields["starts_at"].zone  # type: ignore[attr-defined]
        try:
            text = field.clean(self.data.get("effective_at", ""))  # type: ignore[union-attr]
        except forms.ValidationError as error:
            self.homeless += error.messages
            return False
        self.effective_at = forms.DateTimeField().to_python(text) if text else None
        return True

    def save(self) -> None:
        """Only what the form shows: where the campaign is in its life, steps alone say."""
        if self.is_simple:
            self.campaign.draft = self.definition.definition()
        if self.campaign._state.adding:
            self.names.save()
        else:
            fields = [*self.names.fields, *(["draft"] if self.is_simple else [])]
            self.campaign.save(update_fields=fields)

    def point_out(self, problems: list[tuple[str, str]]) -> None:
        self.homeless += (
            self.definition.point_out(problems) if self.is_simple else [text for _pointer, text in problems]
        )

    def context(self) -> dict[str, Any]:
        campaign = self.campaign
        versions: models.QuerySet[CampaignVersion] | list[CampaignVersion] = []
        if not campaign._state.adding:
            versions = campaign.versions.select_related("published_by").order_by("-number")[:VERSIONS_SHOWN]
        return {
            "campaign": campaign,
            "is_new": campaign._state.adding,
            "names": self.names,
            "form": self.definition,
            "is_simple": self.is_simple,
            "may_edit": self.may_edit,
            "homeless": self.homeless,
            "draft_json": json.dumps(campaign.draft, indent=2, ensure_ascii=False),
            "catalogue": catalogue(),
            "versions": versions,
            **spoken(campaign.draft or None, campaign.program),
        }


def spoken(definition: dict[str, Any] | None, program: Program) -> dict[str, Any]:
    """The sentence, or what is missing for one."""
    if definition is None:
        return {"sentence": "", "problems": []}
    return {
        "sentence": wording.sentence(definition, program=program),
        "problems": [text for _pointer, text in wording.problems(definition)],
    }
