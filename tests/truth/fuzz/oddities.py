"""What is odd about a call whatever its body: steps of addresses, values of parameters, headers, methods."""

from dataclasses import replace
from random import Random
from typing import Final
from urllib.parse import quote

from tests.truth.fuzz.calls import Call

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW")
STEPS: Final = (
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
VALUES: Final = (
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


def odd(call: Call, random: Random) -> Call:
    """The same call with something odd about its method, its address or its headers."""
    if random.random() < 0.15:
        return replace(call, operation="(other method)", method=random.choice(_METHODS))
    if random.random() < 0.1:
        end = random.choice(["/", "/%00", "/x", "//", ";x", "%20", "/../whoami", ".json"])
        return replace(call, operation="(other address)", target=call.target.partition("?")[0] + end)
    headers = dict(call.headers)
    for name, values in random.sample(_HEADERS, random.choice([1, 1, 2])):
        value = random.choice(values)
        if value is None:
            headers.pop(name, None)
        else:
            headers[name] = value
    return replace(call, headers=headers)
