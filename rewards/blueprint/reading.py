"""
YAML as people write it, read into plain nodes that know their lines.

Only what a program needs is read: mappings, lists and scalars. Anchors, aliases and tags, by which
a small file becomes a huge one or names code to be run, are refused before anything is made of them.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml
from django.utils.translation import gettext as _
from msgspec import Struct

from rewards.blueprint.faults import Fault, InvalidBlueprint

BYTES_AT_MOST: Final = 1024 * 1024
NODES_AT_MOST: Final = 50_000
DEPTH_AT_MOST: Final = 40
TEXT_AT_MOST: Final = 20_000

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,39})\Z", re.ASCII)
_FLOAT: Final = re.compile(r"-?[0-9]{1,20}\.[0-9]{1,30}(e[-+]?[0-9]{1,3})?\Z", re.ASCII)
_NOTHING: Final = ("", "~", "null")
_TRUTHS: Final = {"true": True, "false": False}


class Scalar(Struct, frozen=True):
    """A text. Without quotes it may be a number, a truth value or nothing."""

    text: str
    is_quoted: bool = False

    @property
    def is_nothing(self) -> bool:
        return not self.is_quoted and self.text in _NOTHING


class Node(Struct, frozen=True):
    """Something in the file, with its line and its place, such as `rewards.coffee.price`."""

    line: int
    path: str
    value: "Scalar | dict[str, Node] | list[Node]"

    def below(self, pointer: str) -> "Node":
        """What a JSON pointer (`#/effects/0`) names in it, or the nearest above that is there."""
        node = self
        for step in pointer.removeprefix("#").split("/")[1:]:
            known = node.value
            if isinstance(known, dict) and step in known:
                node = known[step]
            elif isinstance(known, list) and step.isdecimal() and int(step) < len(known):
                node = known[int(step)]
            else:
                break
        return node


def read(raw: bytes) -> Node:
    """
    The file as nodes.

    :raises InvalidBlueprint: if it is too big, no UTF-8, no YAML, or YAML with more than data in it
    """
    if len(raw) > BYTES_AT_MOST:
        raise _refused(0, _("The file is too big: at most %(most)d bytes.") % {"most": BYTES_AT_MOST})
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _refused(line, _("The file is not in UTF-8.")) from None
    try:
        return _Reader(text).document()
    except yaml.YAMLError as error:
        raise _refused(*_told(error, text)) from None


def plain(node: Node) -> Any:
    """The node as JSON has it. Quotes tell a text from a number: "12" and 12."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    text = node.value.text
    if node.value.is_quoted:
        return text
    if node.value.is_nothing:
        return None
    if text in _TRUTHS:
        return _TRUTHS[text]
    if _INTEGER.match(text):
        return int(text)
    return float(text) if _FLOAT.match(text) else text


def _refused(line: int, text: str, path: str = "") -> InvalidBlueprint:
    return InvalidBlueprint([Fault(line, path, text)])


def _told(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark else text[: getattr(error, "position", 0) or 0].count("\n") + 1
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or _("it cannot be read")
    return line, _("This is no YAML: %(why)s.") % {"why": said}


class _Reader:
    """Nodes from the parser's events, one by one, so that a bad file is refused where it gets bad."""

    def __init__(self, text: str) -> None:
        self.events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self.nodes = 0

    def document(self) -> Node:
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                break
        else:
            raise _refused(1, _("The file is empty."))
        node = self.node(next(self.events), "", depth=1)
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                raise _refused(_line(event), _("The file has more than one document: “---” begins another."))
        return node

    def node(self, event: Any, path: str, *, depth: int) -> Node:
        self._check(event, path, depth)
        if isinstance(event, yaml.MappingStartEvent):
            return Node(_line(event), path, self.mapping(path, depth=depth))
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(_line(event), path, self.items(path, depth=depth))
        return Node(_line(event), path, Scalar(event.value, not event.implicit[0]))

    def _check(self, event: Any, path: str, depth: int) -> None:
        self.nodes += 1
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _refused(_line(event), _("Anchors (&) and aliases (*) are not read: say it twice."), path)
        if event.tag is not None:
            raise _refused(_line(event), _("Tags (!) are not read."), path)
        if depth > DEPTH_AT_MOST:
            raise _refused(
                _line(event), _("This is nested too deeply: at most %(most)d.") % {"most": DEPTH_AT_MOST}
            )
        if self.nodes > NODES_AT_MOST:
            raise _refused(
                _line(event), _("There is too much in the file: at most %(most)d.") % {"most": NODES_AT_MOST}
            )
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > TEXT_AT_MOST:
            raise _refused(
                _line(event), _("The text is too long: at most %(most)d.") % {"most": TEXT_AT_MOST}
            )

    def mapping(self, path: str, *, depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent):
                raise _refused(_line(event), _("A key is one word."), path)
            self._check(event, path, depth)
            key = event.value
            if key in found:
                raise _refused(_line(event), _("“%(key)s” stands here twice.") % {"key": key[:60]}, path)
            child = self.node(next(self.events), _join(path, key), depth=depth + 1)
            # What belongs to a key is looked for at the key.
            found[key] = Node(_line(event), child.path, child.value)
        return found

    def items(self, path: str, *, depth: int) -> list[Node]:
        found: list[Node] = []
        for event in self.events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            found.append(self.node(event, _join(path, str(len(found))), depth=depth + 1))
        return found


def _join(path: str, step: str) -> str:
    return f"{path}.{step}" if path else step


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
