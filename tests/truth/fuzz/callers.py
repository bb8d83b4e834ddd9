"""Calls as nobody would write them on purpose: each operation of the schema, with something odd about it."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final

from tests.bench.program import card
from tests.truth.fuzz import mutations, oauth, queries
from tests.truth.fuzz.calls import Call, Operation
from tests.truth.fuzz.oddities import STEPS, VALUES, odd
from tests.truth.fuzz.stories import STORIES, Known

MEMBERS: Final = 100
ERASABLE: Final = 20
"""Members who may go; the others stay to the end."""
LASTING: Final = MEMBERS - ERASABLE
_OF_SOMEBODY_WHO_MAY_GO: Final = ("erase_member", "merge_members")
_OF_NOBODY_YET: Final = ("register_member", "register_members", "add_identifier")
_NUMBERED_BY: Final = {"roll_back_voucher": "use_voucher", "claim_transaction": "unclaimed"}
_OF_ANOTHER: Final = ("friend", "recipient", "duplicate")


@dataclass
class Caller:
    """Makes calls up, and learns from the answers what there is: ids, codes, cursors."""

    operations: Sequence[Operation]
    random: Random
    name: str
    client: oauth.Client
    sandbox_key: str
    made: int = 0
    known: Known = field(init=False)
    planned: deque[Operation] = field(default_factory=deque)
    member: str | None = None
    last: Call | None = None
    is_right: bool = False

    def __post_init__(self) -> None:
        self.known = Known(self.random)
        self._by_id = {operation.id: operation for operation in self.operations}

    def next(self, key: str) -> Call:
        self.made += 1
        chance = self.random.random()
        if chance < 0.02 and self.last is not None:
            return self.last  # a repeat: the same key and the same content, or other content
        if chance < 0.03 and self.last is not None:
            return replace(self.last, body=mutations.dumped({}))
        if chance < 0.07:
            return oauth.call(self.client, self.known, self.random)
        if chance < 0.13:
            return queries.call(key, self.known, self.random)
        self.last = self._of_operation(key)
        return self.last

    def learn(self, path: str, answer: Any) -> None:
        self.known.learn(path, answer)

    def _of_operation(self, key: str) -> Call:
        operation = self._operation()
        body = b""
        if operation.examples:
            right = self._fits(self._example(operation), operation)
            body = mutations.dumped(right) if self.is_right else mutations.body(right, self.random)
        call = Call(
            operation.id,
            operation.method,
            self._path(operation) + self._query(operation),
            self._headers(operation, key),
            body,
        )
        return odd(call, self.random) if not self.is_right and self.random.random() < 0.1 else call

    def _example(self, operation: Operation) -> Any:
        """One of the schema's; now and then a sale of somebody who did not say who they are."""
        example = self.random.choice(operation.examples)
        if operation.id == "record_transaction" and self.random.random() < 0.2:
            return {name: value for name, value in example.items() if name != "member"}
        return example

    def _operation(self) -> Operation:
        """The next of what was planned; now and then a story begins, with what is right."""
        if self.planned:
            self.is_right = self.random.random() < 0.3
            return self.planned.popleft()
        self.member = None
        self.is_right = self.random.random() < 0.06
        if self.is_right:
            first, then = self.random.choice(STORIES)
            self.member = card(self.random.randrange(LASTING))
            steps = self.random.choices(then, k=self.random.randrange(2, 6))
            self.planned.extend(self._by_id[step] for step in steps)
            return self._by_id[first]
        return self.random.choice(self.operations)

    def _card(self, operation: Operation) -> str:
        if self.member is not None and self.random.random() < 0.9:
            return self.member
        may_go = operation.id in _OF_SOMEBODY_WHO_MAY_GO
        return card(self.random.randrange(*((LASTING, MEMBERS) if may_go else (0, LASTING))))

    def _fits(self, value: Any, operation: Operation, name: str = "") -> Any:
        """An example with what there is here in the place of what it names."""
        if isinstance(value, list):
            return [self._fits(inner, operation, name) for inner in value]
        if isinstance(value, dict) and set(value) == {"kind", "value"}:
            if operation.id in _OF_NOBODY_YET:
                return {"kind": "external", "value": self._new("identifier")}
            is_other = name in _OF_ANOTHER and operation.id not in _OF_SOMEBODY_WHO_MAY_GO
            who = card(self.random.randrange(LASTING)) if is_other else self._card(operation)
            return {"kind": "card", "value": who}
        if isinstance(value, dict):
            points = self.random.choice([1, 1, 2, value.get("points", 3)])
            fitting = {key: self._fits(inner, operation, key) for key, inner in value.items()}
            return fitting | self._own(value, operation, points)
        return value

    def _own(self, value: dict[str, Any], operation: Operation, points: Any) -> dict[str, Any]:
        code = "referral_code" if operation.id == "accept_referral" else "code"
        own: dict[str, Any] = {
            "reward": "coffee",
            "rewards": self.random.choice([[], ["five-off"], ["coffee"]]),
            "code": self.known.one(code, "NOCODE"),
            "wallet_type": "points",
            "transaction_id": self.known.one("transaction_id", value.get("transaction_id", "")),
            "confirm": self.sandbox_key,
            "payments": [
                {"method": "cash", "amount": {"amount": self.known.one("due", "8.00"), "currency": "EUR"}}
            ],
            "by": self.random.choice(["PT1H", "PT1H", "P1D", "P9D"]),
        }
        if value.get("kind") != "event" and operation.id != "record_events":
            own["points"] = points
        if isinstance(value.get("lines"), dict):
            own["lines"] = {"1": points}
        if isinstance(value.get("points"), list):
            own["points"] = [{"wallet_type": "points", "points": points}]
        if operation.id in _NUMBERED_BY:
            own["external_id"] = self.known.one(_NUMBERED_BY[operation.id], "none")
        elif self.random.random() < 0.9:
            is_of_nobody = operation.id == "record_transaction" and "member" not in value
            own["external_id"] = self._new("unclaimed" if is_of_nobody else operation.id)
        return {name: fit for name, fit in own.items() if name in value}

    def _new(self, kind: str) -> str:
        """A name that nothing has yet, to be named again by what follows."""
        name = f"{self.name}-{self.made}-{self.random.randrange(1_000)}"
        self.known.seen[kind].append(name)
        return name

    def _path(self, operation: Operation) -> str:
        path = operation.path
        for place in operation.places:
            path = path.replace(f"{{{place}}}", self._step(place, operation))
        return path

    def _step(self, place: str, operation: Operation) -> str:
        if not self.is_right and self.random.random() < 0.08:
            return self.random.choice(STEPS)
        known = {"reference": f"card:{self._card(operation)}", "reward_key": "coffee"}
        known["identifier"] = f"external:{self.known.one('identifier', 'none')}"
        known["key"] = "vip" if "segments" in operation.path else "campaign-00"
        return known.get(place) or self.known.one(place, "01976c1e-5d7a-7000-8000-000000000000")

    def _query(self, operation: Operation) -> str:
        if self.is_right or self.random.random() > (0.7 if operation.queries else 0.03):
            return ""
        names = [*operation.queries, *operation.queries, "unknown", "program", "%00"]
        pairs = [self.random.choice(names) for _ in range(self.random.choice([1, 1, 2, 3]))]
        return "?" + "&".join(f"{name}={self._value(name)}" for name in pairs)

    def _value(self, name: str) -> str:
        if name == "limit" and self.random.random() < 0.5:
            return "2"
        if name == "cursor" and self.random.random() < 0.7 and self.known.seen["cursor"]:
            cursor = self.known.one("cursor", "")
            return cursor if self.random.random() < 0.5 else cursor[:-3]
        if name == "member" and self.random.random() < 0.5:
            return f"card:{card(self.random.randrange(LASTING))}"
        return self.random.choice(VALUES)

    def _headers(self, operation: Operation, key: str) -> dict[str, str]:
        bearer = self.known.one("token", key) if self.random.random() < 0.03 else key
        headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
        if operation.method == "POST":
            headers["Idempotency-Key"] = f"{self.random.getrandbits(144):036x}"
        if operation.method in ("PUT", "PATCH"):
            headers["If-Match"] = "*" if self.is_right or self.random.random() < 0.7 else '"stale"'
        return headers
