"""
One kind of thing in the file. A new kind is a subclass of a few lines, listed in `sections.SECTIONS`.

A section knows its model and columns; reading, comparing and writing follow from those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from msgspec import Struct

from loyalty.core.models import Program, User
from rewards.blueprint.columns import Column, Values
from rewards.blueprint.faults import Faults
from rewards.blueprint.reading import Node

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class Read(Struct, frozen=True):
    """A thing as the file has it."""

    node: Node
    values: Values


class Section:
    """A kind of thing that a program has many of, each with a key of its own."""

    key: ClassVar[str]
    label: ClassVar[_StrPromise]
    model: ClassVar[type[models.Model]]
    columns: ClassVar[tuple[str, ...]]
    key_field: ClassVar[str] = "key"
    """The model's name for what a thing is known by."""
    fixed: ClassVar[tuple[str, ...]] = ()
    """What stays as it was when the thing was made."""
    refers: ClassVar[Mapping[str, str]] = {}
    """The columns that name another thing by its key, and the section in which that is."""
    parts: ClassVar[Mapping[str, Section]] = {}
    """Kinds of things that each of these has of its own, by their name in the file."""
    always: ClassVar[Mapping[str, Any]] = {}
    """What every row of the section has, and no other row of its model."""
    kinds: ClassVar[Mapping[str, type[Column]]] = {}
    """Columns that stand in the file otherwise than in the row."""
    attributes: ClassVar[Mapping[str, str]] = {}
    """Columns that are called otherwise in the file: the model's name for them."""
    stays: ClassVar[_StrPromise]
    """What is said of a thing that the file does not name."""
    retires: ClassVar[_StrPromise | None] = None
    """What pruning does with such a thing; None if nothing can be done."""

    @cached_property
    def fields(self) -> tuple[Column, ...]:
        return tuple(
            self.kinds.get(name, Column)(self.model, name, self.attributes.get(name, ""))
            for name in self.columns
        )

    def column(self, name: str) -> Column | None:
        return next((column for column in self.fields if column.name == name), None)

    # What a program has

    def rows(self, program: Program) -> models.QuerySet[Any]:
        """The program's things that a file speaks of; those whose life is over are not among them."""
        return self.model._default_manager.filter(program=program, **self.always)

    def all_keys(self, program: Program) -> set[str]:
        """The keys that are taken, also by what a file does not speak of any more."""
        rows = self.model._default_manager.filter(program=program)
        return set(rows.values_list(self.key_field, flat=True))

    def key_of(self, row: Any) -> str:
        return str(getattr(row, self.key_field))

    def there(self, program: Program) -> dict[str, Any]:
        """The program's rows by their key, in the order in which a file has them."""
        references = [column.name for column in self.fields if column.is_reference]
        rows = self.rows(program).select_related(*references) if references else self.rows(program)
        return {self.key_of(row): row for row in rows.order_by(self.key_field)}

    def described(self, rows: Sequence[Any]) -> dict[str, Values]:
        """The rows as a file would have them, by their key."""
        parts = {name: part.of_holders(rows) for name, part in self.parts.items()}
        return {
            self.key_of(row): self.values(row)
            | {name: found.get(row.pk, {}) for name, found in parts.items()}
            for row in rows
        }

    def values(self, row: Any) -> Values:
        return {column.name: column.of(row) for column in self.fields}

    def of_holders(self, holders: Sequence[Any]) -> dict[Any, dict[str, Values]]:
        """As a part: what each of the holders has, by the holder's id."""
        raise NotImplementedError

    def brief(self, values: Values) -> Values:
        """What has to be said in a file: what is not as usual."""
        said = {
            column.name: values[column.name]
            for column in self.fields
            if column.is_needed or values[column.name] != column.usual
        }
        for name, part in self.parts.items():
            said[name] = {key: part.brief(one) for key, one in values[name].items()}
        return said

    def with_parts_of(self, after: Values, before: Values) -> Values:
        """What there will be: parts that the file does not name stay."""
        return after | {name: before[name] | after[name] for name in self.parts}

    # What a file has

    def read(self, node: Node, faults: Faults) -> dict[str, Read]:
        """The things of a mapping by their keys."""
        if not isinstance(node.value, dict):
            faults.add(node.line, node.path, _("Here stand things by their keys, each on lines of its own."))
            return {}
        return {key: self._thing(key, child, faults) for key, child in node.value.items()}

    def _thing(self, key: str, node: Node, faults: Faults) -> Read:
        self._check_key(key, node, faults)
        values: Values = {column.name: column.usual for column in self.fields}
        values |= {name: {} for name in self.parts}
        if not isinstance(node.value, dict):
            faults.add(
                node.line, node.path, _("Here stands what “%(key)s” is, line by line.") % {"key": key[:60]}
            )
            return Read(node, values)
        for name, child in node.value.items():
            if name in self.parts:
                read = self.parts[name].read(child, faults)
                values[name] = {part: one.values for part, one in read.items()}
            elif column := self.column(name):
                values[name] = column.read(child, faults)
            else:
                known = ", ".join((*self.columns, *self.parts))
                faults.add(
                    child.line, child.path, _("Unknown here. There are: %(known)s.") % {"known": known}
                )
        for column in self.fields:
            if column.is_needed and column.name not in node.value:
                faults.add(node.line, node.path, _("“%(name)s” is missing.") % {"name": column.name})
        return Read(node, values)

    def _check_key(self, key: str, node: Node, faults: Faults) -> None:
        try:
            self.model._meta.get_field(self.key_field).clean(key, None)  # type: ignore[union-attr]
        except ValidationError as error:
            faults.add(node.line, node.path, " ".join(error.messages))

    # What is changed

    def check(self, key: str, read: Read, before: Values | None, program: Program, faults: Faults) -> None:
        """Note what is wrong with a thing that is new or different, as far as its own values tell."""
        for name in self.fixed:
            if before is not None and before[name] != read.values[name]:
                at = read.node.below(f"#/{name}")
                faults.add(at.line, at.path, _("This stays “%(value)s” for good.") % {"value": before[name]})
        self._check_constraints(read.values, read.node, faults)
        for name, part in self.parts.items():
            parts_before = (before or {}).get(name, {})
            for part_key, one in read.values[name].items():
                if parts_before.get(part_key) != one:
                    at = read.node.below(f"#/{name}/{part_key}")
                    part._check_constraints(one, at, faults)

    def check_together(self, things: Mapping[str, Read], there: Mapping[str, Values], faults: Faults) -> None:
        """Note what is wrong between the things of the file and those that are there."""

    def _check_constraints(self, values: Values, node: Node, faults: Faults) -> None:
        """What one row must satisfy, asked before it is written."""
        own = {
            column.attribute: column.stored(values[column.name])
            for column in self.fields
            if not column.is_reference
        }
        exclude = {field.name for field in self.model._meta.fields} - set(own)
        row = self.model(**self.always, **own)
        try:
            row.validate_constraints(exclude=exclude)
        except ValidationError as error:
            faults.add(node.line, node.path, " ".join(error.messages))

    def references(self, read: Read) -> Iterator[tuple[Node, str, str]]:
        """What the thing names: the place, the section, the key."""
        for name, section in self.refers.items():
            if read.values[name] is not None:
                yield read.node.below(f"#/{name}"), section, read.values[name]

    def make(self, program: Program, key: str, values: Values, found: Mapping[str, Mapping[str, Any]]) -> Any:
        """A new row; `found` are the rows that it may refer to, by section and key."""
        attributes = self._attributes(values, found)
        row = self.model(program=program, **{self.key_field: key}, **self.always, **attributes)
        row.save(force_insert=True)
        self._write_parts(row, {}, values)
        return row

    def change(self, row: Any, before: Values, after: Values, found: Mapping[str, Mapping[str, Any]]) -> None:
        changed = [column.attribute for column in self.fields if before[column.name] != after[column.name]]
        for attribute, value in self._attributes(after, found).items():
            if attribute in changed:
                setattr(row, attribute, value)
        if changed:
            row.save(update_fields=changed)
        self._write_parts(row, before, after)

    def _attributes(self, values: Values, found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        attributes = {}
        for column in self.fields:
            value = column.stored(values[column.name])
            if value is not None and (section := self.refers.get(column.name)):
                value = found[section][value]
            attributes[column.attribute] = value
        return attributes

    def _write_parts(self, row: Any, before: Values, after: Values) -> None:
        for name, part in self.parts.items():
            part.write_of(row, before.get(name, {}), after[name])

    def write_of(self, holder: Any, before: Mapping[str, Values], after: Mapping[str, Values]) -> None:
        """As a part: bring what the holder has to what the file says. What it does not name stays."""
        raise NotImplementedError

    def is_over(self, row: Any) -> bool:
        """Whether it is out of use already."""
        return False

    def retire(self, row: Any, *, by: User, at: datetime) -> None:
        """Take out of use what the file does not name."""
        raise NotImplementedError
