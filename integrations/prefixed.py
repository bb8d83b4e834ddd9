"""
Random texts that partners prove themselves by: API keys, client secrets, access tokens.

Each says what it is and for which kind of program (`rk_live_`), then has 43 base62 characters from
32 random bytes, and a checksum of 6, so that a mistyped text is refused, and a leaked one found by
scanners, without a look at the database.
"""

import re
import secrets
import string
from enum import StrEnum
from hashlib import sha256
from typing import Final
from zlib import crc32

from loyalty.core.models import Program, ProgramKind


class Prefix(StrEnum):
    API_KEY = "rk"
    CLIENT_SECRET = "rs"
    ACCESS_TOKEN = "rt"


SHOWN: Final = 16
"""Characters that may be shown later, to recognise it by: they leave 210 bits to guess."""

_DIGITS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_FORM: Final = re.compile(r"(rk|rs|rt)_(?:live|test)_[0-9A-Za-z]{49}")
_CHECKSUM_LENGTH: Final = 6


def new(prefix: Prefix, *, program: Program) -> str:
    body = f"{prefix}_{environment(program)}_{_base62(secrets.token_bytes(32), length=43)}"
    return body + _checksum(body)


def new_client_id(program: Program) -> str:
    """No secret, and random only so that it is not taken yet."""
    return f"rc_{environment(program)}_{_base62(secrets.token_bytes(16), length=22)}"


def environment(program: Program) -> str:
    """Which kind of program a text is for; one of a sandbox opens no live program."""
    return "live" if program.kind == ProgramKind.LIVE else "test"


def read(text: str) -> Prefix | None:
    """What this is, going by its form and its checksum; None if it is mistyped, or nothing of ours."""
    form = _FORM.fullmatch(text)
    if form is None or _checksum(text[:-_CHECKSUM_LENGTH]) != text[-_CHECKSUM_LENGTH:]:
        return None
    return Prefix(form[1])


def is_for(text: str, program: Program) -> bool:
    return text[3:7] == environment(program)


def digest(text: str) -> bytes:
    """What is stored of it. It is random, so that one round of a plain hash is enough."""
    return sha256(text.encode()).digest()


def _checksum(body: str) -> str:
    return _base62(crc32(body.encode()).to_bytes(4), length=_CHECKSUM_LENGTH)


def _base62(value: bytes, *, length: int) -> str:
    number, digits = int.from_bytes(value), ""
    while number:
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    return digits.rjust(length, "0")
