"""The whole file: written from a program, and read as far as it can be without looking at one."""

from typing import Any, Final

from django.utils.translation import gettext as _
from msgspec import Struct

from loyalty.core.models import Program
from rewards.blueprint import reading, writing
from rewards.blueprint.columns import Values
from rewards.blueprint.faults import Faults
from rewards.blueprint.reading import Node
from rewards.blueprint.section import Read
from rewards.blueprint.sections import BY_KEY, SECTIONS

FORMAT: Final = "regulars-program/1"
COMMENT: Final = (
    "# A loyalty program as code: manage.py program check|diff|apply --program KEY FILE\n"
    "# What a thing does not say has its usual value; what is left out is not deleted.\n"
)


class Described(Struct, frozen=True):
    """What a program has: its rows, and what a file would say of them, by section and key."""

    rows: dict[str, dict[str, Any]]
    values: dict[str, dict[str, Values]]


class Document(Struct, frozen=True):
    """What a file says. A section that it does not name is not spoken of."""

    node: Node
    currency: str
    things: dict[str, dict[str, Read]]


def describe(program: Program) -> Described:
    """The program as it is. A few queries for each kind of thing, however many there are."""
    rows = {section.key: section.there(program) for section in SECTIONS}
    values = {section.key: section.described(list(rows[section.key].values())) for section in SECTIONS}
    return Described(rows, values)


def export(program: Program) -> str:
    """The program's design as YAML. The same design is the same text, to the byte."""
    described = describe(program)
    told: dict[str, Any] = {"format": FORMAT, "currency": program.currency}
    for section in SECTIONS:
        values = described.values[section.key]
        told[section.key] = {key: section.brief(one) for key, one in values.items()}
    return COMMENT + writing.write(told)


def read(raw: bytes) -> Document:
    """
    The file, with all of its values.

    :raises InvalidBlueprint: with everything that is wrong with it, whatever the program
    """
    node, faults = reading.read(raw), Faults()
    if not isinstance(node.value, dict):
        faults.add(node.line, "", _("A program file begins with “format: %(format)s”.") % {"format": FORMAT})
    faults.stop_if_any()
    assert isinstance(node.value, dict), "other files were refused"
    things = {key: BY_KEY[key].read(child, faults) for key, child in node.value.items() if key in BY_KEY}
    header = {name: _word(node, name, faults) for name in ("format", "currency")}
    if header["format"] not in ("", FORMAT):
        at = node.value["format"]
        faults.add(at.line, at.path, _("This version reads “%(format)s”.") % {"format": FORMAT})
    for key, child in node.value.items():
        if key not in (*BY_KEY, *header):
            known = ", ".join((*header, *BY_KEY))
            faults.add(child.line, child.path, _("Unknown here. There are: %(known)s.") % {"known": known})
    faults.stop_if_any()
    return Document(node, header["currency"], things)


def _word(node: Node, name: str, faults: Faults) -> str:
    assert isinstance(node.value, dict), "other files were refused"
    found = node.value.get(name)
    if found is None:
        faults.add(node.line, "", _("“%(name)s” is missing.") % {"name": name})
        return ""
    if isinstance(found.value, reading.Scalar):
        return found.value.text
    faults.add(found.line, found.path, _("Here stands one word."))
    return ""
