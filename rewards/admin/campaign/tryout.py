"""One made-up or real activity, and what every campaign says of it: the draft's page to try it out."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from loyalty.core import clock
from loyalty.core.admin import render
from members import search
from members.models import Member, MemberStatus, WalletType
from rewards.admin.campaign.tabs import CampaignPages, Tab, campaign_of, missing_of, page, show
from rewards.admin.campaign.tryout_form import (
    MADE_UP,
    MEMBER,
    SALE,
    STORED,
    LineFormSet,
    TryForm,
    initial_of,
    lines_of,
    trigger_kind,
)
from rewards.engine.facts import MemberFacts
from rewards.engine.limits import Usage
from rewards.models import Activity, ActivityKind, Campaign
from rewards.planning import trying
from rewards.telling import explaining, wording

TAB = Tab("tryout", _("Try out"))
LAST_SHOWN: Final = 6
SEE_MEMBERS: Final = "members.view_member"
SEE_ACTIVITIES: Final = "rewards.view_activity"


def urls(pages: CampaignPages) -> list[URLPattern]:
    return [
        page(pages, "tryout", tryout_view),
        page(pages, "tryout/verdicts", verdicts_view, name="tryout_verdicts"),
    ]


@dataclass(frozen=True, slots=True)
class ShownVerdict:
    """One campaign's verdict in words."""

    name: str
    is_draft: bool
    has_matched: bool
    points: list[tuple[str, int]]
    text: str
    variant: str

    @property
    def gives(self) -> bool:
        return self.has_matched and bool(self.points or self.text)


def tryout_view(pages: CampaignPages, request: HttpRequest, campaign_id: str) -> HttpResponse:
    """The form, filled in by a real sale if one is named, with the verdicts on what it says."""
    campaign = campaign_of(pages, request, campaign_id)
    activity = _activity(request, campaign)
    form, lines = _forms(request, campaign, activity)
    found = _found_sales(request, campaign)
    context: dict[str, Any] = {
        "title": _now("Try out %(campaign)s") % {"campaign": campaign},
        "form": form,
        "lines": lines,
        "activity": activity,
        "may_see_members": request.user.has_perm(SEE_MEMBERS),
        "may_see_sales": request.user.has_perm(SEE_ACTIVITIES),
        "term": request.GET.get("q", "").strip(),
        **found,
        **_outcome(request, campaign, form, lines, activity),
    }
    return show(pages, request, campaign, "admin/rewards/campaign/tryout/page.html", context, tab="tryout")


def verdicts_view(pages: CampaignPages, request: HttpRequest, campaign_id: str) -> HttpResponse:
    """What the form says now, as a piece of the page."""
    campaign = campaign_of(pages, request, campaign_id)
    activity = _activity(request, campaign)
    form, lines = _forms(request, campaign, activity)
    context = {"campaign": campaign, "form": form, "lines": lines}
    context |= _outcome(request, campaign, form, lines, activity)
    return render(request, pages, "admin/rewards/campaign/tryout/verdicts.html", context)


def _activity(request: HttpRequest, campaign: Campaign) -> Activity | None:
    """
    The real sale or event that is tried.

    :raises Http404: if the program has none with that id
    """
    named = request.POST.get("activity") or request.GET.get("activity")
    if not named:
        return None
    if not request.user.has_perm(SEE_ACTIVITIES):
        raise PermissionDenied
    try:
        rows = Activity.objects.of(campaign.program).exclude(kind=ActivityKind.RETURN)
        activity = rows.select_related("member").filter(pk=UUID(named)).first()
    except ValueError:
        activity = None
    if activity is None:
        raise Http404(_now("There is no such sale or event in this program."))
    return activity


def _forms(request: HttpRequest, campaign: Campaign, activity: Activity | None) -> tuple[TryForm, Any]:
    program = campaign.program
    if request.method == "POST":
        form = TryForm(request.POST, program=program, activity=activity)
        return form, LineFormSet(request.POST, prefix="lines")
    if activity is not None:
        facts = explaining.facts_of(activity, program)
        first, lines = initial_of(facts, kind=trigger_kind(facts.activity))
        known = {"member": str(activity.member_id), "who": STORED}
        form = TryForm(initial=first | known, program=program, activity=activity)
        return form, LineFormSet(initial=lines, prefix="lines")
    trigger = (campaign.draft or {}).get("trigger") or {}
    local = clock.now(program).astimezone(TryForm(program=program).zone).replace(tzinfo=None)
    initial = {
        "kind": trigger.get("kind", SALE),
        "event_type": trigger.get("event_type", ""),
        "amount": "50.00",
        "moment": local,
        "who": MADE_UP,
        "enrolled_date": local.date(),
    }
    return TryForm(initial=initial, program=program), LineFormSet(prefix="lines")


def _found_sales(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    """By the number of a receipt, or the last ones of the member who is searched for."""
    term = request.GET.get("q", "").strip()
    if not term or not request.user.has_perm(SEE_ACTIVITIES):
        return {"sales": []}
    rows = Activity.objects.of(campaign.program).exclude(kind=ActivityKind.RETURN).select_related("member")
    sales = list(rows.filter(external_id=term).order_by("-pk")[:LAST_SHOWN])
    if not sales and request.user.has_perm(SEE_MEMBERS):
        member = _member(term, campaign)
        if member is not None:
            sales = list(rows.filter(member=member).order_by("-occurred_at", "-pk")[:LAST_SHOWN])
    return {"sales": sales}


def _member(term: str, campaign: Campaign) -> Member | None:
    """The one who is known by exactly that, or else the first who is found by it."""
    program = campaign.program
    rows = search.find(term, program=program).exclude(
        status__in=[MemberStatus.MERGED, MemberStatus.ERASED, MemberStatus.BLOCKED]
    )
    return rows.order_by(search.is_known_exactly(term, program=program).desc(), "-pk").first()


def _outcome(
    request: HttpRequest, campaign: Campaign, form: TryForm, lines: Any, activity: Activity | None
) -> dict[str, Any]:
    """The verdicts; a page that was just opened is judged by what it is filled in with."""
    missing = missing_of(campaign)
    shown: dict[str, Any] = {"missing": missing, "has_draft": bool(campaign.draft) and not missing}
    if request.method != "POST":
        form, lines = _bound(form, lines, campaign, activity)
    if not (form.is_valid() and lines.is_valid()):
        return shown | {"is_incomplete": True}
    try:
        judged, member = _judged(request, campaign, form, lines, activity)
    except ValueError as error:
        return shown | {"is_incomplete": True, "refusal": str(error)}
    if judged is None:
        return shown | {"is_incomplete": True, "refusal": _now("Nobody is found by that.")}
    names = dict(WalletType.objects.filter(program=campaign.program).values_list("key", "name"))
    return shown | {
        "verdicts": [_shown(verdict, campaign, names) for verdict in judged.verdicts],
        "totals": [(names.get(key, key), points) for key, points in judged.points.items()],
        "judged_member": member,
        "facts": judged.facts,
    }


def _bound(form: TryForm, lines: Any, campaign: Campaign, activity: Activity | None) -> tuple[TryForm, Any]:
    """The same forms as if their initial values had been sent."""
    data: dict[str, Any] = {
        name: form.get_initial_for_field(field, name) or "" for name, field in form.fields.items()
    }
    data["moment"] = data["moment"].isoformat(timespec="seconds")
    rows = list(lines.initial or [])
    data |= {"lines-TOTAL_FORMS": len(rows), "lines-INITIAL_FORMS": len(rows)}
    for number, row in enumerate(rows):
        data |= {f"lines-{number}-{name}": value for name, value in row.items()}
    return TryForm(data, program=campaign.program, activity=activity), LineFormSet(data, prefix="lines")


def _judged(
    request: HttpRequest, campaign: Campaign, form: TryForm, lines: Any, activity: Activity | None
) -> tuple[trying.Judged | None, Member | None]:
    program = campaign.program
    book = trying.rulebook(program, at=clock.now(program), campaign=campaign)
    reported = form.activity_facts(lines_of(lines))
    member: Member | None = None
    person: MemberFacts | None
    who = form.cleaned_data["who"]
    if who == STORED and activity is not None:
        person, member = explaining.facts_of(activity, program).member, activity.member
    elif who == MEMBER and request.user.has_perm(SEE_MEMBERS):
        member = _member(form.cleaned_data["member"], campaign)
        if member is None:
            return None, None
        person = trying.person(member, reported, moment=form.local, program=program, book=book)
    else:
        person = form.made_up(book.asks(reported.kind, reported.event_type).history)
    if person is None:
        return None, None
    facts = trying.facts_of(reported, person, local=form.local)
    usage = trying.used_by(member, facts, program=program, book=book) if who != STORED else Usage()
    return trying.judge(facts, program=program, book=book, usage=usage, draft=campaign.key), member


def _shown(verdict: Any, campaign: Campaign, names: dict[str, str]) -> ShownVerdict:
    points: dict[str, int] = {}
    for award in verdict.awards:
        points[award.wallet_type] = points.get(award.wallet_type, 0) + award.points
    return ShownVerdict(
        name=verdict.name,
        is_draft=verdict.campaign_key == campaign.key,
        has_matched=verdict.has_matched,
        points=[(names.get(key, key), number) for key, number in points.items()],
        text=wording.verdict(verdict, program=campaign.program),
        variant=verdict.variant,
    )
