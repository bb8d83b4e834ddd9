"""Calls as nobody would write them on purpose: each operation of the schema, with something odd about it."""

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final
from urllib.parse import quote

from tests.bench.program import card
from tests.truth.fuzz import mutations

MEMBERS: Final = 100
ERASABLE: Final = 20
"""Members who may go; the others stay to the end."""
LASTING: Final = MEMBERS - ERASABLE
_OF_SOMEBODY_WHO_MAY_GO: Final = ("erase_member", "merge_members")
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW")
_STEPS: Final = (
    "%00",
    "%ff%fe",
    "..%2f..",
    "%2F",
    "x" * 3000,
    quote("💶"),
    "card:",
    "card:%00",
    "email:a%40b",
    "0",
    "-1",
    "01976c1e-5d7a-7000-8000-000000000000",
    quote("'; DROP TABLE members_member; --"),
    quote("<script>"),
)
_VALUES: Final = (
    "",
    "0",
    "-1",
    "1" * 40,
    "1e3",
    "%00",
    "%ff",
    "null",
    "true",
    "2026-02-30",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-14:00",
    "card:nobody",
    "unheard_of",
    "a,b,,",
    "AAAA",
    "eyJhIjoxfQ",
    quote("💶" * 50),
    "x" * 5000,
)
_HEADERS: Final = (
    (
        "Authorization",
        ("", "Bearer", "Bearer \xff", "Basic dGlsbDp0aWxs", "Bearer rk_live_x", "Bearer " * 99),
    ),
    ("Content-Type", ("", "text/plain", "application/json; charset=latin-1", "multipart/form-data", "\xff/")),
    ("Content-Encoding", ("gzip", "br", "identity", "\xff")),
    ("Accept", ("text/html", "*/*;q=0", "application/xml", "\xff", "application/json;version=99")),
    ("Accept-Language", ("de", "xx-YY", "*", "\xff" * 100)),
    ("Idempotency-Key", (None, "", " ", "\xe9", "x" * 256, "x" * 4000, "same", "a,b")),
    ("If-Match", (None, "", "*", '"stale"', 'W/"x"', '"' * 99, "\xff")),
    ("If-None-Match", ("*", '"stale"', "\xff", ",,,")),
    ("X-Request-Id", ("", "x" * 4000, "\xff", "'; --")),
    ("traceparent", ("", "00-0-0-00", "ff-" + "f" * 60, "\xff")),
    ("X-HTTP-Method-Override", ("DELETE", "\xff")),
    ("X-Forwarded-For", ("", "::1", "x" * 999, "\xff")),
    ("X-Forwarded-Host", ("evil.example",)),
    ("Cookie", ("sessionid=x", "\xff", ";;;=")),
    ("Range", ("bytes=0-1", "bytes=-", "x")),
)


@dataclass(frozen=True)
class Call:
    """One request as it is sent."""

    operation: str
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    def again(self, number: int) -> "Call":
        """The same under a key of its own, so that no kept answer stands in for the work."""
        if len(self.headers.get("Idempotency-Key", "")) != 36:
            return self
        return replace(self, headers=self.headers | {"Idempotency-Key": f"again-{number:030}"})


@dataclass
class Operation:
    """What the schema says of one operation."""

    id: str
    method: str
    path: str
    queries: list[str]
    places: list[str]
    examples: list[Any]


def operations(schema: Any) -> list[Operation]:
    return [
        Operation(
            id=said["operationId"],
            method=method.upper(),
            path=path,
            queries=[p["name"] for p in said.get("parameters", []) if p["in"] == "query"],
            places=[p["name"] for p in said.get("parameters", []) if p["in"] == "path"],
            examples=list(_examples(said)),
        )
        for path, methods in schema["paths"].items()
        for method, said in methods.items()
    ]


def _examples(said: Any) -> Iterator[Any]:
    content = said.get("requestBody", {}).get("content", {}).get("application/json", {})
    for example in content.get("examples", {}).values():
        yield example["value"]


@dataclass
class Caller:
    """Makes calls up, and learns from the answers what there is: ids, codes, cursors."""

    operations: list[Operation]
    random: Random
    name: str
    made: int = 0
    seen: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=50)))

    def next(self, key: str) -> Call:
        self.made += 1
        operation = self.random.choice(self.operations)
        is_odd = self.random.random() < 0.1
        body = b""
        if operation.examples:
            right = self._fits(self.random.choice(operation.examples), operation)
            body = mutations.body(right, self.random)
        call = Call(
            operation.id,
            operation.method,
            self._path(operation) + self._query(operation),
            self._headers(operation, key),
            body,
        )
        return self._odd(call) if is_odd else call

    def learn(self, path: str, answer: Any) -> None:
        """Remember what an answer names."""
        rows = answer.get("data") if isinstance(answer.get("data"), list) else [answer]
        kind = {"holds": "hold_id", "redemptions": "redemption_id", "checkouts": "checkout_id"}
        kind |= {"transactions": "transaction_id", "events": "transaction_id", "vouchers": "voucher_id"}
        for step, name in kind.items():
            if f"/{step}" in path:
                self.seen[name] += [row["id"] for row in rows if isinstance(row, dict) and "id" in row]
        if answer.get("voucher_code"):
            self.seen["code"].append(answer["voucher_code"])
        if isinstance(answer.get("next"), str):
            self.seen["cursor"].append(answer["next"].rpartition("cursor=")[2])

    def _card(self, operation: Operation) -> str:
        may_go = operation.id in _OF_SOMEBODY_WHO_MAY_GO
        return card(self.random.randrange(*((LASTING, MEMBERS) if may_go else (0, LASTING))))

    def _fits(self, value: Any, operation: Operation) -> Any:
        """An example with what there is here in the place of what it names."""
        if isinstance(value, list):
            return [self._fits(inner, operation) for inner in value]
        if not isinstance(value, dict):
            return value
        fitting = {name: self._fits(inner, operation) for name, inner in value.items()}
        if set(value) == {"kind", "value"}:
            return {"kind": "card", "value": self._card(operation)}
        if "external_id" in value and self.random.random() < 0.8:
            fitting["external_id"] = f"{self.name}-{self.made}"
        for name, known in (
            ("reward", "coffee"),
            ("code", self._one("code", "NOCODE")),
            ("wallet_type", "points"),
        ):
            if name in value:
                fitting[name] = known
        if "transaction_id" in value:
            fitting["transaction_id"] = self._one("transaction_id", value["transaction_id"])
        return fitting

    def _one(self, name: str, otherwise: str) -> str:
        return self.random.choice(self.seen[name]) if self.seen[name] else otherwise

    def _path(self, operation: Operation) -> str:
        path = operation.path
        for place in operation.places:
            path = path.replace(f"{{{place}}}", self._step(place, operation))
        return path

    def _step(self, place: str, operation: Operation) -> str:
        if self.random.random() < 0.08:
            return self.random.choice(_STEPS)
        known = {"reference": f"card:{self._card(operation)}", "reward_key": "coffee", "key": "vip"}
        known["identifier"] = known["reference"]
        return known.get(place) or self._one(place, "01976c1e-5d7a-7000-8000-000000000000")

    def _query(self, operation: Operation) -> str:
        if self.random.random() > (0.7 if operation.queries else 0.03):
            return ""
        names = [*operation.queries, *operation.queries, "unknown", "program", "%00"]
        pairs = [self.random.choice(names) for _ in range(self.random.choice([1, 1, 2, 3]))]
        return "?" + "&".join(f"{name}={self._value(name)}" for name in pairs)

    def _value(self, name: str) -> str:
        if name == "limit" and self.random.random() < 0.5:
            return "2"
        if name == "cursor" and self.random.random() < 0.7 and self.seen["cursor"]:
            cursor = self._one("cursor", "")
            return cursor if self.random.random() < 0.5 else cursor[:-3]
        if name == "member" and self.random.random() < 0.5:
            return f"card:{card(self.random.randrange(LASTING))}"
        return self.random.choice(_VALUES)

    def _headers(self, operation: Operation, key: str) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        if operation.method == "POST":
            headers["Idempotency-Key"] = f"{self.random.getrandbits(144):036x}"
        if operation.method in ("PUT", "PATCH"):
            headers["If-Match"] = "*" if self.random.random() < 0.7 else '"stale"'
        return headers

    def _odd(self, call: Call) -> Call:
        if self.random.random() < 0.15:
            return replace(call, operation="(other method)", method=self.random.choice(_METHODS))
        if self.random.random() < 0.1:
            end = self.random.choice(["/", "/%00", "/x", "//", ";x", "%20", "/../whoami", ".json"])
            return replace(call, operation="(other address)", target=call.target.partition("?")[0] + end)
        headers = dict(call.headers)
        for name, values in self.random.sample(_HEADERS, self.random.choice([1, 1, 2])):
            value = self.random.choice(values)
            if value is None:
                headers.pop(name, None)
            else:
                headers[name] = value
        return replace(call, headers=headers)
