"""
Bodies become values: JSON in UTF-8, of at most 5 MB, of exactly the shape that was asked for.

A name that comes twice in an object counts with its last value, here and in the request's
fingerprint. Numbers of any length are read exactly where whole numbers are expected.
"""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate
from types import UnionType
from typing import Any, Final, overload
from unicodedata import is_normalized, normalize

import msgspec
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from loyalty.core import codes
from loyalty.core.api import expected, refusals

_CHARSETS: Final = {"", "utf-8", "utf8"}


def body(request: Request) -> bytes:
    """
    The raw body of a call that declares it as JSON.

    :raises BadRequest: if it comes in chunks
    :raises MalformedJSON: if there is none
    :raises UnsupportedMediaType: if it says to be anything else
    :raises RequestDataTooBig: if it is larger than the settings allow; answered with 413
    """
    raw = request._request
    if is_empty(request):
        raise refusals.MalformedJSON(_("There is no body."))
    if raw.content_type != "application/json":
        raise refusals.UnsupportedMediaType(_("Send the body as Content-Type: application/json."))
    if (raw.content_params or {}).get("charset", "").lower() not in _CHARSETS:
        raise refusals.UnsupportedMediaType(_("Send the body in UTF-8."))
    if raw.META.get("HTTP_CONTENT_ENCODING", "identity") != "identity":
        raise refusals.UnsupportedMediaType(_("Send the body uncompressed."))
    return raw.body


def _refuse_chunks(request: HttpRequest) -> None:
    # Django reads as much as Content-Length says: without it a body would be taken for none.
    if "HTTP_TRANSFER_ENCODING" in request.META:
        raise refusals.BadRequest(_("Send the body with a Content-Length, not in chunks."))


def is_empty(request: Request) -> bool:
    """Whether a call comes without a body, as a command may that has nothing to say."""
    _refuse_chunks(request._request)
    return not request._request.body


class _Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """An object without fields."""


def refuse_fields(request: Request) -> None:
    """
    See that a call has no body, or one that says nothing: `{}` or `null`.

    :raises InvalidBody: with a pointer to the first field that there is
    """
    if not is_empty(request):
        decode(request, _Nothing | None)


def loads(raw: bytes) -> Any:
    """
    Any JSON value.

    :raises MalformedJSON: with what is wrong and where
    """
    value = shaped(raw, Any)
    _refuse_unstorable(raw, value)
    return value


@overload
def decode[T](request: Request, kind: type[T]) -> T: ...


@overload
def decode(request: Request, kind: UnionType) -> Any: ...


def decode(request: Request, kind: Any) -> Any:
    """
    The body as a value of that type: a `msgspec.Struct`, or one of several that a tag tells apart.

    :raises MalformedJSON: if it is no JSON
    :raises InvalidBody: if it has another shape, or unknown fields; with a pointer to the place
    """
    return of_bytes(body(request), kind)


def of_bytes(raw: bytes, kind: Any) -> Any:
    """A value of that type from JSON that was taken out of a body; refused as `decode()` refuses."""
    value = shaped(raw, kind)
    _refuse_unstorable(raw, None)
    return value


DEEPEST: Final = 500
"""Levels of objects and arrays that a body may have; what we take has a handful."""
_BRACKETS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_ALL_ELSE: Final = bytes(set(range(256)) - set(b"[{]}"))
# Takes what is not closed to its end: one pass, whatever is sent.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)


def _refuse_depth(raw: bytes) -> None:
    # The decoder goes down a level by a call in C. Python's own limit of such calls does not know how
    # small the stack of a server's thread is: a body that is deep enough would end the whole process.
    if raw.count(b"[") + raw.count(b"{") <= DEEPEST:
        return
    steps = _STRING.sub(b"", raw).translate(_BRACKETS, _ALL_ELSE)
    depth = accumulate(1 if step == 1 else -1 for step in steps)
    if max(depth, default=0) > DEEPEST:
        raise refusals.MalformedJSON(_("The body is nested too deeply."))


def shaped(raw: bytes, kind: Any) -> Any:
    """JSON of that shape, whose texts may hold what cannot be stored: `of_bytes()` without its last look."""
    _refuse_depth(raw)
    try:
        try:
            return _decoded(composed(raw), kind)
        except msgspec.ValidationError as error:
            # What is wrong is found while the rest is still unread, which may be no JSON.
            raise _refusal(str(error), raw, kind) from None
    except UnicodeDecodeError:
        raise refusals.MalformedJSON(_("The body is not encoded in UTF-8.")) from None
    except msgspec.DecodeError as error:
        if not raw.strip():
            raise refusals.MalformedJSON(
                _("There is no body. If there is nothing to say, send {}.")
            ) from None
        raise refusals.MalformedJSON(str(error)) from None


# Below U+0300 nothing composes: letters with accents that most JSON has escaped, too.
_MAY_COMPOSE: Final = re.compile(rb"\\u(?:0[3-9a-fA-F]|[1-9a-fA-F])")


def composed(raw: bytes) -> bytes:
    """
    The same JSON with its texts in Normalization Form C (Unicode Standard Annex 15).

    What looks the same is the same then, on whatever system it was typed: “é” may come as one character
    or as two.
    """
    is_escaped = not raw.isascii() or b"\\u" in raw
    if not is_escaped or (not _MAY_COMPOSE.search(raw) and is_normalized("NFC", raw.decode())):
        return raw
    value = _decoder(Any).decode(raw)
    in_form = _in_form_c(value)
    return raw if in_form == value else msgspec.json.encode(in_form)


def _in_form_c(value: Any) -> Any:
    match value:
        case str():
            return normalize("NFC", value)
        case list():
            return [_in_form_c(inner) for inner in value]
        case dict():
            return {normalize("NFC", name): _in_form_c(inner) for name, inner in value.items()}
    return value


def _refusal(message: str, raw: bytes, kind: Any) -> refusals.InvalidBody:
    detail, pointer = explained(message)
    steps = _steps(message)
    if (found := _CHOICE.match(message)) and (choices := expected.choices(kind, steps)):
        value = ast.literal_eval(found["value"])
        detail = _("“{value}” is none of {choices}.").format(value=value, choices=", ".join(choices))
    elif expected.is_nameless(message) and steps:
        name = expected.misfit(raw, steps, decode=lambda other: _decoded(other, kind))
        pointer = pointer if name is None else f"{pointer}/{_escaped(name)}"
    return refusals.InvalidBody(detail, pointer=pointer)


def _decoded(raw: bytes, kind: Any) -> Any:
    try:
        return _decoder(kind).decode(raw)
    except msgspec.ValidationError as error:
        if "got `float`" not in str(error):
            raise
        # To JSON Schema 2.0 is an integer, and some languages write whole numbers so.
        return _decoder(kind).decode(msgspec.json.encode(_whole(_decoder(Any).decode(raw))))


_WHOLE_FLOAT: Final = re.compile(rb"[:\[,]-?\d+\.0[,\]}]")


def canonical(value: Any) -> bytes:
    """The one form of a value: in whatever order its names were, and however its numbers were written."""
    written = msgspec.json.encode(value, order="deterministic")
    # Looking for what gives a whole float away is all that most values cost.
    if not _WHOLE_FLOAT.search(b"[%b]" % written):
        return written
    return msgspec.json.encode(_whole(value), order="deterministic")


LARGEST_EXACT: Final = 2**53


def _whole(value: Any) -> Any:
    """The same with integers in the place of whole floats, as far as those are exact."""
    match value:
        case float() if value.is_integer() and abs(value) <= LARGEST_EXACT:
            return int(value)
        case list():
            return [_whole(inner) for inner in value]
        case dict():
            return {name: _whole(inner) for name, inner in value.items()}
    return value


@lru_cache(maxsize=256)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


_PLACE: Final = re.compile(r"^(?P<what>.*?)(?: - at (?P<key>`key` in )?`\$(?P<path>[^`]*)`)?$", re.DOTALL)
_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_CHOICE: Final = re.compile(r"Invalid enum value (?P<value>.*?)(?: - at `[^`]*`)?$", re.DOTALL)
_FIELD: Final = re.compile(r"(?:missing required|unknown) field `([^`]*)`")
_QUOTED: Final = re.compile(r"`[^`]*`")
_TYPE: Final = re.compile(r"\b(?:str|int|float|bool)\b")
_NAMES: Final = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


# In words what the patterns mean that are the same all over the API.
_PATTERN: Final = re.compile(r"matching regex (?P<pattern>'.*')", re.DOTALL)
_INVISIBLE: Final = gettext_lazy(
    "There is something invisible in it, as a control character, a special blank or a mark of direction"
)
_IN_WORDS: Final = {
    codes.VISIBLE.removesuffix(r"(?!\n)"): _INVISIBLE,
    codes.TYPED: _INVISIBLE,
    r"^[0-9]{1,12}(\.[0-9]{1,2})?$": gettext_lazy(
        "An amount is a text such as “12.50”: not negative, with a point and at most two decimals"
    ),
    r"^[0-9]{1,9}(\.[0-9]{1,3})?$": gettext_lazy(
        "A quantity is a text such as “2” or “0.750”: not negative, with at most three decimals"
    ),
    r"^[A-Z]{3}$": gettext_lazy("A currency is a code of three capital letters (ISO 4217), as EUR"),
    r"^[a-z][a-z0-9_.-]{0,39}$": gettext_lazy(
        "A key has up to 40 lower-case letters, digits, “_”, “.” and “-”, the first of them a letter"
    ),
    r"^[a-z][a-z0-9_.]{0,59}$": gettext_lazy(
        "A name of a type has up to 60 lower-case letters, digits, “_” and “.”, the first of them a letter"
    ),
    r"^[a-z][a-z0-9_]{0,39}$": gettext_lazy(
        "A name has up to 40 lower-case letters, digits and “_”, the first of them a letter"
    ),
}


_MOMENT: Final = gettext_lazy(
    "A moment is a text such as “2026-06-01T14:00:00+02:00” (ISO 8601), with its offset from UTC"
)
_PLAIN: Final = {
    "Expected `datetime` with a timezone component": _MOMENT,
    "Invalid RFC3339 encoded datetime": _MOMENT,
    "Invalid RFC3339 encoded date": gettext_lazy("A day is a text such as “2026-06-01” (ISO 8601)"),
}
"""What msgspec says without a value or a pattern in it, for those who never heard of RFC 3339."""


def _in_words(what: str) -> str:
    if what in _PLAIN:
        return str(_PLAIN[what])
    if found := _PATTERN.search(what):
        pattern = ast.literal_eval(found["pattern"])
        return str(_IN_WORDS.get(pattern.removesuffix(r"(?!\n)"), what))
    return what


def explained(message: str) -> tuple[str, str]:
    """What msgspec found wrong, in JSON's own words, and a JSON pointer to it (`#/lines/0/amount`)."""
    match = _PLACE.match(message)
    assert match is not None, "each part of the pattern is optional"
    steps = _steps(message)
    if field := _FIELD.search(match["what"]):
        steps.append(field[1])
    detail = _QUOTED.sub(_in_json_names, _in_words(match["what"]))
    if match["key"]:
        detail = _("A name in this object: {detail}").format(detail=detail)
    return detail + ".", "/".join(["#", *map(_escaped, steps)])


def _steps(message: str) -> list[str]:
    """The names and positions that lead to the place, as far as msgspec tells them."""
    match = _PLACE.match(message)
    # "[...]" stands for a name in a free-form object.
    known = ((match and match["path"]) or "").partition("[...]")[0]
    return [name or position for name, position in _STEP.findall(known)]


def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")


def _in_json_names(quoted: re.Match[str]) -> str:
    return _TYPE.sub(lambda name: _NAMES[name[0]], quoted[0])


# PostgreSQL takes offsets below 16 hours; those that countries have end at 14.
_FAR_OFFSET: Final = re.compile(rb'[+-](?:1[6-9]|2\d):?[0-5]\d"')
_FAR_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ][\d:.]+[+-](?:1[6-9]|2\d):?[0-5]\d")


def _refuse_unstorable(raw: bytes, value: Any) -> None:
    # Looking for what gives them away first is all that most bodies cost.
    if rb"\u0000" not in raw and not _FAR_OFFSET.search(raw):
        return
    for detail, place in _unstorable(value if value is not None else shaped(raw, Any), "#"):
        raise refusals.InvalidBody(detail, pointer=place)


def _unstorable(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """What PostgreSQL cannot hold: why, and where it is."""
    if isinstance(value, str):
        if "\0" in value:
            yield _("A text must not contain the character U+0000."), pointer
        if _FAR_MOMENT.fullmatch(value):
            yield _("The offset of a time is less than 16 hours."), pointer
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _unstorable(inner, f"{pointer}/{position}")
    elif isinstance(value, dict):
        for name, inner in value.items():
            if "\0" in name:
                yield _("A text must not contain the character U+0000."), pointer
            yield from _unstorable(inner, f"{pointer}/{name}")


class JSONParser(BaseParser):
    """For `request.data`, where a serializer reads it."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return loads(body(parser_context["request"]))
