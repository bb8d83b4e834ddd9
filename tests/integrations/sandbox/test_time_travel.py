"""A sandbox's time passes as it would have: everything at its moment, once, in order."""

from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from integrations.api import sandbox_clock
from integrations.models import ClockMove
from integrations.sandbox import duties, time_travel, turns
from integrations.sandbox.time_travel import ClockIsMoving, NotASandbox
from loyalty.core import clock
from loyalty.core.errors import InvalidInput
from loyalty.core.models import Event, Program
from members import enrolment, holds
from members.ledger import verify
from members.models import Entry, Member, Segment, Wallet
from members.references import MemberReference
from rewards import segmenting
from rewards.deciding.activities import Money, Sale
from rewards.journeys import earning
from rewards.planning import campaigns
from tests import factories
from tests.integrations.sandbox.conftest import travel
from tests.races import at_once

GRACE = MemberReference(kind="card", value="7")


def enrol(program: Program, card: str = "7", **more: Any) -> Member:
    return enrolment.enrol(
        program=program,
        identifiers=[("card", card)],
        actor="partner:test-suite",
        at=clock.now(program),
        **more,
    )


def sell(program: Program, receipt: str, amount: str) -> None:
    now = clock.now(program)
    sale = Sale(
        external_id=receipt, occurred_at=now, member=GRACE, amount=Money(amount=amount, currency="EUR")
    )
    earning.record(sale, program=program, source="test-suite", actor="partner:test-suite", at=now)


def hold(program: Program, points: int, **more) -> None:
    holds.place(
        member=GRACE,
        wallet_type="points",
        points=points,
        program=program,
        source="test-suite",
        actor="partner:test-suite",
        at=clock.now(program),
        **more,
    )


def told(program: Program, *types: str) -> list[tuple[str, datetime]]:
    """Types and moments of events, in the order of the log."""
    events = Event.objects.filter(program=program, type__in=types).order_by("number")
    return [(event.type, event.occurred_at) for event in events]


PER_EURO = {"kind": "points_per_unit", "points": "1", "per": "1.00"}


class TestEveryClockedTask:
    REAL_TIME = {
        # Deliveries, backtests and checks are work, not the program's time.
        "integrations.tasks.deliver_webhooks",
        "integrations.tasks.move_test_clocks",
        "integrations.tasks.prune_access_tokens",
        "integrations.tasks.prune_calls",
        "integrations.tasks.prune_deliveries",
        "loyalty.core.tasks.beat",
        "loyalty.core.tasks.prune_idempotency_records",
        "members.tasks.undo_expiry_runs",
        "rewards.tasks.check_ledgers",
        "rewards.tasks.learn_known_values",
        "rewards.tasks.pick_up_backtests",
        # They follow what was recorded, whenever that is.
        "rewards.tasks.apply_waiting_returns",
        "rewards.tasks.count_campaign_days",
        "rewards.tasks.measure_campaigns",
        "rewards.tasks.watch_budgets",
        # A part of what a move does at each moment.
        "integrations.tasks.notice_occasions",
        "rewards.tasks.keep_campaign_audiences",
    }

    def test_is_a_duty_or_said_to_go_by_real_time(self):
        scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}

        assert scheduled - {duty.task for duty in duties.DUTIES} == self.REAL_TIME


@pytest.mark.django_db
class TestAsk:
    def test_refuses_a_live_program(self, program):
        with pytest.raises(NotASandbox, match="live program"):
            time_travel.ask(program, by=timedelta(days=1), actor="partner:till")

        assert not ClockMove.objects.exists()

    @pytest.mark.parametrize(
        ("where", "pointer"),
        [
            ({}, "#"),
            ({"by": timedelta(days=1), "to": datetime(2027, 1, 1, tzinfo=UTC)}, "#"),
            ({"by": timedelta()}, "#/by"),
            ({"by": timedelta(days=-1)}, "#/by"),
            ({"by": timedelta(days=367)}, "#/by"),
            ({"by": timedelta.max}, "#/by"),
            ({"to": datetime(2020, 1, 1, tzinfo=UTC)}, "#/to"),
            ({"to": datetime(2099, 1, 1, tzinfo=UTC)}, "#/to"),
        ],
    )
    def test_refuses_what_is_no_way_forward(self, sandbox, where, pointer):
        with pytest.raises(InvalidInput) as refused:
            time_travel.ask(sandbox, actor="partner:till", **where)

        assert refused.value.pointer == pointer
        assert not ClockMove.objects.exists()

    def test_refuses_to_go_beyond_this_century(self, sandbox):
        sandbox.clock_offset = datetime(2099, 12, 1, tzinfo=UTC) - timezone.now()
        sandbox.save()

        with pytest.raises(InvalidInput, match="2100"):
            time_travel.ask(sandbox, by=timedelta(days=40), actor="partner:till")

    def test_refuses_a_second_move_until_the_first_is_done(self, sandbox):
        first = time_travel.ask(sandbox, by=timedelta(hours=1), actor="partner:till")
        with pytest.raises(ClockIsMoving):
            time_travel.ask(sandbox, by=timedelta(days=1), actor="partner:till")
        time_travel.go_on(first, seconds=10)

        time_travel.ask(sandbox, by=timedelta(days=1), actor="partner:till")


@pytest.mark.django_db(transaction=True)
class TestGoOn:
    def test_lives_through_a_members_year_in_order(self, sandbox, beans, run_campaign):
        run_campaign("base", {**PER_EURO, "pending": {"days": 14}})
        run_campaign("welcome", {"kind": "fixed_points", "points": 30}, trigger="member_registered")
        run_campaign("party", {"kind": "fixed_points", "points": 50}, trigger="birthday")
        birthday = clock.today(sandbox) + timedelta(days=40)
        grace = enrol(sandbox, birth_date=birthday.replace(year=1990))
        sell(sandbox, "r1", "80.00")

        began_at = travel(sandbox, by=timedelta(days=366))

        day = clock.local_date(sandbox, began_at)
        entries = Entry.objects.filter(member=grace).order_by("effective_at", "number")
        lived = [
            (entry.kind, entry.points, (clock.local_date(sandbox, entry.effective_at) - day).days)
            for entry in entries
        ]
        assert lived == [
            ("earn", 30, 0),
            ("earn", 80, 0),
            ("unlock", 0, 15),
            ("earn", 50, 40),
            ("expire", -110, 101),
            ("expire", -50, 141),
        ]
        assert [kind for kind, _at in told(sandbox, "member.birthday", "member.anniversary")] == [
            "member.birthday",
            "member.anniversary",
        ]
        assert Wallet.objects.get(member=grace).available == 0
        assert not list(verify.run(program=sandbox))

    def test_asks_little_on_a_day_on_which_nothing_happens(
        self, sandbox, beans, run_campaign, django_assert_max_num_queries
    ):
        enrol(sandbox)
        travel(sandbox, by=timedelta(days=2))
        move = time_travel.ask(sandbox, by=timedelta(days=10), actor="partner:test-suite")

        with django_assert_max_num_queries(10 * 70):
            time_travel.go_on(move, seconds=60)

    def test_ends_holds_when_they_would_have_ended(self, sandbox, beans, run_campaign):
        run_campaign("base", PER_EURO)
        enrol(sandbox)
        sell(sandbox, "r1", "100.00")
        hold(sandbox, 60, lives_for=timedelta(minutes=20))

        began_at = travel(sandbox, by=timedelta(hours=1))

        ((_kind, moment),) = told(sandbox, "points.released")
        assert timedelta(minutes=19) < moment - began_at < timedelta(minutes=20)
        assert Wallet.objects.get().available == 100

    def test_begins_and_ends_campaigns_on_the_way(self, sandbox, beans):
        now = clock.now(sandbox)
        times = {"starts_at": now + timedelta(days=2), "ends_at": now + timedelta(days=5, minutes=7)}
        campaign = factories.CampaignFactory.create(program=sandbox)
        campaigns.publish(
            campaign,
            definition=factories.definition(
                PER_EURO, schedule={name: moment.isoformat() for name, moment in times.items()}
            ),
            by=None,
            at=now,
        )

        travel(sandbox, by=timedelta(days=9))

        assert told(sandbox, "campaign.started", "campaign.ended") == [
            ("campaign.started", times["starts_at"]),
            ("campaign.ended", times["ends_at"]),
        ]
        campaign.refresh_from_db()
        assert campaign.status == "ended"

    def test_lets_segments_follow_the_days(self, sandbox, beans):
        grace = enrol(sandbox, birth_date=date(1990, 5, 1))
        conditions = {"all": [{"fact": "member.days_enrolled", "operator": "gte", "value": 3}]}
        segment = Segment.objects.create(
            program=sandbox, key="known", name="Known", kind="dynamic", conditions=conditions
        )
        segmenting.refresh(segment.pk, at=clock.now(sandbox))

        travel(sandbox, by=timedelta(days=5))

        ((_kind, moment),) = told(sandbox, "segment.entered")
        assert (clock.local_date(sandbox, moment) - clock.local_date(sandbox, grace.enrolled_at)).days == 3

    def test_leaves_other_programs_where_they_are(self, sandbox, beans, program):
        travel(sandbox, by=timedelta(days=3))

        program.refresh_from_db()
        assert program.clock_offset == timedelta()

    def test_goes_on_where_a_lost_process_stopped_and_does_nothing_twice(self, sandbox, beans, run_campaign):
        run_campaign("party", {"kind": "fixed_points", "points": 50}, trigger="birthday")
        grace = enrol(sandbox, birth_date=date(1990, 1, 1))
        move = time_travel.ask(sandbox, by=timedelta(days=366), actor="partner:test-suite")
        assert not time_travel.go_on(move, seconds=0.2)
        ClockMove.objects.update(reached_at=move.from_at)

        assert time_travel.go_on(move, seconds=60)

        assert Entry.objects.filter(member=grace, kind="earn").count() == 1
        assert not list(verify.run(program=sandbox))

    def test_is_done_once_by_two_at_once(self, sandbox, beans, run_campaign):
        run_campaign("party", {"kind": "fixed_points", "points": 50}, trigger="birthday")
        grace = enrol(sandbox, birth_date=date(1990, 1, 1))
        move = time_travel.ask(sandbox, by=timedelta(days=366), actor="partner:test-suite")

        assert at_once(2, lambda number: time_travel.go_on(move, seconds=60)) == [True, True]

        assert Entry.objects.filter(member=grace, kind="earn").count() == 1
        assert Event.objects.filter(type="member.birthday").count() == 1

    def test_is_left_to_the_periodic_task_where_the_caller_waits_no_longer(self, sandbox, beans):
        move = time_travel.ask(sandbox, by=timedelta(days=3), actor="partner:test-suite")

        assert [found.pk for found in time_travel.abandoned()] == [move.pk]
        assert time_travel.go_on(move, seconds=10)
        assert time_travel.abandoned() == []


@pytest.mark.django_db(transaction=True)
class TestApi:
    def test_moves_the_clock_and_says_from_where_to_where(self, tester, sandbox):
        before = tester.get("/v1/sandbox/clock").json()
        answer = tester.post("/v1/sandbox/clock/move", {"by": "P2DT6H"})
        after = tester.get("/v1/sandbox/clock").json()

        assert answer.status_code == 200
        began, ended = (datetime.fromisoformat(answer.json()[name]) for name in ("from", "to"))
        assert ended - began == timedelta(days=2, hours=6)
        assert (before["ahead_seconds"], before["moving_to"]) == (0, None)
        assert datetime.fromisoformat(after["now"]) >= ended
        assert after["moving_to"] is None

    def test_is_read_with_two_queries(self, tester, django_assert_num_queries):
        with django_assert_num_queries(2):
            tester.get("/v1/sandbox/clock")

    def test_moves_once_however_often_the_call_is_repeated(self, tester, sandbox):
        first = tester.post("/v1/sandbox/clock/move", {"by": "P1D"}, idempotency_key="k")
        again = tester.post("/v1/sandbox/clock/move", {"by": "P1D"}, idempotency_key="k")

        assert (again.status_code, again.json()) == (200, first.json())
        assert again.headers["Idempotent-Replayed"] == "true"
        assert ClockMove.objects.count() == 1

    def test_answers_202_where_it_takes_longer(self, tester, sandbox, monkeypatch):
        monkeypatch.setattr("integrations.api.sandbox_clock.WAITS_SECONDS", 0.0)

        answer = tester.post("/v1/sandbox/clock/move", {"by": "P300D"})

        assert answer.status_code == 202
        assert tester.get("/v1/sandbox/clock").json()["moving_to"] == answer.json()["to"]

    def test_keeps_threads_for_others_where_many_wait_already(self, tester, sandbox):
        with ExitStack() as others:
            for _ in range(turns.AT_ONCE):
                others.enter_context(turns.thread())
            began = monotonic()
            first = tester.post("/v1/sandbox/clock/move", {"by": "P1D"}, idempotency_key="k")
            again = tester.post("/v1/sandbox/clock/move", {"by": "P1D"}, idempotency_key="k")
            took = monotonic() - began
        at_last = tester.post("/v1/sandbox/clock/move", {"by": "P1D"}, idempotency_key="k")

        assert [answer.status_code for answer in (first, again, at_last)] == [202, 202, 200]
        assert took < sandbox_clock.WAITS_SECONDS / 2
        assert at_last.json() == first.json()

    def test_refuses_a_live_program(self, till):
        assert till.get("/v1/sandbox/clock").json()["code"] == "not_a_sandbox"
        assert till.post("/v1/sandbox/clock/move", {"by": "P1D"}).json()["code"] == "not_a_sandbox"

    @pytest.mark.parametrize("body", [{"by": 5}, {"to": "2027-01-01T00:00:00"}, {"days": 3}, {"by": "P1Y"}])
    def test_refuses_what_is_no_moment_and_no_duration(self, tester, body):
        answer = tester.post("/v1/sandbox/clock/move", body)

        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"#/{next(iter(body))}")
        assert not ClockMove.objects.exists()
