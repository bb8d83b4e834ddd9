import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.test import Client, RequestFactory
from django.utils import timezone

from integrations import credentials
from integrations.models import Credential
from loyalty.core.api import counters, throttling
from loyalty.core.api.auth import SCOPES
from loyalty.core.api.counters import Counters, Window
from tests.clients import PartnerClient
from tests.races import wait_until

WHOAMI = "/v1/whoami"


@pytest.fixture
def two_a_minute(settings):
    settings.API_CALLS_PER_MINUTE = 2


@pytest.fixture
def no_redis(monkeypatch) -> Iterator[Counters]:
    """The counters of a process whose Redis does not answer."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        alone = Counters(f"redis://127.0.0.1:{kept.getsockname()[1]}/0")
        monkeypatch.setattr(counters, "calls", alone)
        yield alone


@pytest.fixture
def patient(monkeypatch) -> None:
    """Counters that a test makes wait for a Redis that is busy, instead of counting alone."""
    monkeypatch.setattr(counters, "PATIENCE", 30)


@pytest.fixture
def silent_redis() -> Iterator[str]:
    """The address of a Redis that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def two(*, seconds: int = 60) -> tuple[Window, ...]:
    return (Window("burst", 2, seconds), Window("hour", 3, 3600))


class TestLimit:
    def test_is_told_by_every_answer(self, till):
        response = till.get(WHOAMI)

        assert response.headers["RateLimit-Policy"] == '"burst";q=3000;w=60, "hour";q=100000;w=3600'
        assert response.headers["RateLimit"] == '"burst";r=2999;t=60, "hour";r=99999;t=3600'

    def test_refuses_what_is_over_and_says_when_to_come_again(self, till, two_a_minute):
        till.get(WHOAMI)
        till.get(WHOAMI)

        response = till.get(WHOAMI)

        assert response.status_code == 429
        wait = int(response.headers["Retry-After"])
        assert response.headers["RateLimit"] == f'"burst";r=0;t={wait}'
        assert 30 < wait <= 60
        problem = response.json()
        assert problem["code"] == "too_many_requests"
        assert problem["violated_policies"] == ["burst"]

    def test_counts_what_is_refused_otherwise_too(self, till, two_a_minute):
        Credential.objects.filter(pk=till.credential.pk).update(scopes=[])
        till.post("/v1/transactions", {})
        till.get("/v1/members/card:1")

        response = till.get(WHOAMI)

        assert response.status_code == 429

    def test_changes_nothing_when_it_refuses(self, till, ada, settings):
        settings.API_CALLS_PER_MINUTE = 1
        till.get(WHOAMI)

        response = till.post("/v1/members", {"identifiers": [{"kind": "card", "value": "2002"}]})

        assert response.status_code == 429
        assert till.credential.partner.program.members.count() == 1

    def test_of_one_credential_leaves_others_theirs(self, till, two_a_minute):
        sibling = PartnerClient.of(till.credential.partner, scopes=SCOPES)
        for _ in range(3):
            till.get(WHOAMI)

        response = sibling.get(WHOAMI)

        assert response.status_code == 200
        assert response.headers["RateLimit"].startswith('"burst";r=1;')

    def test_takes_no_query(self, till, django_assert_num_queries):
        with django_assert_num_queries(1):
            till.get("/v1/members/nobody:1")

    def test_of_a_credentials_own_is_in_force_with_the_next_call(self, till, two_a_minute):
        for _ in range(3):
            till.get(WHOAMI)
        credentials.limit(till.credential, per_minute=5, per_hour=None, by=None)

        response = till.get(WHOAMI)

        assert response.status_code == 200
        assert response.headers["RateLimit-Policy"] == '"burst";q=5;w=60, "hour";q=100000;w=3600'
        assert response.headers["RateLimit"].startswith('"burst";r=2;')

    def test_of_a_credentials_own_goes_on_with_its_successor(self, till):
        credentials.limit(till.credential, per_minute=5, per_hour=50, by=None)

        successor, _key = credentials.rotate(till.credential, by=None, at=timezone.now())

        assert (successor.quota.calls_per_minute, successor.quota.calls_per_hour) == (5, 50)

    def test_of_an_oauth_client_is_one_while_two_of_its_secrets_work(self, till, two_a_minute):
        client = PartnerClient.of_oauth(till.credential.partner, scopes=SCOPES)
        _successor, secret = credentials.rotate(client.credential, by=None, at=timezone.now())
        form = {"grant_type": "client_credentials", "client_id": client.credential.client_id}

        with_the_old_secret = client.get(WHOAMI)
        with_the_new_one = Client().post(
            "/oauth/token",
            urlencode(form | {"client_secret": secret}),
            "application/x-www-form-urlencoded",
        )

        # The token of the client was its first call.
        assert with_the_old_secret.headers["RateLimit"].startswith('"burst";r=0;')
        assert with_the_new_one.status_code == 429


class TestStranger:
    @pytest.fixture(autouse=True)
    def _two_calls_a_minute(self, settings):
        settings.API_STRANGERS_PER_MINUTE = 2

    @pytest.fixture
    def flood(self) -> Client:
        """Somebody at an address of his own, which has called as often as it may."""
        number = uuid4().int
        where = f"10.{number % 250}.{number // 250 % 250}.{number // 62500 % 250}"
        client = Client(REMOTE_ADDR=where)
        assert [client.get(WHOAMI).status_code for _ in range(2)] == [401, 401]
        return client

    @pytest.mark.parametrize("address", [WHOAMI, "/v1/openapi.json", "/v1/docs/problems", "/v1/nowhere"])
    def test_is_refused_without_a_look_at_the_database(self, flood, address):
        response = flood.get(address)

        assert response.status_code == 429
        assert response.headers["RateLimit-Policy"] == '"anonymous";q=2;w=60'
        assert 30 < int(response.headers["Retry-After"]) <= 60

    def test_is_stopped_when_his_keys_are_none(self, flood, db):
        response = flood.get(WHOAMI, headers={"Authorization": "Bearer nonsense"})

        assert response.status_code == 429

    @pytest.mark.parametrize("address", ["/v1/docs/problems", "/v1/nowhere"])
    def test_is_stopped_where_no_key_is_looked_at(self, flood, address):
        response = flood.get(address, headers={"Authorization": "Bearer nonsense"})

        assert response.status_code == 429

    def test_is_in_nobodys_way_who_has_a_key_at_the_same_address(self, flood, till):
        response = till.get(WHOAMI, REMOTE_ADDR=flood.defaults["REMOTE_ADDR"])

        assert response.status_code == 200

    def test_is_not_counted_at_the_pages(self, flood, db):
        assert flood.get("/healthz").status_code == 200


class TestAddress:
    @pytest.mark.parametrize(
        ("given", "counted"),
        [
            ("192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("", "unknown"),
            ("nonsense", "unknown"),
        ],
    )
    def test_is_what_a_customer_has(self, given, counted):
        assert throttling.address(RequestFactory().get(WHOAMI, REMOTE_ADDR=given)) == counted

    def test_is_not_what_a_caller_says(self):
        request = RequestFactory().get(
            WHOAMI, REMOTE_ADDR="192.0.2.7", headers={"X-Forwarded-For": "198.51.100.1"}
        )

        assert throttling.address(request) == "192.0.2.7"

    def test_behind_a_proxy_is_what_the_proxy_has_seen(self, settings):
        settings.BEHIND_PROXY = True
        headers = {"X-Forwarded-For": "203.0.113.9, 198.51.100.1"}

        request = RequestFactory().get(WHOAMI, REMOTE_ADDR="127.0.0.1", headers=headers)

        assert throttling.address(request) == "198.51.100.1"


class TestCounters:
    def test_give_away_as_many_as_there_are_however_many_ask_at_once(self, patient):
        shared = [Counters(django_settings.REDIS_URL) for _ in range(4)]
        name, windows = str(uuid4()), (Window("burst", 50, 60),)

        with ThreadPoolExecutor(8) as pool:
            taken = list(pool.map(lambda i: shared[i % 4].take(name, windows).is_within, range(120)))

        assert taken.count(True) == 50

    def test_count_a_refused_call_in_no_window(self, patient):
        both = Counters(django_settings.REDIS_URL)
        name = str(uuid4())
        for _ in range(10):
            both.take(name, two())

        taken = both.take(name, two())

        assert [(count.window.name, count.left) for count in taken.counts] == [("burst", 0), ("hour", 1)]

    @pytest.mark.parametrize("where", ["shared", "alone"])
    def test_give_back_what_does_not_count_and_no_more(self, request, patient, where):
        counted = (
            Counters(django_settings.REDIS_URL) if where == "shared" else request.getfixturevalue("no_redis")
        )
        name = str(uuid4())
        counted.take(name, two())

        for _ in range(3):
            counted.give_back(name, two())
        taken = [counted.take(name, two()) for _ in range(3)]

        assert [one.is_within for one in taken] == [True, True, False]

    def test_begin_anew_when_a_window_has_ended(self, patient):
        counted = Counters(django_settings.REDIS_URL)
        long, short = (Window("burst", 1, 60),), (Window("burst", 1, 1),)
        name, brief = str(uuid4()), str(uuid4())
        assert [counted.take(name, long).is_within for _ in range(2)] == [True, False]

        assert counted.take(brief, short).is_within
        wait_until(lambda: counted.take(brief, short).is_within)

    def test_ask_once_more_when_redis_has_closed_the_connection(self, patient):
        counted = Counters(django_settings.REDIS_URL)
        counted.take("anybody", two())
        counted._idle[0]._sock.shutdown(socket.SHUT_RDWR)

        counted.take("anybody", two())

        assert not counted.is_alone

    @pytest.mark.parametrize("where", ["no_redis", "silent_redis"])
    def test_count_alone_while_redis_is_away(self, request, where):
        found = request.getfixturevalue(where)
        counted = Counters(found) if isinstance(found, str) else found

        taken = [counted.take("anybody", two()) for _ in range(3)]

        assert counted.is_alone
        assert [one.is_within for one in taken] == [True, True, False]
        assert [count.left for count in taken[-1].counts] == [0, 1]

    def test_ask_redis_again_after_a_while(self, no_redis, caplog):
        no_redis.take("anybody", two())
        no_redis._pool = Counters(django_settings.REDIS_URL)._pool
        no_redis._asks_again_at = 1e-9

        taken = no_redis.take(str(uuid4()), two())

        assert taken.is_within
        assert not no_redis.is_alone
        assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]

    def test_forget_the_oldest_of_too_many(self, no_redis, monkeypatch):
        monkeypatch.setattr(counters, "COUNTED_ALONE_AT_MOST", 10)

        for number in range(100):
            no_redis.take(f"address:{number}", (Window("burst", 2, 60),))

        assert len(no_redis._alone._found) <= 11


class TestWithoutRedis:
    def test_partners_are_served_and_told_of_their_limits(self, till, no_redis, two_a_minute):
        responses = [till.get(WHOAMI) for _ in range(3)]

        assert [response.status_code for response in responses] == [200, 200, 429]
        assert responses[0].headers["RateLimit"].startswith('"burst";r=1;')

    def test_one_log_line_says_so(self, till, no_redis, caplog):
        for _ in range(3):
            till.get(WHOAMI)

        told = [record for record in caplog.records if "Redis is away" in record.getMessage()]
        assert len(told) == 1
