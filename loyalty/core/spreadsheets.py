"""
CSV for spreadsheets and accounting: UTF-8, commas, CRLF, a header, "." in amounts, ISO dates.

A text that a spreadsheet would take for a formula is written with an apostrophe before it, which
spreadsheets take for "this is text" (OWASP, CSV injection). Numbers are written as they are.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import Any, Final

from django.http import StreamingHttpResponse

# Also in full width, as Japanese spreadsheets take it, and behind blanks, which some programs skip.
_FORMULA: Final = re.compile(r"[\t\r\n]|[\s\ufeff\u200b]*[=+\-@|%＝＋－＠]")  # noqa: RUF001

type Cell = str | int | Decimal | date | None


class _Echo:
    """A file that gives back what is written to it: csv wants a file, a response wants pieces."""

    def write(self, text: str) -> str:
        return text


def safe(cell: Cell) -> Any:
    """The cell as it is written: no formula, whoever the text comes from."""
    if isinstance(cell, str) and _FORMULA.match(cell):
        return f"'{cell}"
    return f"{cell:f}" if isinstance(cell, Decimal) else cell


def lines(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """The file, line by line, as long as it may be."""
    writer = csv.writer(_Echo())
    yield writer.writerow(header)
    for row in rows:
        yield writer.writerow([safe(cell) for cell in row])


def download(
    name: str, header: Sequence[str], rows: Iterable[Sequence[Cell]], *, opens_in_excel: bool = False
) -> StreamingHttpResponse:
    """
    A file to be saved; `name` is of our own making.

    Excel takes a file for UTF-8 only if a byte order mark says so, which other programs stumble over.
    """
    mark = ["\ufeff"] if opens_in_excel else []
    return StreamingHttpResponse(
        chain(mark, lines(header, rows)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"},
    )
