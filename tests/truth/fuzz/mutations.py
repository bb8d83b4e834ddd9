"""What goes wrong with a body: something odd in the place of something right, or bytes that are no JSON."""

import copy
import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from random import Random
from typing import Any, Final

MEGABYTE: Final = 1024 * 1024
ODD: Final[tuple[Any, ...]] = (
    None,
    True,
    0,
    -1,
    2**31,
    2**63,
    -(2**63) - 1,
    10**400,
    1e308,
    0.1,
    "",
    " ",
    "\0",
    "a\0b",
    "\u202e\ufeff",
    "\ud800",
    "💶" * 300,
    "x" * 100_000,
    "-5.00",
    "1e999",
    "NaN",
    "Infinity",
    "0.001",
    "9" * 400,
    "٣",
    "unheard_of",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2999-01-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-06-01T12:00:00",
    "P999999999D",
    "'; DROP TABLE members_member; --",
    "%s%n{0}{{7*7}}",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "01976c1e-5d7a-7000-8000-77d0c1f9a2e6",
    [],
    {},
    [[]],
    {"": None},
)
Path = tuple[Any, ...]


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where something can be put in the place of what is there."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from places(inner, (*path, name))


def at(body: Any, path: Path) -> Any:
    for step in path:
        body = body[step]
    return body


def put(body: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(body)
    at(changed, path[:-1])[path[-1]] = value
    return changed


def _other_value(body: Any, random: Random) -> Any:
    return put(body, random.choice(list(places(body))), random.choice(ODD))


def _left_out(body: Any, random: Random) -> Any:
    paths = [path for path in places(body) if path]
    if not paths:
        return body
    path = random.choice(paths)
    changed = copy.deepcopy(body)
    del at(changed, path[:-1])[path[-1]]
    return changed


def _one_more(body: Any, random: Random) -> Any:
    name = random.choice(["id", "points", "program", "", "\0", "__proto__", "status", "x" * 300, "kind"])
    inside = random.choice([path for path in places(body) if isinstance(at(body, path), dict)] or [()])
    here = at(body, inside)
    return put(body, inside, {**here, name: random.choice(ODD)}) if isinstance(here, dict) else body


def _negated(body: Any, random: Random) -> Any:
    amounts = [path for path in places(body) if path and path[-1] in ("amount", "points", "quantity")]
    if not amounts:
        return _other_value(body, random)
    path = random.choice(amounts)
    here = at(body, path)
    return put(body, path, -here if isinstance(here, int) else f"-{here}" if isinstance(here, str) else -1)


def _many(body: Any, random: Random) -> Any:
    """5,000 of what comes in a list, with the same ids, or nearly."""
    lists = [path for path in places(body) if isinstance(at(body, path), list) and at(body, path)]
    if not lists:
        return _other_value(body, random)
    path = random.choice(lists)
    item, same = at(body, path)[0], random.random() < 0.3
    return put(body, path, [_numbered(item, 0 if same else number) for number in range(5_000)])


def _numbered(item: Any, number: int) -> Any:
    return {**item, "id": str(number)} if isinstance(item, dict) and "id" in item else item


def _twice(body: Any, random: Random) -> Any:
    lists = [path for path in places(body) if isinstance(at(body, path), list) and at(body, path)]
    path = random.choice(lists) if lists else ()
    return put(body, path, at(body, path) * 2) if lists else body


_SHAPES: Final[tuple[tuple[Callable[[Any, Random], Any], float], ...]] = (
    (_other_value, 60),
    (_left_out, 12),
    (_one_more, 12),
    (_negated, 10),
    (_twice, 4),
    (_many, 0.5),
)


def _deep(raw: bytes, random: Random) -> bytes:
    depth = random.choice([490, 600, 100_000])
    opening, closing = random.choice([(b"[", b"]"), (b'{"a":', b"}")])
    return opening * depth + b"1" + closing * depth


@lru_cache
def _of_megabytes(megabytes: int) -> bytes:
    return b'{"first_name":"' + b"x" * megabytes * MEGABYTE + b'"}'


def _large(raw: bytes, random: Random) -> bytes:
    return _of_megabytes(random.choice([4, 5, 10]))


def _cut(raw: bytes, random: Random) -> bytes:
    return raw[: random.randrange(len(raw) + 1)]


def _other_byte(raw: bytes, random: Random) -> bytes:
    place = random.randrange(len(raw) + 1)
    return raw[:place] + random.choice([b"\xff", b"\0", b"\xed\xa0\x80", b"\\u0000", b'"']) + raw[place:]


def _other_encoding(raw: bytes, random: Random) -> bytes:
    text = raw.decode(errors="replace")
    return random.choice([text.encode("utf-16"), b"\xef\xbb\xbf" + raw, text.encode("utf-32")])


def _other_text(raw: bytes, random: Random) -> bytes:
    return random.choice([b"", b" ", b"null", b"NaN", b"[1e999]", b"-", b'{"a":1,"a":2}', raw + raw])


_BYTES: Final[tuple[tuple[Callable[[bytes, Random], bytes], float], ...]] = (
    (_cut, 3),
    (_other_byte, 5),
    (_other_encoding, 1),
    (_other_text, 3),
    (_deep, 1),
    (_large, 0.15),
)


def body(right: Any, random: Random) -> bytes:
    """Bytes of a body: of the right one now and then, mostly of one with something wrong in it."""
    if random.random() < 0.15:
        return dumped(right)
    value = right
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        value = _one_of(_SHAPES, random)(value, random)
    raw = dumped(value)
    return _one_of(_BYTES, random)(raw, random) if random.random() < 0.12 else raw


def _one_of(choices: Any, random: Random) -> Any:
    kinds, weights = zip(*choices, strict=True)
    return random.choices(kinds, weights)[0]


def dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode()
