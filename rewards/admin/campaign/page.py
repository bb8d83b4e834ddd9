"""The page on which a campaign is made and changed: its name, the builder, and what comes next."""

import json
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from loyalty.core.admin.base import ProgramForm
from loyalty.core.api import parsing
from loyalty.core.errors import DomainError
from rewards.admin.building.asked import judgement
from rewards.admin.building.offered import vocabulary
from rewards.admin.building.words import words
from rewards.models import Campaign, CampaignVersion
from rewards.planning import drafts, making
from rewards.telling import wording

VERSIONS_SHOWN = 20


def blank(wallet_type: str) -> dict[str, Any]:
    """What a new campaign starts from: a point for each unit of money, the commonest rule there is."""
    effect = {"kind": "points_per_unit", "wallet_type": wallet_type, "points": "1", "per": "1.00"}
    return {"trigger": {"kind": "sale"}, "effects": [effect]}


class CampaignForm(ProgramForm):
    """What a campaign is called. Its key is made from the name and stays."""

    class Meta:
        model = Campaign
        fields = ("name", "description")
        widgets = {
            "name": UnfoldAdminTextInputWidget(
                attrs={"placeholder": _("Double points on Saturdays"), "data-own-undo": ""}
            ),
            "description": UnfoldAdminTextareaWidget(attrs={"rows": 2, "data-own-undo": ""}),
        }


def names_form(campaign: Campaign, data: Any) -> CampaignForm:
    """The form of a campaign's name, in its program."""
    form: CampaignForm = type("Form", (CampaignForm,), {"program": campaign.program})(data, instance=campaign)
    return form


class MomentField(forms.CharField):
    """A moment in the program's time zone, as a browser's field for date and time gives it."""

    def __init__(self, *, zone: ZoneInfo) -> None:
        super().__init__(required=False)
        self.zone = zone

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            moment = parse_datetime(text)
        except ValueError:
            moment = None
        if moment is None:
            raise forms.ValidationError(_("Enter a date and a time."))
        return moment.replace(tzinfo=self.zone) if timezone.is_naive(moment) else moment


class CampaignPage:
    """The page of one campaign, bound to a request."""

    def __init__(self, request: HttpRequest, campaign: Campaign, *, may_edit: bool) -> None:
        self.request, self.campaign, self.may_edit = request, campaign, may_edit
        self.data = request.POST if request.method == "POST" and may_edit else None
        self.revision = drafts.revision(campaign)
        self.definition: Any = campaign.draft
        self.effective_at: Any = None
        self.homeless: list[str] = []
        self.theirs: dict[str, Any] | None = None
        self.is_telling_all = False
        self.names = names_form(campaign, self.data)

    def is_valid(self) -> bool:
        """Whether what was sent could be read; whether it makes sense is the engine's to say."""
        if self.data is None:
            return False
        self.revision = self.data.get("revision", "")
        return all([self.names.is_valid(), self._read_definition(), self._read_effective_at()])

    def _read_definition(self) -> bool:
        try:
            self.definition = parsing.loads(self.data.get("definition", "").encode())  # type: ignore[union-attr]
        except (DomainError, UnicodeEncodeError):
            self.homeless.append(_now("The rule could not be read. Nothing was changed."))
            return False
        return True

    def _read_effective_at(self) -> bool:
        field = MomentField(zone=ZoneInfo(self.campaign.program.time_zone))
        try:
            self.effective_at = field.clean(self.data.get("effective_at", ""))  # type: ignore[union-attr]
        except forms.ValidationError as error:
            self.homeless += error.messages
            return False
        return True

    def save(self) -> bool:
        """Whether the draft is kept now; if somebody else saved another meanwhile, there is a choice."""
        named = self.names.cleaned_data
        if self.campaign._state.adding:
            self.campaign.draft = self.definition
            making.begin(self.campaign)
        else:
            assert self.data is not None
            try:
                drafts.save(
                    self.campaign,
                    name=named["name"],
                    description=named["description"],
                    definition=self.definition,
                    started_from=self.data.get("revision", ""),
                )
            except drafts.DraftHasChanged as refusal:
                self.theirs = theirs(refusal.campaign)
                return False
        self.revision = drafts.revision(self.campaign)
        return True

    def point_out(self, problems: list[tuple[str, str]]) -> None:
        """Have each problem said at its field; what has none is said above."""
        self.is_telling_all = True
        told = {problem["pointer"] for problem in self._judgement()["problems"]}
        self.homeless += [text for pointer, text in problems if pointer not in told]

    def _judgement(self) -> dict[str, Any]:
        return judgement(self.definition, self.campaign.program)

    def context(self) -> dict[str, Any]:
        campaign = self.campaign
        is_new = campaign._state.adding
        offered = vocabulary(campaign.program, used=self.definition)
        if self.definition == {}:
            known = offered["wallet_types"]
            self.definition = blank(known[0]["value"] if known else "points")
        said = self._judgement()
        newest = CampaignVersion.objects.select_related("published_by").order_by("-number")
        return {
            "campaign": campaign,
            "is_new": is_new,
            "names": self.names,
            "may_edit": self.may_edit,
            "homeless": self.homeless,
            "definition": json.dumps(self.definition, ensure_ascii=False),
            "revision": self.revision,
            "versions": [] if is_new else newest.filter(campaign=campaign)[:VERSIONS_SHOWN],
            "judgement": said,
            "builder": self._settings(said, offered),
        }

    def _settings(self, said: dict[str, Any], offered: dict[str, Any]) -> dict[str, Any]:
        campaign = self.campaign
        return {
            "words": words(),
            "vocabulary": offered,
            "definition": self.definition,
            "judgement": said,
            "isDisabled": not self.may_edit,
            "isShowingAll": self.is_telling_all,
            "campaign": "" if campaign._state.adding else campaign.key,
            "checkUrl": reverse("admin:rewards_campaign_check"),
            "outlookUrl": reverse("admin:rewards_campaign_outlook"),
            "choicesUrl": reverse("admin:rewards_campaign_choices", args=["LIST"]),
            "autosaveUrl": autosave_url(campaign),
            "revision": self.revision,
            "place": _place(self.request, campaign),
            "theirs": self.theirs,
        }


def autosave_url(campaign: Campaign) -> str:
    if campaign._state.adding:
        return reverse("admin:rewards_campaign_autosave_new")
    return reverse("admin:rewards_campaign_autosave", args=[campaign.pk])


def _place(request: HttpRequest, campaign: Campaign) -> str:
    """Where the browser keeps its copy: one for each person, program and campaign."""
    name = "new" if campaign._state.adding else campaign.pk
    return f"regulars:{request.user.pk}:{campaign.program_id}:{name}"


def theirs(campaign: Campaign) -> dict[str, Any]:
    """What somebody else saved, to be chosen or replaced."""
    by, at = drafts.last_change(campaign)
    return {
        "name": campaign.name,
        "description": campaign.description,
        "definition": campaign.draft,
        "revision": drafts.revision(campaign),
        "by": by,
        "at": clock_time(at),
        "sentence": wording.sentence(campaign.draft, program=campaign.program),
    }


def clock_time(moment: Any) -> str:
    """As "12:03", in the time zone that the page speaks in."""
    return timezone.localtime(moment).strftime("%H:%M")
