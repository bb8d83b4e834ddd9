"""The kit finds the mistakes that integrations make, and none where there is none."""

import base64
import json
import re
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from integrations.conformance import __main__ as command
from integrations.conformance import receiving, rules, trouble
from integrations.conformance.exchanges import Exchange
from integrations.conformance.proxy import Proxy
from integrations.conformance.rules import BROKEN, KEPT, NOT_SEEN, Verdict
from loyalty.core.api.guides import FOLDER
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


def sale(name: str, at: float, *, status: int | None = 201) -> Exchange:
    """Of ten dollars, by one and the same card, at one and the same moment."""
    sold = {"external_id": name, "occurred_at": "2026-06-01T12:00:00Z", "member": "17", "amount": "10.00"}
    return replace(
        redemption(name, at, status=status), path="/v1/transactions", body=json.dumps(sold).encode()
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

    def test_take_what_was_refused_and_mended_for_a_new_call(self):
        argued = [redemption("a", 1.0, status=409), redemption("a", 3.0, status=409)]
        mended = [redemption("a", 1.0, status=409), redemption("b", 3.0)]

        assert "What was refused for good is not sent again" in broken(rules.judge(argued))
        assert broken(rules.judge(mended)) == set()

    def test_take_sales_that_say_the_same_for_sales_where_the_clock_stands_still(self):
        sold = [sale("r1", 1.0), sale("r2", 2.0, status=None), sale("r3", 2.5), sale("r2", 4.0)]

        assert broken(rules.judge(sold)) == set()

    def test_find_who_gives_up_a_receipt_for_another(self):
        sold = [sale("r1", 1.0), sale("r2", 2.0, status=None), sale("r3", 2.5)]

        verdict = next(one for one in rules.judge(sold) if one.rule == "One receipt has one external_id")

        assert verdict.evidence == (
            "POST /v1/transactions of r3 at 2.5 s sends again what got no answer as r2",
        )
        assert verdict.faults == 1

    def test_show_a_few_places_and_count_all(self):
        sold = [sale(f"r{number}", number, status=None) for number in range(9)]

        verdict = next(
            one for one in rules.judge(sold) if one.rule == "A call is repeated until its outcome is known"
        )

        assert (len(verdict.evidence), verdict.faults) == (5, 9)

    def test_are_all_in_the_guide(self):
        guide = (FOLDER / "conformance.md").read_text().replace("`", "")

        assert [rule.said for rule in rules.RULES if f"| {rule.said} |" not in guide] == []

    def test_say_what_to_do_about_each(self):
        assert all(one.advice for one in rules.judge([]))
        assert all(rule.cure for rule in rules.RULES)


class TestTrouble:
    def test_lets_a_repeated_read_through_and_counts_the_next_one_as_new(self):
        plan = trouble.Plan()
        read = replace(sale("", 1.0), method="GET", path="/v1/members/card:17/status", body=b"")

        met = [plan.next(read) for _time in range(9)]

        assert met == [
            trouble.NONE,
            trouble.UNKNOWN_FIELDS,
            trouble.UNAVAILABLE,
            trouble.NONE,  # the repeat
            trouble.CUT,
            trouble.NONE,
            trouble.LIMITED,
            trouble.NONE,
            trouble.NONE,  # and round again
        ]

    def test_is_not_made_in_a_live_program(self):
        with receiver() as server, proxy(server.address) as between:
            live = {"Authorization": "Bearer rk_live_0123456789"}
            client = {"Authorization": "Basic " + base64.b64encode(b"rc_live_a:rs_live_b").decode()}
            test = {"Authorization": "Bearer rk_test_0123456789"}

            assert refusal(f"{between.address}/v1/whoami", live) == (403, "live_credential")
            assert refusal(f"{between.address}/oauth/token", client) == (403, "live_credential")
            assert refusal(f"{between.address}/v1/whoami", test) == (200, None)

    def test_is_a_503_where_the_sandbox_has_gone(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            gone = f"http://127.0.0.1:{free.getsockname()[1]}"

        with proxy(gone) as between:
            assert refusal(f"{between.address}/v1/whoami", {}) == (503, "unavailable")


def refusal(url: str, headers: dict[str, str]) -> tuple[int, str | None]:
    try:
        with urlopen(Request(url, headers=headers), timeout=30) as answer:
            return answer.status, None
    except HTTPError as error:
        return error.code, json.loads(error.read())["code"]


@contextmanager
def proxy(sandbox: str) -> Iterator[Proxy]:
    server = Proxy(sandbox=sandbox)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


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
        assert (
            "✗ BROKEN    Takes types of events that it does not know\n            Seen: answered 422" in told
        )
        assert "To do: Answer 2xx to each type that you do not use" in told
        assert told.endswith("1 rule broken, 10 kept, 1 not seen.\n")

    def test_writes_the_report_as_a_page_that_needs_no_other_file(self, tmp_path):
        page = tmp_path / "report.html"

        with receiver("knows its <types>") as server:
            code = command.main(
                ["receiver", "--url", f"{server.address}?<b>", "--secret", SECRET, "--html", str(page)]
            )

        assert code == 0
        told = page.read_text()
        assert "<strong>No rule broken, 11 kept, 1 not seen.</strong>" in told
        assert "?&lt;b&gt;" in told
        assert not re.search(r"(src|href)=|@import|url\(", told)

    def test_judges_nothing_where_nobody_answers(self, capsys):
        with socket.create_server(("127.0.0.1", 0)) as free:
            closed = f"http://127.0.0.1:{free.getsockname()[1]}"

        codes = [
            command.main(["receiver", "--url", closed, "--secret", SECRET]),
            command.main(["calls", "--sandbox", closed, "--port", "0", "--", "true"]),
            command.main(["calls", "--sandbox", "loyalty.example", "--", "true"]),
        ]

        assert codes == [2, 2, 2]
        told = capsys.readouterr().err
        assert told.count(f"Nobody answers at {closed}") == 2
        assert "loyalty.example is no address: begin with https:// or http://." in told

    def test_says_what_a_secret_looks_like(self, capsys):
        with receiver() as server:
            code = command.main(["receiver", "--url", server.address, "--secret", "whsec_x"])

        assert code == 2
        assert "whsec_ and then Base64" in capsys.readouterr().err

    def test_does_not_take_silence_for_success(self, capsys):
        with receiver() as server:
            code = command.main(["calls", "--sandbox", server.address, "--port", "0", "--", "true"])

        assert code == 2
        told = capsys.readouterr().out
        assert "No call arrived." in told
        assert told.endswith("Nothing could be judged.\n")

    def test_does_not_take_a_failed_test_suite_for_success(self, capsys):
        read = "import os, urllib.request; urllib.request.urlopen(os.environ['REGULARS_URL'] + '/v1/whoami')"

        with receiver() as server:
            code = command.main(
                ["calls", "--sandbox", server.address, "--port", "0", "--", sys.executable, "-c"]
                + [f"{read}; raise SystemExit(3)"]
            )

        assert code == 1
        assert "The command ended with 3" in capsys.readouterr().err

    def test_is_one_file_to_download_that_needs_python_alone(self, client, tmp_path):
        served = client.get("/v1/docs/conformance.pyz")
        (tmp_path / "conformance.pyz").write_bytes(served.content)

        done = subprocess.run(
            [sys.executable, "-S", "-I", "conformance.pyz", "calls", "--help"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

        assert (done.returncode, done.stderr) == (0, "")
        assert "--sandbox" in done.stdout
        assert served.headers["Content-Disposition"] == 'attachment; filename="conformance.pyz"'
        assert client.post("/v1/docs/conformance.pyz").status_code == 405
