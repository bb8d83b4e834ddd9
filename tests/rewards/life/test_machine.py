"""Whatever people do in whatever order: the campaign is where a plain model says, or says why not."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from loyalty.core import approvals
from loyalty.core.errors import DomainError
from loyalty.core.models import Event, Program, User
from members.models import WalletType
from rewards.models import Campaign
from rewards.planning import campaigns, publishable, reviews, spans, turns
from tests import factories
from tests.rewards.life.conftest import giving
from tests.rewards.life.machine import Model, Refused

HOURS = st.sampled_from([0, 1, 3, 30])
ONE = st.one_of(
    st.tuples(st.just("edit"), st.integers(1, 3)),
    st.tuples(st.just("publish"), HOURS),
    st.tuples(st.just("wait"), HOURS),
    st.tuples(
        st.sampled_from(
            ["submit", "withdraw", "approve", "reject", "call_off", "pause", "resume", "end", "archive"]
        ),
        st.none(),
    ),
    st.tuples(st.just("unarchive"), st.none()),
).map(lambda step: [step])


def _published(points: int, hours: int) -> list[tuple[str, Any]]:
    return [("edit", points), ("submit", None), ("approve", None), ("publish", hours)]


def _interrupted(hours: int) -> list[tuple[str, Any]]:
    return [("pause", None), ("wait", hours), ("resume", None), ("wait", hours)]


# What people do in one go, so that single steps fall into the middle of a life.
SEVERAL = st.one_of(st.builds(_published, st.integers(1, 3), HOURS), st.builds(_interrupted, HOURS))
STEPS = st.lists(st.one_of(ONE, SEVERAL), min_size=4, max_size=16).map(
    lambda some: [step for steps in some for step in steps]
)


CHANGED_OVER_A_PAUSE = [*_published(1, 0), *_published(2, 3), *_interrupted(1), ("wait", 3)]
CHANGED_IN_A_PAUSE = [*_published(1, 0), ("pause", None), *_published(2, 1), ("wait", 3), ("pause", None)]
CALLED_OFF_IN_A_PAUSE = [
    *_published(1, 0), *_published(2, 3), ("pause", None), ("call_off", None), ("resume", None), ("wait", 30),
]  # fmt: skip
CALLED_OFF_AT_ALL = [*_published(1, 3), ("call_off", None), ("wait", 30), ("publish", 0), ("end", None)]


class Real:
    """The same steps by the operations, by two people."""

    def __init__(self, campaign: Campaign, *, asks: User, decides: User) -> None:
        self.campaign, self.asks, self.decides = campaign, asks, decides

    def take(self, step: str, argument: Any, now: datetime) -> None:
        # A page that was opened a while ago: operations look at the campaign as it is.
        stale = Campaign.objects.select_related("approval").get(pk=self.campaign.pk)
        if step == "edit":
            self._edit(argument)
        elif step == "publish":
            at = now + timedelta(hours=argument)
            campaigns.publish(stale, definition=stale.draft, by=self.asks, at=now, effective_at=at)
        elif step == "wait":
            turns.keep(self.campaign.program, at=now)
        elif step == "submit":
            reviews.submit(stale, by=self.asks, at=now)
        elif step == "withdraw":
            reviews.withdraw(stale, by=self.asks, at=now)
        elif step in ("approve", "reject"):
            self._decide(step, stale, now)
        else:
            getattr(campaigns, step)(stale, by=self.asks, at=now)

    def _edit(self, points: int) -> None:
        with campaigns.changing(self.campaign) as locked:
            publishable.check_may_change(locked)
            locked.draft = giving(points)
            locked.save(update_fields=["draft"])

    def _decide(self, step: str, stale: Campaign, now: datetime) -> None:
        if stale.approval_id is None:
            raise approvals.NotWaiting
        decide = getattr(approvals, step)
        program = self.campaign.program
        decide(stale.approval_id, program=program, by=self.decides, at=now, note="Because.")

    def earned(self, now: datetime) -> int | None:
        span = spans.at(spans.spans(self.campaign.versions.all()), now)
        is_on = span is not None and span.version.is_running
        return span.version.definition["effects"][0]["points"] if span and is_on else None

    def told(self) -> list[str]:
        events = Event.objects.filter(type__startswith="campaign.", data__campaign=self.campaign.key)
        return list(events.order_by("number").values_list("type", flat=True))


@pytest.mark.parametrize("needs_approval", [False, True])
@example(steps=CHANGED_OVER_A_PAUSE)
@example(steps=CHANGED_IN_A_PAUSE)
@example(steps=CALLED_OFF_IN_A_PAUSE)
@example(steps=CALLED_OFF_AT_ALL)
@given(steps=STEPS)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
def test_a_campaign_lives_as_the_model_says(
    program: Program,
    points: WalletType,
    marta: User,
    farid: User,
    needs_approval: bool,
    steps: list[tuple[str, Any]],
):
    Program.objects.filter(pk=program.pk).update(campaigns_need_approval=needs_approval)
    campaign = factories.CampaignFactory.create(program=program, draft=giving(1))
    real, model, now = Real(campaign, asks=marta, decides=farid), Model(needs_approval), factories.NOON

    for step, argument in steps:
        now += timedelta(hours=argument if step == "wait" else 0, minutes=1)
        expected = outcome(expect, model, step, argument, now)
        # Time goes by for everybody, not only for those who wait.
        turns.keep(program, at=now)
        found = outcome(real.take, step, argument, now)

        assert (step, found) == (step, expected)
        campaign.refresh_from_db()
        assert (step, campaign.status) == (step, model.status)
        assert (step, real.earned(now)) == (step, model.earned(now))
    assert real.told() == model.told


def expect(model: Model, step: str, argument: Any, now: datetime) -> None:
    model.wait(now)
    if step == "edit":
        model.edit(argument, now)
    elif step == "publish":
        model.publish(now + timedelta(hours=argument), now)
    else:
        getattr(model, step)(now)


def outcome(take: Any, *arguments: Any) -> str:
    try:
        take(*arguments)
    except Refused as refusal:
        return str(refusal)
    except DomainError as refusal:
        return refusal.code
    return "done"
