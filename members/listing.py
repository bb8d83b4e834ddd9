"""Lists of members as people have them: a column of cards or addresses, pasted or from a file."""

import csv
from collections.abc import Iterable, Iterator
from itertools import batched, chain
from typing import ClassVar, Final, NamedTuple
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core.db import fetch
from loyalty.core.errors import DomainError, InvalidInput
from loyalty.core.models import Program
from members.enrolment import normalize
from members.models import IdentifierKind
from members.references import find_id

LINES_AT_MOST: Final = 100_000
_SOUGHT_AT_ONCE: Final = 10_000
_SHOWN_AT_MOST: Final = 40
BY_ID: Final = "id"

_HEADERS: Final = {BY_ID, "member", "member_id", "identifier", "value", "e-mail", "number", *IdentifierKind}


class ListTooLong(DomainError):
    """More lines than are read at once: send them in parts."""

    code: ClassVar[str] = "list_too_long"
    status: ClassVar[int] = 422
    title = gettext_lazy("The list is too long")


class Line(NamedTuple):
    number: int
    text: str


class Problem(NamedTuple):
    """Why a line names nobody; its number counts from 1, as editors and spreadsheets do."""

    line: int
    text: str

    def __str__(self) -> str:
        return _("Line %(number)d: %(text)s") % {"number": self.line, "text": self.text}


class Found(NamedTuple):
    member_ids: list[UUID]
    problems: list[Problem]


def lines(rows: Iterable[str]) -> Iterator[Line]:
    """
    The first column of each row of a CSV that is not empty; a header is no line.

    :raises ListTooLong: at the first line that is one too many
    :raises InvalidInput: if it is no CSV
    """
    ahead = iter(rows)
    first = next(ahead, "")
    # Spreadsheets write semicolons or tabs where a comma is the decimal sign.
    delimiter = next((sign for sign in ";\t" if sign in first), ",")
    reader = csv.reader(chain([first], ahead), delimiter=delimiter, strict=True)
    try:
        yield from _first_column(reader)
    except csv.Error as error:
        where = {"number": reader.line_num, "error": error}
        raise InvalidInput(_("Line %(number)d cannot be read: %(error)s.") % where) from error


def _first_column(rows: Iterable[list[str]]) -> Iterator[Line]:
    count = 0
    for number, row in enumerate(rows, start=1):
        text = row[0].strip().lstrip("\ufeff") if row else ""
        if not text or (number == 1 and text.casefold() in _HEADERS):
            continue
        count += 1
        if count > LINES_AT_MOST:
            raise ListTooLong(_("A list has up to %(n)d lines; send more in parts.") % {"n": LINES_AT_MOST})
        yield Line(number, text)


def find(found: Iterable[Line], *, kind: str, program: Program) -> Found:
    """
    The active members of the program whom the lines name, and what is wrong with all other lines.

    `kind` is that of an identifier, or `id` for our own ids.
    """
    member_ids: list[UUID] = []
    problems: list[Problem] = []
    for some in batched(found, _SOUGHT_AT_ONCE):
        values = {line: _value(line.text, kind) for line in some}
        known = _known({value for value in values.values() if isinstance(value, str)}, kind, program)
        for line, value in values.items():
            if isinstance(value, InvalidInput):
                problems.append(Problem(line.number, value.detail))
            elif value in known:
                member_ids.append(known[value])
            else:
                problems.append(Problem(line.number, _nobody(line.text)))
    return Found(member_ids, problems)


def _nobody(text: str) -> str:
    shown = text if len(text) <= _SHOWN_AT_MOST else f"{text[:_SHOWN_AT_MOST]}…"
    return _("“%(value)s” is no active member of this program.") % {"value": shown}


def _value(text: str, kind: str) -> str | InvalidInput:
    """As it is stored, or why it cannot be."""
    try:
        if kind == BY_ID:
            return str(find_id(text) or "")
        return normalize(kind, text)
    except InvalidInput as refusal:
        return refusal


_BY_IDENTIFIER: Final = """
SELECT known.value, member.id FROM members_identifier AS known
JOIN members_member AS member ON member.id = known.member_id AND member.status = 'active'
WHERE known.program_id = $1 AND known.kind = $2 AND known.value = ANY($3)"""
_BY_ID: Final = """
SELECT id::text, id FROM members_member
WHERE program_id = $1 AND status = 'active' AND $2 = 'id' AND id = ANY($3::text[]::uuid[])"""


def _known(values: set[str], kind: str, program: Program) -> dict[str, UUID]:
    statement = _BY_ID if kind == BY_ID else _BY_IDENTIFIER
    return dict(fetch(statement, [program.pk, kind, sorted(values - {""})]))
