"""One program's proof: its members, a chunk at a time, in one snapshot."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from msgspec import Struct

from loyalty.core.models import EventHorizon, Program
from members.ledger.verify.anchors import Anchor, AnchorWriter, differing
from members.ledger.verify.checks import HOLDS, LEDGER, STRAYS
from members.ledger.verify.rows import HEADS, HEADS_BEFORE, LAST, ROWS, Fault, Part
from members.models import Member

CHUNK: Final = 2_000
"""Members whose rows are looked at together."""
FIRST: Final = UUID(int=0)
LAST_OF_ALL: Final = UUID(int=2**128 - 1)
UNCHANGED: Final = "what an earlier check saw is as it was"

# The rows of a chunk are read by index, and joined as wholes; nothing here is worth compiling.
_SETTINGS: Final = "SET LOCAL jit = off; SET LOCAL work_mem = '64MB'; SET LOCAL enable_nestloop = off"


class Progress(Struct, frozen=True):
    """How far a proof has come."""

    members: int
    of_members: int
    rows: int


Listener = Callable[[Progress], None]


class Proof:
    """
    The proof of one program's books, to be read to its end: `faults()` holds the snapshot until then.

    With `before`, the anchors of an earlier check, whatever that one saw must still be as it was.
    Afterwards `rows`, `seconds` and `anchors` tell what was done.
    """

    def __init__(
        self,
        program: Program,
        *,
        parts: Sequence[Part] = (LEDGER, HOLDS),
        before: Sequence[Anchor] = (),
        before_event: int = 0,
        listener: Listener | None = None,
    ) -> None:
        self.program = program
        self.before = before
        self.before_event = before_event
        self.listener = listener
        self.members = self.of_members = self.rows = 0
        self.seconds = 0.0
        self.sealed_event = 0
        self.writer = AnchorWriter()
        self.earlier = AnchorWriter()
        self._sql = _statement(parts)

    def faults(self) -> Iterator[Fault]:
        began = monotonic()
        with snapshot():
            self.of_members = Member.objects.filter(program=self.program).count()
            self.sealed_event = _sealed()
            after, position = FIRST, 0
            while True:
                found, last = self._look_at(after, position)
                yield from found
                if last is None:
                    break
                after, position = last, position + 1
            yield from self._vanished(position)
        self.seconds = monotonic() - began

    def _look_at(self, after: UUID, position: int) -> tuple[list[Fault], UUID | None]:
        """The faults of the next chunk, and its last member; None after the last chunk."""
        # An earlier check's chunks are looked at again as they were, the last one with who is new since.
        is_inside = position < len(self.before) - 1
        until = self.before[position].last_member_id if is_inside else LAST_OF_ALL
        asked = {
            "program": self.program.pk,
            "after": after,
            "until": until,
            "limit": None if is_inside else CHUNK,
            "sealed": self.sealed_event,
            "before": self.before_event,
        }
        found, last, heads, heads_before = [], until if is_inside else None, "", ""
        with connection.cursor() as cursor:
            cursor.execute(self._sql, asked)
            for name, row, detail in cursor:
                if name == ROWS:
                    self.rows += int(detail)
                    self.members += int(detail) if row == "people" else 0
                elif name == LAST:
                    last = UUID(detail)
                elif name == HEADS:
                    heads = detail
                elif name == HEADS_BEFORE:
                    heads_before = detail
                else:
                    found.append(Fault(name, row, detail))
        if last is not None:
            self.writer.add(last, bytes.fromhex(heads))
            found.extend(self._changed(position, bytes.fromhex(heads_before)))
            if self.listener:
                self.listener(Progress(self.members, self.of_members, self.rows))
        return found, last

    def _changed(self, position: int, heads: bytes) -> Iterator[Fault]:
        self.earlier.add(FIRST, heads)
        if position < len(self.before):
            for row, detail in differing(self.before[position], heads):
                yield Fault(UNCHANGED, row, detail)

    def _vanished(self, position: int) -> Iterator[Fault]:
        for anchor in self.before[position:]:
            for row, detail in differing(anchor, b""):
                yield Fault(UNCHANGED, row, detail)


def _sealed() -> int:
    return EventHorizon.objects.values_list("sealed_number", flat=True).first() or 0


def strays() -> Iterator[Fault]:
    """Rows of no member at all, of whatever program."""
    with snapshot(), connection.cursor() as cursor:
        for name, sql in STRAYS.items():
            cursor.execute(sql)
            for row, detail in cursor:
                yield Fault(name, row, detail)


@contextmanager
def snapshot() -> Iterator[None]:
    """One view of all tables, however long the checks take; inside a transaction, that one's view."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if is_outermost:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(_SETTINGS)
        yield
        if not is_outermost:
            cursor.execute("RESET jit; RESET work_mem; RESET enable_nestloop")


def _statement(parts: Sequence[Part]) -> str:
    rows = {name: sql for part in parts for name, sql in part.rows.items()}
    checks = {name: sql for part in parts for name, sql in part.checks.items()}
    named = ", ".join(f"{name} AS MATERIALIZED ({sql})" for name, sql in rows.items())
    counted = [name for name in rows if name not in _DERIVED]
    answers = [
        *(
            f"SELECT '{_quoted(name)}', * FROM ({sql}) AS fault(\"row\", detail)"
            for name, sql in checks.items()
        ),
        *(f"SELECT '{ROWS}', '{name}', count(*)::text FROM {name}" for name in counted),
        f"SELECT '{LAST}', '', (array_agg(id ORDER BY id DESC))[1]::text FROM people HAVING count(*) > 0",
        _heads(HEADS, "sealed"),
        _heads(HEADS_BEFORE, "before"),
    ]
    return f"WITH {named} " + " UNION ALL ".join(f"({answer})" for answer in answers)


_DERIVED: Final = frozenset({"moved_date", "line", "moved", "link", "posted"})


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _heads(name: str, event: str) -> str:
    """Each wallet's newest entry up to an event: id of the wallet and hash of the entry, as hex."""
    return f"""
        SELECT '{name}', '', coalesce(string_agg(
            replace(wallet_id::text, '-', '') || encode(hash, 'hex'), '' ORDER BY member_id, wallet_id), '')
        FROM (SELECT DISTINCT ON (e.wallet_id) e.member_id, e.wallet_id, e.hash
              FROM entry e JOIN event v ON v.entry_id = e.id WHERE v.number <= %({event})s
              ORDER BY e.wallet_id, e.number DESC) AS head"""
