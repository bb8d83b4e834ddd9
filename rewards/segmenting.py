"""Segments by conditions: who meets them now is in, and everybody hears who came and who went."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from typing import Any
from uuid import UUID

import structlog
from django.utils.translation import gettext as _

from loyalty.core import keys
from loyalty.core.errors import InvalidInput
from loyalty.core.models import Program
from members import segments
from members.models import Segment
from members.segments import Turnover
from rewards.audience.members import named_segments, selection
from rewards.engine import conditions
from rewards.engine.catalogue import SCOPES
from rewards.engine.conditions import Node
from rewards.engine.problems import InvalidDefinition, Place

log = structlog.get_logger(__name__)


def parse(raw: object) -> Node | None:
    """
    The tree of conditions over members; None if there are none, which everybody meets.

    :raises InvalidDefinition: with everything that is wrong
    """
    place = Place()
    node = conditions.parse(raw, scope=SCOPES["member"], place=place)
    if place.problems:
        raise InvalidDefinition(tuple(place.problems))
    return node


def check(raw: object, *, program: Program, key: str) -> Node | None:
    """
    The conditions as those of the segment with that key.

    :raises InvalidDefinition: if they do not hold together; says where and why
    :raises InvalidInput: if they name a segment that is not there, or that depends on this one, or
        have a character that cannot be stored
    """
    node = parse(raw)
    _check_characters(raw)
    named = named_segments(node)
    if not named:
        return node
    known = Segment.objects.of(program).values_list("key", "conditions")
    others = {other: conditions for other, conditions in known if other != key}
    if missing := sorted(named - {*others, key}):
        raise InvalidInput(_("There is no segment “%(key)s” in this program.") % {"key": missing[0]})
    try:
        TopologicalSorter({key: named, **_dependencies(others)}).prepare()
    except CycleError as error:
        chain = " → ".join(reversed(error.args[1]))
        detail = _("These segments would depend on each other: %(chain)s.") % {"chain": chain}
        raise InvalidInput(detail) from error
    return node


def _check_characters(raw: object) -> None:
    """PostgreSQL's text has no U+0000, and UTF-8 no half of a pair."""
    text = json.dumps(raw, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(_("A text has a character that is none.")) from error
    if r"\u0000" in text:
        raise InvalidInput(_("A text must not contain the character U+0000."))


def _dependencies(trees: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """The keys that each of the segments names; none of one whose conditions cannot be read any more."""
    found = {}
    for key, tree in trees.items():
        try:
            found[key] = named_segments(parse(tree))
        except InvalidDefinition:
            found[key] = frozenset()
    return found


def free_key(name: str, *, program: Program) -> str:
    """A key that no segment of the program has."""
    return keys.free_key(name, among=Segment.objects.of(program), otherwise="segment")


def refresh(segment_id: UUID, *, at: datetime) -> Turnover:
    """
    Find a segment's members by its present conditions, and write and publish what has changed.

    A list and a segment that is archived are left as they are.

    :raises InvalidDefinition: if its conditions cannot be read
    """
    with segments.turn(segment_id):
        wanted = Segment.objects.in_use().dynamic().select_related("program").filter(pk=segment_id).first()
        if wanted is None:
            return Turnover()
        found, parameters = selection(wanted.program, parse(wanted.conditions), at=at)
        return segments.rewrite(wanted, found=found, parameters=parameters, at=at)


def refresh_all(program: Program, *, at: datetime) -> Turnover:
    """
    Refresh every segment of a program, those first that others name.

    :raises ExceptionGroup: at the end, if it went wrong for any
    """
    entered = left = 0
    errors = []
    for segment_id, key in _in_order(program):
        try:
            moved = refresh(segment_id, at=at)
        except Exception as error:  # whatever it is, the next segment has no part in it
            log.exception("segment_not_refreshed", program=program.key, segment=key)
            errors.append(error)
        else:
            entered, left = entered + moved.entered, left + moved.left
    if errors:
        raise ExceptionGroup("some segments could not be refreshed", errors)
    return Turnover(entered, left)


def _in_order(program: Program) -> Iterator[tuple[UUID, str]]:
    rows = Segment.objects.of(program).in_use().dynamic().order_by("key", "pk")
    found = {key: (segment_id, tree) for segment_id, key, tree in rows.values_list("pk", "key", "conditions")}
    sorter = TopologicalSorter(_dependencies({key: tree for key, (_id, tree) in found.items()}))
    try:
        order = list(sorter.static_order())
    except CycleError:  # two were saved at once; each is refreshed by what the other was
        order = list(found)
    for key in order:
        if key in found:
            yield found[key][0], key


def archive(segment: Segment, *, at: datetime) -> None:
    """Put a segment away: it keeps the members that it has, for the campaigns that name it."""
    segment.archived_at = at
    segment.save(update_fields=["archived_at"])


def restore(segment: Segment) -> None:
    """Take a segment up again; its members are found with the next refresh."""
    segment.archived_at = None
    segment.save(update_fields=["archived_at"])
