"""Sends the calls, over several connections at once, and says what was wrong with the answers."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib import import_module
from random import Random
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from django.conf import settings

from loyalty.core.api import problem, rendering
from members.ledger import verify
from tests.truth.fuzz import oauth
from tests.truth.fuzz.callers import Caller
from tests.truth.fuzz.calls import Call, operations
from tests.truth.fuzz.world import World, digest

KEY_LASTS: Final = 300
"""Calls, so that codes of vouchers that are guessed wrong do not stop the rest."""
HELD_UP_AT_MOST: Final = 0.001
"""Of all calls: those that lose patience with others that work on the same, on a machine that is slow."""
REPLAYED: Final = 5_000
REPLAYED_BYTES: Final = 200_000


@dataclass
class Answer:
    status: int
    media_type: str
    raw: bytes
    retry_after: str | None = None

    @property
    def body(self) -> Any:
        return orjson.loads(self.raw)

    @property
    def is_held_up(self) -> bool:
        """Whether others held what the call needed for too long: it may come again, and says so."""
        return self.status == HTTPStatus.SERVICE_UNAVAILABLE and self.retry_after is not None


@dataclass
class Report:
    """What came of it all."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    findings: dict[tuple[str, str], str] = field(default_factory=dict)
    """By operation and what was wrong: the first call that showed it."""
    refused: list[Call] = field(default_factory=list)
    replayed: int = 0

    def table(self) -> str:
        statuses = sorted({status for _, status in self.answers})
        names = sorted({name for name, _ in self.answers})
        lines = [f"{'':26}" + "".join(f"{status:>7}" for status in statuses)]
        lines += [
            f"{name:26}" + "".join(f"{self.answers[name, status] or '':>7}" for status in statuses)
            for name in names
        ]
        sums = [sum(self.answers[name, status] for name in names) for status in statuses]
        return "\n".join([*lines, f"{'all':26}" + "".join(f"{total:>7}" for total in sums)])

    def say(self, call: Call, wrong: str, answer: Answer | None) -> None:
        shown = f"{call.method} {call.target[:200]} {call.headers}\n    {call.body[:600]!r}"
        told = f"\n    -> {answer.status} {answer.raw[:400]!r}" if answer else ""
        self.findings.setdefault((call.operation, wrong), shown + told)


class Connection:
    def __init__(self, url: str) -> None:
        self.address = urlsplit(url).netloc
        self.http = http.client.HTTPConnection(self.address, timeout=60)

    def close(self) -> None:
        self.http.close()

    def send(self, call: Call) -> Answer:
        """
        The answer to a call.

        :raises OSError: if there is none
        :raises http.client.HTTPException: if it is not HTTP
        """
        try:
            self.http.putrequest(call.method, call.target, skip_accept_encoding=True)
            for name, value in (call.headers | {"Content-Length": str(len(call.body))}).items():
                self.http.putheader(name, value)
            # Who sends too much is told before all of it is there, and has to look.
            with suppress(BrokenPipeError, ConnectionResetError):
                self.http.endheaders(call.body)
            with self.http.getresponse() as response:
                media_type = response.getheader("Content-Type", "")
                retry_after = response.getheader("Retry-After")
                return Answer(response.status, media_type, response.read(), retry_after)
        except (OSError, http.client.HTTPException):
            self.http.close()
            raise


def faults(call: Call, answer: Answer, codes: frozenset[str]) -> Iterator[str]:
    """What is wrong with an answer."""
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not answer.is_held_up:
        yield f"answered {answer.status}"
    if call.method == "HEAD":
        return
    if answer.status >= HTTPStatus.BAD_REQUEST:
        if call.operation.startswith("oauth_") and answer.media_type == rendering.MEDIA_TYPE:
            if answer.body.get("error") not in oauth.ERRORS or not answer.body.get("error_description"):
                yield "refused in words that are not OAuth's"
            return
        if answer.media_type != problem.MEDIA_TYPE:
            yield f"refused ({answer.status}) with {answer.media_type or 'nothing'}"
            return
        yield from _faults_of_problem(answer.body, answer.status, codes)
    if answer.status == HTTPStatus.MULTI_STATUS:
        for item in answer.body["results"]:
            if "problem" in item:
                yield from _faults_of_problem(item["problem"], item["status"], codes)
            if item["status"] >= HTTPStatus.INTERNAL_SERVER_ERROR:
                yield f"an item was answered {item['status']}"
    if call.operation == "graphql" and answer.status == HTTPStatus.OK:
        for error in answer.body.get("errors", ()):
            code = error.get("extensions", {}).get("code")
            if code not in codes or code in ("internal_error", "unavailable"):
                yield f"a field was refused with {code}"


def _faults_of_problem(body: Any, status: int, codes: frozenset[str]) -> Iterator[str]:
    if body.get("code") not in codes:
        yield f"refused with an unknown code: {body.get('code')}"
    if body.get("status") != status or not body.get("title"):
        yield "refused with a problem that does not fit"


class Fuzzer:
    """A run of so many requests against a server, the same ones for the same seed and connections."""

    def __init__(self, world: World, *, url: str, schema: Any, seed: int) -> None:
        self.world = world
        self.url = url
        self.seed = seed
        self.operations = operations(schema)
        import_module(settings.ROOT_URLCONF)  # so that each refusal is there
        self.codes = frozenset(kind.code for kind in problem.known())
        self.report = Report()
        self.lock = threading.Lock()
        self.random = Random(seed)
        self.kept_from = 0

    def run(self, *, requests: int, connections: int, seconds: float = float("inf")) -> Report:
        self.until = time.monotonic() + seconds
        keys = [
            [self.world.key() for _ in range(requests // connections // KEY_LASTS + 1)]
            for _ in range(connections)
        ]
        sandbox = self.world.key(of_sandbox=True)
        callers = [
            Caller(
                self.operations,
                Random(f"{self.seed}-{number}"),
                f"fuzz-{self.world.live.key}-{number}",
                client=self.world.client(),
                sandbox_key=self.world.sandbox.key,
            )
            for number in range(connections)
        ]
        threads = [
            threading.Thread(target=self._converse, args=(caller, own, sandbox, requests // connections))
            for caller, own in zip(callers, keys, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._replay()
        held_up = sum(count for (_, status), count in self.report.answers.items() if status == 503)
        if held_up > requests * HELD_UP_AT_MOST:
            self.report.findings["(all)", f"{held_up} calls were held up"] = ""
        for fault in verify.run(program=self.world.live):
            self.report.findings["(ledger)", str(fault)] = ""
        return self.report

    def _converse(self, caller: Caller, keys: list[str], sandbox: str, requests: int) -> None:
        with closing(Connection(self.url)) as connection:
            for made in range(requests):
                if time.monotonic() > self.until:
                    return
                key = keys[made // KEY_LASTS]
                call = caller.next(key)
                if call.target.startswith("/v1/sandbox") and caller.random.random() < 0.8:
                    authorization = call.headers.get("Authorization", "").replace(key, sandbox)
                    call.headers["Authorization"] = authorization
                answer = self._sent(connection, call)
                if answer and answer.status < HTTPStatus.BAD_REQUEST and answer.raw.startswith(b"{"):
                    caller.learn(call.target, answer.body)

    def _sent(self, connection: Connection, call: Call) -> Answer | None:
        try:
            answer = connection.send(call)
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            with self.lock:
                self.report.answers[call.operation, 0] += 1
                self.report.say(call, f"gave no answer: {type(error).__name__}", None)
            return None
        with self.lock:
            self.report.answers[call.operation, answer.status] += 1
            for wrong in faults(call, answer, self.codes):
                self.report.say(call, wrong, answer)
            if _is_refusal(answer) and len(call.body) < REPLAYED_BYTES:
                self._keep(call)
        return answer

    def _keep(self, call: Call) -> None:
        # Early ones and late ones with the same chance, in bounded memory.
        self.kept_from += 1
        refused = self.report.refused
        if len(refused) < REPLAYED:
            refused.append(call)
        elif (place := self.random.randrange(self.kept_from)) < REPLAYED:
            refused[place] = call

    def _replay(self) -> None:
        """Refused calls alone change nothing; those that others have made right meanwhile go first."""
        calls = self.report.refused
        for turn in range(6):
            before = digest()
            still = self._refused_again(calls, turn)
            if len(still) == len(calls):
                break
            calls = still
        else:
            self.report.findings["(replay)", "calls that were refused go through again and again"] = ""
            return
        self.report.replayed = len(calls)
        after = digest()
        for table in before:
            if before[table] != after[table]:
                change = f"{before[table]} {after[table]}"
                self.report.findings["(replay)", f"refused calls changed {table}"] = change

    def _refused_again(self, calls: list[Call], turn: int) -> list[Call]:
        numbered = enumerate(calls, start=turn * REPLAYED)
        with closing(Connection(self.url)) as connection:
            return [call for number, call in numbered if _is_refusal(connection.send(call.again(number)))]


def _is_refusal(answer: Answer) -> bool:
    return answer.status >= HTTPStatus.BAD_REQUEST
