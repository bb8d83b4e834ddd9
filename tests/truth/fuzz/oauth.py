"""Requests for tokens, and for their end, as no library would send them."""

import base64
from dataclasses import dataclass
from random import Random
from typing import Final
from urllib.parse import quote_plus

from tests.truth.fuzz.calls import Call
from tests.truth.fuzz.stories import Known

ERRORS: Final = frozenset(
    {"invalid_request", "invalid_client", "invalid_scope", "unsupported_grant_type", "invalid_grant"}
)
FORM: Final = "application/x-www-form-urlencoded"
_ODD: Final = (
    "",
    " ",
    "%00",
    "%ff%fe",
    "%",
    "%zz",
    "%ed%a0%80",
    "+",
    "x" * 9_000,
    "x" * 200_000,
    "%F0%9F%92%B6" * 50,
    "members:read",
    "members:read++members:write",
    "members:read%09",
    "rk_live_" + "0" * 49,
    "rs_live_" + "0" * 49,
    "client_credentials",
    "password",
    "'%3B+DROP+TABLE+integrations_credential%3B--",
)
_BODIES: Final = (
    b"",
    b"\xff",
    b"\0",
    b"&",
    b"=",
    b"a=" * 3_000,
    b"grant_type",
    b"grant_type=client_credentials;scope=x",
    b'{"grant_type": "client_credentials"}',
    b"&".join(b"a%d=1" % number for number in range(500)),
)
_TYPES: Final = (
    "",
    "application/json",
    "text/plain",
    "multipart/form-data; boundary=x",
    f"{FORM}; charset=x",
)


@dataclass(frozen=True)
class Client:
    """An OAuth client that may ask for tokens."""

    id: str
    secret: str


def call(client: Client, known: Known, random: Random) -> Call:
    """A call of the token endpoint or of the one that ends tokens, with something odd about most."""
    name = random.choice(["token", "token", "revoke"])
    fields = [("grant_type", "client_credentials"), ("scope", "members:read")]
    if name == "revoke":
        fields = [("token", known.one("token", "rt_live_x"))]
    headers = {"Content-Type": FORM}
    if random.random() < 0.6:
        headers["Authorization"] = _basic(client, random)
    else:
        fields += [("client_id", client.id), ("client_secret", client.secret)]
    return Call(
        f"oauth_{name}",
        random.choice(["POST"] * 20 + ["GET", "PUT", "OPTIONS"]),
        f"/oauth/{name}" + random.choice([""] * 20 + ["?scope=x", "?%00", "/", "?access_token=x"]),
        _with_oddities(headers, random),
        _body(fields, random),
    )


def _basic(client: Client, random: Random) -> str:
    right = f"{client.id}:{client.secret}".encode()
    if random.random() < 0.4:
        return "Basic " + base64.b64encode(right).decode()
    raw = random.choice(
        [
            b"",
            b":",
            b"\xff:\xff",
            b"\0",
            right.replace(b":", b""),
            right + b":",
            right + b"\0",
            b"%00:%ff",
            client.id.encode() + b":" + b"x" * 5_000,
            right.replace(b"_", b"%5F"),
        ]
    )
    encoded = base64.b64encode(raw).decode()
    shapes = [f"Basic {encoded}", f"basic  {encoded}", f"Basic {encoded[:-2]}", f"Basic={encoded}", "Basic"]
    return random.choice([*shapes, "Basic \xff", f"Bearer {client.secret}", "Basic " + "A" * 7_000])


def _with_oddities(headers: dict[str, str], random: Random) -> dict[str, str]:
    if random.random() < 0.05:
        headers["Content-Type"] = random.choice(_TYPES)
    if random.random() < 0.03:
        headers["Content-Encoding"] = random.choice(["gzip", "identity", "\xff"])
    return headers


def _body(fields: list[tuple[str, str]], random: Random) -> bytes:
    if random.random() < 0.12:
        return random.choice(_BODIES)
    pairs = [(name, quote_plus(value)) for name, value in fields]
    if random.random() < 0.5:
        match random.randrange(4):
            case 0:
                place = random.randrange(len(pairs))
                pairs[place] = (pairs[place][0], random.choice(_ODD))
            case 1:
                pairs.append(random.choice(pairs))
            case 2:
                del pairs[random.randrange(len(pairs))]
            case _:
                pairs.append(
                    (random.choice([*_ODD, "resource", "audience", "assertion"]), random.choice(_ODD))
                )
    return "&".join(f"{name}={value}" for name, value in pairs).encode()
