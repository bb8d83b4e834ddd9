"""
What can be done next with a campaign: the panel beside its form, and the address its buttons lead to.

The page that shows the panel includes `admin/rewards/campaign/next.html` and gives it what `panel()`
returns.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import URLPattern, path, reverse
from django.utils.dateparse import parse_datetime
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from loyalty.core import approvals, clock
from loyalty.core.admin import user_of
from loyalty.core.errors import DomainError, InvalidInput
from loyalty.core.models import Approval, User
from rewards.admin.campaign.tabs import CampaignPages, campaign_of
from rewards.engine.problems import InvalidDefinition
from rewards.models import NEVER_PUBLISHED, Campaign, CampaignStatus
from rewards.planning import campaigns, publishable, reviews, spans

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

SUBMIT, APPROVE = "rewards.submit_campaign", "rewards.approve_campaign"
PUBLISH, CHANGE = "rewards.publish_campaign", "rewards.change_campaign"


@dataclass(frozen=True, slots=True)
class Order:
    """A step that somebody asks for at a page."""

    campaign: Campaign
    by: User
    at: datetime
    data: QueryDict

    @property
    def number(self) -> int:
        """:raises InvalidInput: if it is no version's number"""
        text = self.data.get("number", "")
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise InvalidInput(_("Choose a version."), pointer="#/number")
        return int(text)

    @property
    def effective_at(self) -> datetime:
        """In the program's time zone, as a browser's field gives it. :raises InvalidInput: if it is none"""
        try:
            moment = parse_datetime(self.data.get("effective_at", ""))
        except ValueError:
            moment = None
        if moment is None:
            raise InvalidInput(_("Enter a date and a time."), pointer="#/effective_at")
        return moment.replace(tzinfo=ZoneInfo(self.campaign.program.time_zone))


@dataclass(frozen=True, slots=True)
class Step:
    """What a button does, who may, and what is said then."""

    permission: str
    do: Callable[[Order], object]
    done: "_StrPromise"


def _publish(order: Order) -> object:
    return campaigns.publish(order.campaign, definition=order.campaign.draft, by=order.by, at=order.at)


def _schedule(order: Order) -> object:
    return campaigns.schedule(
        order.campaign,
        definition=order.campaign.draft,
        by=order.by,
        at=order.at,
        effective_at=order.effective_at,
    )


def _decide(order: Order, decide: Callable[..., Approval]) -> None:
    """Whoever decides is checked where requests are decided."""
    if order.campaign.approval_id is None:
        raise approvals.NotWaiting(_("“%(name)s” is not in review.") % {"name": order.campaign})
    note = order.data.get("note", "")
    decide(order.campaign.approval_id, program=order.campaign.program, by=order.by, at=order.at, note=note)


def _submit(order: Order) -> object:
    return reviews.submit(order.campaign, by=order.by, at=order.at, note=order.data.get("note", ""))


STEPS: Final[dict[str, Step]] = {
    "submit": Step(SUBMIT, _submit, gettext_lazy("Submitted: somebody else looks at it now.")),
    "withdraw": Step(
        SUBMIT,
        lambda order: reviews.withdraw(order.campaign, by=order.by, at=order.at),
        gettext_lazy("Withdrawn: the draft can be changed again."),
    ),
    "approve": Step(
        APPROVE,
        lambda order: _decide(order, approvals.approve),
        gettext_lazy("Approved: it can be published."),
    ),
    "reject": Step(
        APPROVE, lambda order: _decide(order, approvals.reject), gettext_lazy("Rejected, with your reason.")
    ),
    "publish": Step(PUBLISH, _publish, gettext_lazy("Published.")),
    "schedule": Step(PUBLISH, _schedule, gettext_lazy("Scheduled: it starts by itself.")),
    "call_off": Step(
        PUBLISH,
        lambda order: campaigns.call_off(order.campaign, by=order.by, at=order.at),
        gettext_lazy("Called off: what was scheduled will not begin."),
    ),
    "pause": Step(
        PUBLISH,
        lambda order: campaigns.pause(order.campaign, by=order.by, at=order.at),
        gettext_lazy("Paused: nobody earns by it for now."),
    ),
    "resume": Step(
        PUBLISH,
        lambda order: campaigns.resume(order.campaign, by=order.by, at=order.at),
        gettext_lazy("It runs on."),
    ),
    "end": Step(
        PUBLISH,
        lambda order: campaigns.end(order.campaign, by=order.by, at=order.at),
        gettext_lazy("Ended for good."),
    ),
    "revert": Step(
        PUBLISH,
        lambda order: campaigns.revert(order.campaign, number=order.number, by=order.by, at=order.at),
        gettext_lazy("Members earn by the older version again, from now on."),
    ),
    "redraft": Step(
        CHANGE,
        lambda order: campaigns.redraft(order.campaign, number=order.number),
        gettext_lazy("The older version is your draft now. Members earn by it once it is published."),
    ),
    "archive": Step(
        CHANGE,
        lambda order: campaigns.archive(order.campaign, by=order.by, at=order.at),
        gettext_lazy("Put into the archive: the list shows it only if one asks for it."),
    ),
    "unarchive": Step(
        CHANGE,
        lambda order: campaigns.unarchive(order.campaign, by=order.by, at=order.at),
        gettext_lazy("Back in the list."),
    ),
}


def urls(pages: CampaignPages) -> list[URLPattern]:
    view = require_POST(lambda request, campaign_id, step: step_view(pages, request, campaign_id, step))
    return [
        path(
            "<uuid:campaign_id>/step/<slug:step>/",
            pages.admin_site.admin_view(view),
            name="rewards_campaign_step",
        )
    ]


def step_view(pages: CampaignPages, request: HttpRequest, campaign_id: str, step: str) -> HttpResponse:
    """One step of a campaign's life, told in words whether it could be done or not."""
    if step not in STEPS:
        raise Http404
    if not request.user.has_perm(STEPS[step].permission):
        raise PermissionDenied
    campaign = campaign_of(pages, request, campaign_id)
    take(request, campaign, step)
    return HttpResponseRedirect(_back(request, campaign))


def take(request: HttpRequest, campaign: Campaign, step: str) -> bool:
    """Whether it was done; the page says why not."""
    now = clock.now(campaign.program)
    try:
        STEPS[step].do(Order(campaign, user_of(request), now, request.POST))
    except InvalidDefinition as invalid:
        messages.error(request, " ".join(problem.text() for problem in invalid.problems[:3]))
    except DomainError as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.success(request, STEPS[step].done)
        return True
    return False


def _back(request: HttpRequest, campaign: Campaign) -> str:
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}):
        return wanted
    return reverse("admin:rewards_campaign_change", args=[campaign.pk])


@dataclass(frozen=True, slots=True)
class Panel:
    """
    What is true of the campaign now and which buttons the person gets, by the names of their steps.

    `steps` hold what the state allows and the person may do.
    """

    campaign: Campaign
    approval: Approval | None
    is_in_review: bool
    is_own: bool
    needs_approval: bool
    steps: frozenset[str]
    may_edit: bool
    upcoming: list[spans.Span] = field(default_factory=list)
    run: spans.Span | None = None


_BY_STATUS: Final[dict[str, tuple[str, ...]]] = {
    CampaignStatus.DRAFT: ("submit", "publish", "schedule", "archive"),
    CampaignStatus.IN_REVIEW: ("approve", "reject", "withdraw"),
    CampaignStatus.APPROVED: ("publish", "schedule"),
    CampaignStatus.SCHEDULED: ("submit", "publish", "schedule", "call_off"),
    CampaignStatus.RUNNING: ("submit", "publish", "schedule", "pause", "end"),
    CampaignStatus.PAUSED: ("submit", "publish", "schedule", "resume", "end"),
    CampaignStatus.ENDED: ("archive",),
    CampaignStatus.ARCHIVED: ("unarchive",),
}


def panel(request: HttpRequest, campaign: Campaign, *, may_edit: bool) -> dict[str, Any]:
    """What `next.html` shows; three queries at most."""
    user = user_of(request)
    if campaign._state.adding:
        steps = _permitted(user, {"submit", "publish", "schedule"})
        needs = campaign.program.campaigns_need_approval
        return {"next": Panel(campaign, None, False, False, needs, _by_rule(steps, needs, False), may_edit)}
    now = clock.now(campaign.program)
    approval = campaign.approval
    found = spans.spans(campaign.versions.all()) if campaign.status not in NEVER_PUBLISHED else []
    is_in_review = publishable.is_in_review(campaign)
    is_own = approval is not None and approval.requested_by_id == user.pk
    upcoming = campaigns.to_come(campaign, at=now) if found else []
    needs = campaign.program.campaigns_need_approval
    steps = set(_BY_STATUS[campaign.status])
    if is_in_review:
        steps = steps - {"submit", "publish", "schedule"} | {"approve", "reject", "withdraw"}
        steps -= {"approve", "reject"} if is_own else {"withdraw"}
    if upcoming:
        steps.add("call_off")
    is_approved = publishable.is_approved(campaign, campaign.draft)
    allowed = _by_rule(_permitted(user, steps), needs, is_approved)
    return {
        "next": Panel(
            campaign=campaign,
            approval=approval,
            is_in_review=is_in_review,
            is_own=is_own,
            needs_approval=needs,
            steps=allowed,
            may_edit=may_edit,
            upcoming=upcoming,
            run=_run(found, now),
        )
    }


def _permitted(user: User, steps: set[str]) -> set[str]:
    return {step for step in steps if user.has_perm(STEPS[step].permission)}


def _by_rule(steps: set[str], needs_approval: bool, is_approved: bool) -> frozenset[str]:
    """Where somebody else approves, there is nothing to publish before; elsewhere nothing to submit."""
    if not needs_approval:
        return frozenset(steps - {"submit"})
    return frozenset(steps - ({"submit"} if is_approved else {"publish", "schedule"}))


def _run(found: list[spans.Span], now: datetime) -> spans.Span | None:
    """When members can earn by it, now or next, whichever version they earn by."""
    runs = spans.in_a_row(spans.runs(found))
    current = spans.at(runs, now)
    return current or next((run for run in runs if run.starts_at > now), runs[-1] if runs else None)
