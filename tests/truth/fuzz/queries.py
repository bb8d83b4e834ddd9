"""Queries in GraphQL that ask for too much, or for nothing that there is, or are no queries."""

from random import Random
from typing import Any, Final

from tests.bench.program import card
from tests.truth.fuzz import mutations
from tests.truth.fuzz.calls import Call
from tests.truth.fuzz.stories import Known

_RIGHT: Final = """
query Q($r: String!, $n: Int! = 3, $after: String) {
  whoami { program scopes }
  member(reference: $r) { ...person }
  members(first: $n, after: $after) { nodes { ...person } pageInfo { hasNextPage endCursor } }
  transactions(first: $n) { edges { cursor node { id kind status amount { amount } points saleId } } }
  redemptions(first: $n) { nodes { id status voucher { code status } reward { key isOnOffer } } }
  rewards { nodes { key price walletType { key } } }
  campaigns(first: $n) { nodes { key status } }
  segments(first: $n) { nodes { key memberCount } }
  tierLadders { key tiers { key threshold } }
}
fragment person on Member {
  id status attributes identifiers { kind value } tiers { ladder tier { key } } segments { since }
  wallets { available pending entries(first: $n) { nodes { kind points } pageInfo { endCursor } } }
  transactions(first: 2) { nodes { id } } vouchers(first: 2) { nodes { code status } }
}
"""
_ODD: Final = (
    "",
    " ",
    "{",
    "}",
    "{}",
    "\0",
    "{ whoami }",
    "{ whoami { program",
    "\ufeff{ whoami { program } }",
    "# only a comment",
    "mutation { erase }",
    "subscription { whoami { program } }",
    "{ __typename }",
    "{ __schema { types { name fields { name type { name ofType { name ofType { name } } } } } } }",
    '{ __type(name: "Member") { name fields(includeDeprecated: true) { name args { name } } } }',
    '{ __type(name: "\\u0000") { name } }',
    "{ __type(name: 1) { name } }",
    '{ member(reference: "card:\\u0000") { id } }',
    '{ member(reference: "\\uD800") { id } }',
    '{ member(reference: "") { id } }',
    "{ member { id } }",
    "{ members(first: -1) { nodes { id } } }",
    "{ members(first: 99999999999999999999) { nodes { id } } }",
    "{ members(first: 1.5) { nodes { id } } }",
    "{ members(first: null) { nodes { id } } }",
    '{ members(after: "") { nodes { id } } }',
    '{ members(after: "x:y:z") { nodes { id } } }',
    '{ members(status: "\\u0000") { nodes { id } } }',
    '{ members(status: "unheard_of") { nodes { id } } }',
    '{ members(name: "\\u0000") { nodes { id } } }',
    '{ members(name: "\\uD800") { nodes { id } } }',
    '{ members(identifier: "card:\\u0000") { nodes { id } } }',
    '{ members(enrolledFrom: "0001-01-01T00:00:00Z") { nodes { id } } }',
    '{ members(enrolledFrom: "2026-06-01") { nodes { id } } }',
    '{ members(enrolledBefore: "9999-12-31T23:59:59-14:00") { nodes { id } } }',
    '{ members(name: "", status: "", identifier: "") { nodes { id } } }',
    '{ transactions(store: "\\u0000") { nodes { id } } }',
    '{ transactions(member: "card:\\u0000") { nodes { id } } }',
    '{ transactions(externalId: "' + "x" * 5_000 + '") { nodes { id } } }',
    '{ redemptions(reward: "\\u0000") { nodes { id } } }',
    '{ redemptions(member: "nobody") { nodes { id } } }',
    '{ rewards(key: "\\u0000") { nodes { id } } }',
    "{ nobody }",
    "{ whoami { program } } { whoami { program } }",
    "query A { whoami { program } } query A { whoami { program } }",
    "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
    "{ ...a } fragment a on Query { whoami { ...a } }",
    "{ ...nobody }",
    "{ ... on Member { id } }",
    "{ whoami @skip(if: true) { program } }",
    "{ whoami @skip { program } }",
    "{ whoami @nobody(if: $x) { program } }",
    "query ($x: Nobody) { whoami { program } }",
    "query ($x: [[[[[[[[Int]]]]]]]]) { whoami { program } }",
    "query ($x: Int = $x) { whoami { program } }",
    '"""doc""" type Query { a: Int }',
    "{ whoami(" + "a: 1 " * 300 + ") { program } }",
    "'; DROP TABLE members_member; --",
    "💶" * 500,
)


def call(key: str, known: Known, random: Random) -> Call:
    """A query with its variables, mostly with something wrong about one of them."""
    asked: Any = {"query": _query(random), "variables": _variables(known, random)}
    if random.random() < 0.15:
        asked["operationName"] = random.choice(["Q", "", "nobody", None, "\0", 1])
    raw = mutations.dumped(asked)
    chance = random.random()
    if chance < 0.1:
        raw = mutations.body(asked, random)
    elif chance < 0.15:
        raw = mutations.dumped([asked] * random.choice([0, 1, 50, 1_500]))
    elif chance < 0.2:
        raw = raw[: len(raw) // 2] + random.choice([b"\xff", b"\0", b"\xed\xa0\x80"]) + raw[len(raw) // 2 :]
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    if random.random() < 0.03:
        headers["Content-Type"] = random.choice(["application/graphql", "text/plain", ""])
    method = random.choice(["POST"] * 30 + ["GET", "PUT"])
    return Call(
        "graphql", method, "/graphql" + random.choice([""] * 30 + ["?query={whoami}", "/"]), headers, raw
    )


def _query(random: Random) -> str:
    match random.randrange(8):
        case 0 | 1:
            return _RIGHT
        case 2:
            return _cut(random)
        case 3:
            return _large(random)
        case _:
            return random.choice(_ODD)


def _cut(random: Random) -> str:
    """The right one without a word of it, or with another word in its place."""
    words = _RIGHT.split(" ")
    words[random.randrange(len(words))] = random.choice(
        ["", "nobody", "{", "}", "$n", "null", "\0", "...", "1"]
    )
    return " ".join(words)


def _large(random: Random) -> str:
    """Deep, wide, with as many aliases, or as many times the same."""
    size = random.choice([3, 9, 25, 400, 900])
    deep = "{ members { nodes " * size + "{ id }" + " } }" * size
    wide = "{ whoami {" + " program" * size + " } }"
    aliased = "{" + " ".join(f"a{number}: whoami {{ program }}" for number in range(size)) + "}"
    spread = "{" + " ...a" * size + " } fragment a on Query { members { nodes { id } } }"
    some = f"(first: {size}) {{ nodes"
    costly = f"{{ members{some} {{ wallets {{ entries{some} {{ id }} }} }} }} }} }}"
    unused = "{ whoami { program } } fragment a on Whoami {" + " program" * size + " }"
    lists = "{ members(first: " + "[" * size + "1" + "]" * size + ") { nodes { id } } }"
    introspection = (
        "{ __schema { types { fields { type" + " { ofType" * size + " { name }" + " }" * size + " } } } }"
    )
    return random.choice([deep, wide, aliased, spread, costly, unused, lists, introspection])


def _variables(known: Known, random: Random) -> Any:
    if random.random() < 0.1:
        return random.choice([None, {}, [], 1, "x", {"": None}, {"r": {"a": [1] * 500}}])
    given: dict[str, Any] = {"r": f"card:{card(random.randrange(80))}", "n": random.choice([1, 2, 5])}
    if random.random() < 0.4:
        name = random.choice(["r", "n", "after", "unheard_of"])
        given[name] = random.choice([*mutations.ODD, known.one("cursor", "x"), known.one("end_cursor", "x")])
    return given
