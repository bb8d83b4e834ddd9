import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson
import psycopg
import pytest
from django.db import connection, connections

from integrations import feed
from integrations.delivery import Claimed
from loyalty.core import events
from loyalty.core.ids import new_id
from loyalty.core.models import Event, EventHorizon, Program
from tests.factories import NOON

FEED = "/v1/feed"


def happened(program: Program, *types: str, at: datetime = NOON) -> list[int]:
    """Events of those types, one a minute, all sealed."""
    numbers = []
    for number, name in enumerate(types):
        moment = at + timedelta(minutes=number)
        event = Event.objects.create(program=program, type=name, occurred_at=moment, data={"points": number})
        numbers.append(event.number)
    seal()
    return numbers


def seal() -> None:
    newest = Event.objects.order_by("-number").values_list("number", flat=True).first() or 0
    EventHorizon.objects.update_or_create(
        pk=1, defaults={"sealed_number": newest, "barrier_number": newest, "barrier_transaction": 0}
    )


def types_of(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [event["type"] for event in answer.json()["data"]]


class TestFeed:
    def test_tells_each_event_as_webhooks_do(self, till, program, ada):
        event = Event.objects.create(
            program=program, member_id=ada.pk, type="points.earned", occurred_at=NOON, data={"points": 5}
        )
        seal()
        claimed = Claimed(
            id=new_id(),
            endpoint_id=new_id(),
            url="",
            sealed_secret=b"",
            is_failing=False,
            event_number=event.number,
            attempt_count=0,
            leased_until=NOON,
            event_type="points.earned",
            occurred_at=NOON,
            data=orjson.dumps({"member_id": str(ada.pk), "points": 5}).decode(),
        )

        told = till.get(FEED).json()

        assert told["data"] == [orjson.loads(claimed.body())]
        assert not told["has_more"]

    def test_goes_on_where_it_ended(self, till, program):
        happened(program, *(["points.earned"] * 5), "tier.upgraded")

        pages, address = [], f"{FEED}?limit=2"
        for _ in range(4):
            page = till.get(address).json()
            pages.append([event["sequence"] for event in page["data"]])
            address = page["next"]

        assert [len(page) for page in pages] == [2, 2, 2, 0]
        assert sum(pages, []) == sorted(sum(pages, []))

    def test_says_whether_there_is_more_at_this_moment(self, till, program):
        happened(program, *(["points.earned"] * 3))

        assert till.get(f"{FEED}?limit=2").json()["has_more"]
        assert not till.get(f"{FEED}?limit=3").json()["has_more"]

    def test_reads_the_same_again_with_the_same_cursor(self, till, program):
        happened(program, "points.earned", "points.spent")
        cursor = till.get(f"{FEED}?limit=1").json()["cursor"]

        twice = [types_of(till.get(FEED, {"cursor": cursor})) for _ in range(2)]

        assert twice == [["points.spent"], ["points.spent"]]

    def test_takes_a_query_and_the_callers(self, till, program, django_assert_num_queries):
        happened(program, *(["points.earned"] * 3))

        with django_assert_num_queries(2):
            till.get(FEED)

    def test_shows_nothing_of_other_programs(self, till, outsider, program):
        happened(outsider.credential.partner.program, "points.earned")
        happened(program, "tier.upgraded")

        assert types_of(till.get(FEED)) == ["tier.upgraded"]

    def test_shows_nothing_that_is_not_sealed(self, till, program):
        happened(program, "points.earned")
        Event.objects.create(program=program, type="points.spent", occurred_at=NOON)

        assert types_of(till.get(FEED)) == ["points.earned"]

    def test_is_empty_where_nothing_ever_happened(self, till):
        assert types_of(till.get(FEED)) == []


class TestTypes:
    def test_leave_out_what_is_not_wanted(self, till, program):
        happened(program, "points.earned", "points.spent", "tier.upgraded", "points.earned")

        answer = till.get(FEED, {"types": "points.spent,tier.upgraded"})

        assert types_of(answer) == ["points.spent", "tier.upgraded"]

    def test_leave_out_nothing_behind_a_page_without_any(self, till, program, monkeypatch):
        monkeypatch.setattr(feed, "LOOKED_AT_MOST", 2)
        happened(program, *(["points.earned"] * 5), "tier.upgraded")

        seen, page = [], till.get(FEED, {"types": "tier.upgraded"}).json()
        while page["has_more"]:
            seen.append(len(page["data"]))
            page = till.get(page["next"]).json()

        assert seen == [0, 0, 1]
        assert page["data"] == []

    def test_may_change_with_the_same_cursor(self, till, program):
        happened(program, "points.earned", "points.earned", "points.spent", "tier.upgraded")
        cursor = till.get(FEED, {"limit": "1", "types": "points.earned"}).json()["cursor"]

        assert types_of(till.get(FEED, {"cursor": cursor, "types": "tier.upgraded"})) == ["tier.upgraded"]


class TestStart:
    def test_now_leads_past_all_that_was(self, till, program):
        happened(program, "points.earned")
        beginning = till.get(FEED, {"start": "now"}).json()
        happened(program, "points.spent")

        assert beginning["data"] == []
        assert types_of(till.get(beginning["next"])) == ["points.spent"]

    @pytest.mark.parametrize("count", [0, 1, 2, 7, 40])
    def test_a_moment_leads_before_all_that_was_recorded_since(self, program, outsider, count):
        stranger = outsider.credential.partner.program
        with connection.cursor() as cursor:
            for number in range(count):
                for of in (program, stranger):
                    cursor.execute(
                        "INSERT INTO core_event (program_id, type, data, occurred_at, recorded_at)"
                        " VALUES (%s, 'points.earned', '{}', %s, %s)",
                        [of.pk, NOON, NOON + timedelta(hours=number)],
                    )
        seal()
        all_of_it = list(Event.objects.of(program).order_by("number"))

        for wanted in range(-1, count + 1):
            position = feed.since(program, NOON + timedelta(hours=wanted, minutes=1))
            after = [event for event in all_of_it if event.number > position]
            assert after == [
                event for event in all_of_it if event.recorded_at > NOON + timedelta(hours=wanted, minutes=-4)
            ]

    @pytest.mark.parametrize("start", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
    def test_the_first_moment_that_there_is_leads_before_everything(self, till, program, start):
        happened(program, "points.earned")

        assert types_of(till.get(FEED, {"start": start})) == ["points.earned"]

    def test_a_moment_is_found_in_one_query(self, till, program, django_assert_num_queries):
        happened(program, *(["points.earned"] * 9))

        with django_assert_num_queries(3):
            till.get(FEED, {"start": "2026-01-01T00:00:00Z"})


class TestRefusals:
    @pytest.mark.parametrize(
        "asked",
        [
            {"start": "yesterday"},
            {"start": "2026-06-01"},
            {"start": "2026-06-01T00:00:00"},
            {"types": "points.stolen"},
            {"types": "points.earned,"},
            {"types": ""},
            {"limit": "0"},
            {"limit": "201"},
            {"since": "oldest"},
        ],
    )
    def test_name_the_parameter_that_cannot_be_read(self, till, asked):
        answer = till.get(FEED, asked)

        assert answer.status_code == 400
        assert answer.json()["code"] == "invalid_filter"
        assert answer.json()["parameter"] == next(iter(asked))

    def test_of_a_cursor_and_a_start(self, till):
        cursor = till.get(FEED).json()["cursor"]

        assert till.get(FEED, {"cursor": cursor, "start": "now"}).json()["code"] == "invalid_filter"

    def test_of_an_altered_cursor(self, till):
        cursor = till.get(FEED).json()["cursor"]

        assert till.get(FEED, {"cursor": cursor[:-1] + "!"}).json()["code"] == "invalid_cursor"

    def test_of_another_programs_cursor(self, till, outsider):
        cursor = outsider.get(FEED).json()["cursor"]

        assert till.get(FEED, {"cursor": cursor}).json()["code"] == "invalid_cursor"


@pytest.mark.django_db(transaction=True)
class TestReader:
    @pytest.fixture
    def late(self, program) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(**connection.get_connection_params()) as session:
            yield session

    def test_misses_no_event_that_committed_late(self, program, late):
        insert = (
            "INSERT INTO core_event (program_id, type, data, occurred_at, recorded_at)"
            " VALUES (%s, 'points.earned', '{}', now(), now()) RETURNING number"
        )
        first = late.execute(insert, [program.pk]).fetchone()[0]
        second = Event.objects.create(program=program, type="points.spent", occurred_at=NOON).number
        assert first < second
        events.seal()
        events.seal()
        before = feed.read(program, after=0, limit=10)

        late.commit()
        after = self._wait_for(program, before.position, count=2)

        assert before.messages == []
        assert [orjson.loads(message)["sequence"] for message in after] == [first, second]

    def test_sees_each_event_once_and_in_order_while_many_write(self, program):
        def write() -> None:
            for _ in range(25):
                Event.objects.create(program=program, type="points.earned", occurred_at=NOON)
            connections.close_all()

        writers = [threading.Thread(target=write) for _ in range(4)]
        for writer in writers:
            writer.start()
        told = self._wait_for(program, 0, count=100)
        for writer in writers:
            writer.join()

        numbers = [orjson.loads(message)["sequence"] for message in told]
        assert numbers == list(Event.objects.order_by("number").values_list("number", flat=True))

    def _wait_for(self, program: Program, position: int, *, count: int) -> list[bytes]:
        """Read on from a position until so many are there; other databases' transactions delay the seal."""
        told: list[bytes] = []
        until = time.monotonic() + 120
        while time.monotonic() < until:
            time.sleep(0.01)
            events.seal()
            page = feed.read(program, after=position, limit=7)
            told += page.messages
            position = page.position
            if len(told) >= count:
                break
        return told
