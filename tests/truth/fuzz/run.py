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

from loyalty.core.api import problem
from members.ledger import verify
from tests.truth.fuzz.calls import Call, Caller, operations
from tests.truth.fuzz.world import World, digest

KEY_LASTS: Final = 300
"""Calls, so that codes of vouchers that are guessed wrong do not stop the rest."""
REPLAYED: Final = 2_000
REPLAYED_BYTES: Final = 200_000


@dataclass
class Answer:
    status: int
    media_type: str
    raw: bytes

    @property
    def body(self) -> Any:
        return orjson.loads(self.raw)


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
                return Answer(response.status, media_type, response.read())
        except (OSError, http.client.HTTPException):
            self.http.close()
            raise


def faults(call: Call, answer: Answer, codes: frozenset[str]) -> Iterator[str]:
    """What is wrong with an answer."""
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        yield f"answered {answer.status}"
    if call.method == "HEAD":
        return
    if answer.status >= HTTPStatus.BAD_REQUEST:
        if answer.media_type != problem.MEDIA_TYPE:
            yield f"refused ({answer.status}) with {answer.media_type or 'nothing'}"
            return
        yield from _faults_of_problem(answer.body, answer.status, codes)
    if answer.status == HTTPStatus.MULTI_STATUS:
        for item in answer.body["results"]:
            if "problem" in item:
                yield from _faults_of_problem(item["problem"], item["status"], codes)


def _faults_of_problem(body: Any, status: int, codes: frozenset[str]) -> Iterator[str]:
    if body.get("code") not in codes:
        yield f"refused with an unknown code: {body.get('code')}"
    if body.get("status") != status or not body.get("title"):
        yield "refused with a problem that does not fit"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        yield f"an item was answered {status}"


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

    def run(self, *, requests: int, connections: int, seconds: float = float("inf")) -> Report:
        self.until = time.monotonic() + seconds
        keys = [
            [self.world.key() for _ in range(requests // connections // KEY_LASTS + 1)]
            for _ in range(connections)
        ]
        sandbox = self.world.key(of_sandbox=True)
        threads = [
            threading.Thread(target=self._caller, args=(number, own, sandbox, requests // connections))
            for number, own in enumerate(keys)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._replay()
        for fault in verify.run(program=self.world.live):
            self.report.findings["(ledger)", str(fault)] = ""
        return self.report

    def _caller(self, number: int, keys: list[str], sandbox: str, requests: int) -> None:
        random = Random(f"{self.seed}-{number}")
        caller = Caller(self.operations, random, f"fuzz-{self.seed}-{number}")
        with closing(Connection(self.url)) as connection:
            self._converse(connection, caller, random, keys, sandbox, requests)

    def _converse(
        self,
        connection: Connection,
        caller: Caller,
        random: Random,
        keys: list[str],
        sandbox: str,
        requests: int,
    ) -> None:
        for made in range(requests):
            if time.monotonic() > self.until:
                return
            key = keys[made // KEY_LASTS]
            call = caller.next(key)
            if call.target.startswith("/v1/sandbox") and random.random() < 0.8:
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
        # Early ones and late ones alike, in bounded memory.
        refused = self.report.refused
        if len(refused) < REPLAYED:
            refused.append(call)
        elif len(call.body) % 7 == 0:
            refused[hash(call.target) % REPLAYED] = call

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
