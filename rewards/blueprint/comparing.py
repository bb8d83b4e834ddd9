"""What a file would change in a program, in words; and whether it may."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

import msgspec
from django.utils.translation import gettext as _
from msgspec import Struct

from loyalty.core.models import Program
from rewards.blueprint import writing
from rewards.blueprint.campaigns import is_published
from rewards.blueprint.columns import Values
from rewards.blueprint.document import Described, Document, describe
from rewards.blueprint.faults import Faults
from rewards.blueprint.section import Read, Section
from rewards.blueprint.sections import BY_KEY, KINDS, SECTIONS
from rewards.models import CampaignStatus

ADDED: Final = "added"
CHANGED: Final = "changed"
MISSING: Final = "missing"
TEXT_SHOWN: Final = 200
CHANGES_AT_MOST: Final = 2_000
"""What one transaction writes, and somebody looks at, within reason."""
_ABSENT: Final[Any] = object()


class Line(Struct, frozen=True):
    """One value that differs: its place within the thing, before and after."""

    path: str
    before: str
    after: str


class Change(Struct, frozen=True):
    """A thing that the file adds, has otherwise, or does not name."""

    section: str
    key: str
    name: str
    kind: str
    lines: tuple[Line, ...] = ()

    @property
    def label(self) -> str:
        return str(KINDS[self.section].label)

    @property
    def can_be_pruned(self) -> bool:
        return self.kind == MISSING and KINDS[self.section].retires is not None

    def fate(self, *, prune: bool = False) -> str:
        """What becomes of a thing that the file does not name."""
        section = KINDS[self.section]
        return str(section.retires if prune and section.retires is not None else section.stays)


class Comparison(Struct, frozen=True):
    """`unpublished` are campaigns of the file by which members do not earn yet, `paused` those that rest."""

    changes: tuple[Change, ...]
    unpublished: tuple[str, ...]
    paused: tuple[str, ...] = ()

    def of_kind(self, kind: str) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.kind == kind)

    @property
    def differs(self) -> bool:
        return any(change.kind != MISSING for change in self.changes)

    @property
    def fingerprint(self) -> str:
        """The same for the same differences: what was looked at is what is applied."""
        return sha256(msgspec.json.encode(self)).hexdigest()


def compare(document: Document, program: Program, *, there: Described | None = None) -> Comparison:
    """
    The differences between a file and a program.

    :raises InvalidBlueprint: with everything that keeps the file from being applied to that program
    """
    found = there or describe(program)
    _check(document, program, found)
    changes: list[Change] = []
    for section in SECTIONS:
        if section.key in document.things:
            changes += _changes(section.key, document, found)
    campaigns = document.things.get("campaigns", {})
    rows = found.rows["campaigns"]
    open_ones = [
        key
        for key, read in campaigns.items()
        if key not in rows or not is_published(rows[key], read.values["definition"])
    ]
    paused = tuple(key for key in open_ones if key in rows and rows[key].status == CampaignStatus.PAUSED)
    return Comparison(tuple(changes), tuple(key for key in open_ones if key not in paused), paused)


def _changes(key: str, document: Document, found: Described) -> Iterator[Change]:
    section, read, there = BY_KEY[key], document.things[key], found.values[key]
    for thing, one in read.items():
        name = str(one.values.get("name") or one.values.get("label") or thing)
        if thing not in there:
            brief = section.brief(one.values)
            yield Change(key, thing, name, ADDED, tuple(_lines(_ABSENT, brief)))
        elif lines := tuple(_lines(there[thing], section.with_parts_of(one.values, there[thing]))):
            yield Change(key, thing, name, CHANGED, lines)
    for thing, values in there.items():
        name = str(values.get("name") or values.get("label"))
        if thing in read:
            yield from _missing_parts(key, thing, read[thing].values, values)
        elif not section.is_over(found.rows[key][thing]):
            yield Change(key, thing, name, MISSING)


def _missing_parts(
    key: str, thing: str, after: Mapping[str, Any], before: Mapping[str, Any]
) -> Iterator[Change]:
    for name, part in BY_KEY[key].parts.items():
        for part_key, values in before[name].items():
            if part_key not in after[name]:
                yield Change(part.key, f"{thing}.{part_key}", str(values["name"]), MISSING)


def _lines(before: Any, after: Any, path: str = "") -> Iterator[Line]:
    """Where two values differ, as deep as both have the same shape."""
    if isinstance(after, Mapping) and (before is _ABSENT or isinstance(before, Mapping)) and after:
        known = {} if before is _ABSENT else before
        for name in (*after, *(name for name in known if name not in after)):
            step = f"{path}.{name}" if path else str(name)
            yield from _lines(known.get(name, _ABSENT), after.get(name, _ABSENT), step)
    elif isinstance(after, list) and isinstance(before, list):
        for number in range(max(len(before), len(after))):
            old, new = (side[number] if number < len(side) else _ABSENT for side in (before, after))
            yield from _lines(old, new, f"{path}.{number}")
    elif not _same(before, after):
        yield Line(path, _said(before), _said(after))


def _same(before: Any, after: Any) -> bool:
    """As JSON is the same: 1 is not true, and 1 not 1.0. What is new and empty is no news."""
    if before is _ABSENT and after in (None, ""):
        return True
    return before is after or (type(before) is type(after) and bool(before == after))


def _said(value: Any) -> str:
    if value is _ABSENT or value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    text = (writing.on_one_line if isinstance(value, Mapping | list) else writing.word)(value)
    return text if len(text) <= TEXT_SHOWN else f"{text[:TEXT_SHOWN]}…"


def _check(document: Document, program: Program, there: Described) -> None:
    """:raises InvalidBlueprint: if the file says what this program cannot have"""
    faults = Faults()
    if document.currency != program.currency:
        at = document.node.below("#/currency")
        said = _("Its amounts are in %(file)s, those of the program in %(program)s.")
        faults.add(at.line, at.path, said % {"file": document.currency, "program": program.currency})
    different = list(_different(document, there))
    if len(different) > CHANGES_AT_MOST:
        at = different[CHANGES_AT_MOST][2].node
        said = _("That is too much at once: at most %(most)d things that are new or changed.")
        faults.add(at.line, at.path, said % {"most": CHANGES_AT_MOST})
    faults.stop_if_any()
    known = _known(document, program)
    for section, key, read, before in different:
        section.check(key, read, before, program, faults)
        for at, wanted, name in section.references(read):
            if wanted in known and name not in known[wanted]:
                said = _("There is no “%(name)s” among the %(section)s of the file or the program.")
                faults.add(at.line, at.path, said % {"name": name, "section": wanted})
    for name, things in document.things.items():
        BY_KEY[name].check_together(things, there.values[name], faults)
    faults.stop_if_any()


def _different(document: Document, there: Described) -> Iterator[tuple[Section, str, Read, Values | None]]:
    """The things that are new or not as they are: the section, the key, the file's side and the program's."""
    for name, things in document.things.items():
        section = BY_KEY[name]
        for key, read in things.items():
            before = there.values[name].get(key)
            if before is None or any(_lines(before, section.with_parts_of(read.values, before))):
                yield section, key, read, before


def _known(document: Document, program: Program) -> dict[str, set[str]]:
    """The keys that may be named: those of the program and those of the file."""
    known = {section.key: section.all_keys(program) for section in SECTIONS}
    for key, things in document.things.items():
        known[key] |= set(things)
        for name in BY_KEY[key].parts:
            known.setdefault(name, set()).update(*(read.values[name] for read in things.values()))
    for section in SECTIONS:
        for name, part in section.parts.items():
            known.setdefault(name, set()).update(part.all_keys(program))
    return known
