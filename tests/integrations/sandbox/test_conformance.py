"""The kit finds the mistakes that integrations make, and none where there is none."""

import base64
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from standardwebhooks import Webhook, WebhookVerificationError

from integrations.conformance import __main__ as command
from integrations.conformance import receiving, rules, trouble
from integrations.conformance.exchanges import Exchange
from integrations.conformance.proxy import Proxy
from integrations.conformance.rules import BROKEN, KEPT, NOT_SEEN, Verdict
from rewards.models import Activity
from tests import factories
from tests.clients import PartnerClient
from tests.integrations.sandbox.tills import MISTAKES, SALES, Good

SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four bytes and more").decode()


def broken(verdicts: list[Verdict]) -> set[str]:
    return {verdict.rule for verdict in verdicts if verdict.outcome == BROKEN}


def judged(integration: type[Good], *, sandbox: str, credential: str) -> list[Verdict]:
    """What the kit says of an integration that works through it for a while."""
    proxy = Proxy(sandbox=sandbox, slow_seconds=4.5, retry_after=1)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        integration(address=proxy.address, credential=credential, card=integration.__name__).run()
    finally:
        proxy.shutdown()
        proxy.server_close()
    return rules.judge(list(proxy.log))


@pytest.fixture
def credential(sandbox: Any, beans: Any) -> str:
    """A key of a sandbox in which each of the integrations has a member with a card of its name."""
    for integration in (Good, *MISTAKES):
        member = factories.MemberFactory.create(program=sandbox)
        factories.IdentifierFactory.create(member=member, kind="card", value=integration.__name__)
    partner = factories.PartnerFactory.create(program=sandbox, key="till")
    scopes = ["transactions:write", "points:hold", "members:write"]
    return PartnerClient.of(partner, scopes=scopes).key


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
class TestCalls:
    def test_finds_nothing_wrong_with_a_good_integration(self, live_server, credential):
        verdicts = judged(Good, sandbox=live_server.url, credential=credential)

        assert broken(verdicts) == set()
        assert {verdict.rule for verdict in verdicts if verdict.outcome == NOT_SEEN} == set()
        assert Activity.objects.filter(kind="sale").count() == SALES

    def test_names_the_mistake_of_each_bad_one(self, live_server, credential):
        def judge(integration: type[Good]) -> set[str]:
            return broken(judged(integration, sandbox=live_server.url, credential=credential))

        with ThreadPoolExecutor(3) as pool:
            found = dict(zip(MISTAKES, pool.map(judge, MISTAKES), strict=True))

        missed = {kind.__name__: found[kind] for kind, rule in MISTAKES.items() if rule not in found[kind]}
        assert missed == {}


def redemption(key: str, at: float, *, status: int | None = 201, trouble: str = "") -> Exchange:
    return Exchange(
        at=at,
        ended_at=at + 0.1,
        method="POST",
        path="/v1/redemptions",
        query="",
        headers={"idempotency-key": key},
        body=b'{"member": {"kind": "card", "value": "17"}, "reward": "coffee"}',
        trouble=trouble,
        status=status,
    )


class TestRules:
    def test_take_the_same_reward_three_times_in_a_second_for_three_calls(self):
        bought = [
            redemption("a", 1.0),
            redemption("b", 1.2, trouble=trouble.UNKNOWN_FIELDS),
            redemption("c", 1.4),
        ]

        assert broken(rules.judge(bought)) == set()

    def test_find_who_repeats_a_call_without_a_pause(self):
        hammered = [redemption("a", at, status=503) for at in (1.0, 1.2, 1.4)]

        assert "Repeats are spaced out" in broken(rules.judge(hammered))

    def test_find_who_does_so_with_new_keys(self):
        hammered = [redemption(key, at, status=None) for key, at in (("a", 1.0), ("b", 1.2), ("c", 1.4))]

        assert "Repeats are spaced out" in broken(rules.judge(hammered))


class Receiver(ThreadingHTTPServer):
    """A partner's webhook receiver, which makes the mistakes that it is told to."""

    def __init__(self, mistake: str = "") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.mistake = mistake
        self.handled: list[str] = []
        self.newest = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_GET(self) -> None:
        self._answer(200, json.dumps({"handled": self.server.handled}).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(self._status(body, self.server.mistake), b"")

    def _status(self, body: bytes, mistake: str) -> int:
        headers = {name.lower(): value for name, value in self.headers.items()}
        if mistake == "first signature only":
            headers["webhook-signature"] = headers["webhook-signature"].split(" ")[0]
        try:
            message = Webhook(SECRET).verify(body, headers)
        except WebhookVerificationError as wrong:
            is_about_time = "old" in str(wrong) or "new" in str(wrong)
            trusts = mistake == "trusts all" or (mistake == "trusts old" and is_about_time)
            if not trusts:
                return 401
            message = json.loads(body)
        if mistake == "knows its types" and message["type"] != "points.earned":
            return 422
        if mistake == "knows its fields" and len(message) > 4:
            return 422
        if mistake == "wants order" and message["sequence"] < self.server.newest:
            return 409
        self.server.newest = max(self.server.newest, message["sequence"])
        if mistake == "counts twice" or headers["webhook-id"] not in self.server.handled:
            self.server.handled.append(headers["webhook-id"])
        elif mistake == "refuses repeats":
            return 409
        return 204

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def receiver(mistake: str = "") -> Iterator[Receiver]:
    server = Receiver(mistake)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def verdicts_of(mistake: str = "") -> list[Verdict]:
    with receiver(mistake) as server:
        return receiving.judge(receiving.Receiver(url=server.address, secret=SECRET, effects=server.address))


class TestReceiver:
    def test_finds_nothing_wrong_with_a_good_one(self):
        assert Counter(verdict.outcome for verdict in verdicts_of()) == {KEPT: len(receiving.CHECKS)}

    @pytest.mark.parametrize(
        ("mistake", "rules"),
        [
            (
                "trusts all",
                {
                    "Refuses a wrong signature",
                    "Refuses an altered body",
                    "Refuses a message without a signature",
                    "Refuses a timestamp of ten minutes ago",
                    "Refuses a timestamp ten minutes ahead",
                },
            ),
            (
                "trusts old",
                {"Refuses a timestamp of ten minutes ago", "Refuses a timestamp ten minutes ahead"},
            ),
            ("first signature only", {"Takes a message of which one of two signatures is right"}),
            ("knows its types", {"Takes types of events that it does not know"}),
            ("knows its fields", {"Takes fields that it does not know"}),
            (
                "counts twice",
                {"Takes a repeat, and has its effect once"},
            ),
            ("refuses repeats", {"Takes a repeat, and has its effect once"}),
        ],
    )
    def test_names_the_mistakes_of_a_bad_one(self, mistake, rules):
        assert broken(verdicts_of(mistake)) == rules

    def test_sees_who_wants_events_in_order(self):
        assert "Takes an older event after a newer one" in broken(verdicts_of("wants order"))

    def test_does_not_judge_what_cannot_be_seen(self):
        with receiver("counts twice") as server:
            verdicts = receiving.judge(receiving.Receiver(url=server.address, secret=SECRET))

        assert [one.rule for one in verdicts if one.outcome == NOT_SEEN] == [
            "Takes a repeat, and has its effect once"
        ]

    def test_says_so_where_nobody_listens(self):
        verdicts = receiving.judge(receiving.Receiver(url="http://127.0.0.1:9/", secret=SECRET))

        assert {one.outcome for one in verdicts} == {BROKEN}


class TestCommand:
    def test_reports_and_ends_with_one_if_a_rule_is_broken(self, capsys):
        with receiver("knows its types") as server:
            code = command.main(["receiver", "--url", server.address, "--secret", SECRET])

        assert code == 1
        told = capsys.readouterr().out
        assert "BROKEN  Takes types of events that it does not know" in told
        assert "1 rules broken." in told

    def test_needs_python_alone(self, tmp_path):
        folder = Path(settings.BASE_DIR) / "integrations" / "conformance"
        code = (
            "import sys, types; package = types.ModuleType('integrations')"
            f"; package.__path__ = [{str(folder.parent)!r}]; sys.modules['integrations'] = package"
            "; from integrations.conformance import __main__; __main__.main(['calls', '--help'])"
        )

        done = subprocess.run(
            [sys.executable, "-S", "-I", "-c", code], capture_output=True, text=True, check=False
        )

        assert (done.returncode, done.stderr) == (0, "")
        assert "--sandbox" in done.stdout
