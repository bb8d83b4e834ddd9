"""What is known of members, and whom campaigns are for: attributes, types of events, segments."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from typing import Any
from uuid import UUID

from django.db import models
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from loyalty.core.models import Program, User
from members.models import AttributeOwner, AttributeType, EventType, Segment
from rewards import segmenting
from rewards.blueprint.campaigns import in_order, of_conditions
from rewards.blueprint.columns import Column, Values
from rewards.blueprint.faults import Faults
from rewards.blueprint.reading import Node
from rewards.blueprint.section import Read, Section
from rewards.engine.problems import InvalidDefinition

ATTRIBUTE = ("label", "type", "choices")


class MemberAttributes(Section):
    key = "member_attributes"
    label = _("Attribute of members")
    model = AttributeType
    key_field = "name"
    columns = ATTRIBUTE
    always = {"owner": AttributeOwner.MEMBER}
    stays = _("It stays: conditions may ask for it.")


class SaleAttributes(MemberAttributes):
    key = "sale_attributes"
    label = _("Attribute of purchases")
    always = {"owner": AttributeOwner.SALE}


class EventAttributes(MemberAttributes):
    """As part of a type of event."""

    key = "attributes"
    label = _("Attribute of an event")
    always = {"owner": AttributeOwner.EVENT}

    def of_holders(self, holders: Sequence[Any]) -> dict[Any, dict[str, Values]]:
        found: dict[Any, dict[str, Values]] = {}
        for row in AttributeType.objects.filter(event_type__in=holders).order_by("name"):
            found.setdefault(row.event_type_id, {})[row.name] = self.values(row)
        return found

    def write_of(self, holder: Any, before: Mapping[str, Values], after: Mapping[str, Values]) -> None:
        for name, values in after.items():
            if name not in before:
                AttributeType.objects.create(
                    program=holder.program, event_type=holder, name=name, **self.always, **values
                )
            elif values != before[name]:
                row = AttributeType.objects.get(event_type=holder, name=name)
                self.change(row, before[name], values, {})


class EventTypes(Section):
    key = "event_types"
    label = _("Type of event")
    model = EventType
    key_field = "name"
    columns = ("label",)
    parts = {"attributes": EventAttributes()}
    stays = _("It stays: partners may report it.")


class ConditionsColumn(Column):
    def told(self, value: Any) -> Any:
        return in_order(value)


class Segments(Section):
    """Whom they describe. Who is on a fixed list is the moment's business, and differs by program."""

    key = "segments"
    label = _("Segment")
    model = Segment
    columns = ("name", "description", "kind", "conditions")
    fixed = ("kind",)
    kinds = {"conditions": ConditionsColumn}
    stays = _("It stays in use.")
    retires = _("It is archived, with the members that it has.")

    def rows(self, program: Program) -> models.QuerySet[Any]:
        return Segment.objects.of(program).in_use()

    def check(self, key: str, read: Read, before: Values | None, program: Program, faults: Faults) -> None:
        super().check(key, read, before, program, faults)
        if before is None and Segment.objects.of(program).filter(key=key).exists():
            said = _now("There is such a segment, and it is archived: restore it, or choose another key.")
            faults.add(read.node.line, read.node.path, said)
        try:
            segmenting.parse(read.values["conditions"])
        except InvalidDefinition as invalid:
            for problem in invalid.problems:
                at = read.node.below("#/conditions").below(problem.pointer)
                faults.add(at.line, at.path, problem.text())

    def check_together(self, things: Mapping[str, Read], there: Mapping[str, Values], faults: Faults) -> None:
        trees = {key: values["conditions"] for key, values in there.items()}
        trees |= {key: read.values["conditions"] for key, read in things.items()}
        named = {key: {name for _at, _section, name in _segments_in(tree)} for key, tree in trees.items()}
        try:
            TopologicalSorter(named).prepare()
        except CycleError as error:
            chain = list(reversed(error.args[1]))
            at = next(things[key].node for key in chain if key in things)
            said = _now("These segments would depend on each other: %(chain)s.")
            faults.add(at.line, at.path, said % {"chain": " → ".join(chain)})

    def references(self, read: Read) -> Iterator[tuple[Node, str, str]]:
        for pointer, section, name in of_conditions(read.values["conditions"], "#/conditions"):
            yield read.node.below(pointer), section, name

    def change(self, row: Any, before: Values, after: Values, found: Mapping[str, Mapping[str, Any]]) -> None:
        super().change(row, before, after, found)
        if before["conditions"] != after["conditions"]:
            row.refreshed_at = None
            row.save(update_fields=["refreshed_at"])

    def retire(self, row: Any, *, by: User, at: datetime) -> None:
        segmenting.archive(row, at=at)


def to_be_found(program: Program) -> list[UUID]:
    """The segments whose present conditions nobody has asked of the members yet."""
    waiting = Segment.objects.of(program).in_use().dynamic().filter(refreshed_at=None)
    return list(waiting.values_list("pk", flat=True))


def _segments_in(tree: Any) -> Iterator[tuple[str, str, str]]:
    return (found for found in of_conditions(tree, "#") if found[1] == "segments")
