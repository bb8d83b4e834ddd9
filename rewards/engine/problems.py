"""What is wrong with a definition, all of it at once, each with its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from rewards.engine.reasons import Parameter, Reason

PROBLEMS_AT_MOST = 100
SHOWN_AT_MOST = 40


class Problem(msgspec.Struct, frozen=True):
    """One fault of a definition. `pointer` is a JSON pointer such as `#/conditions/all/0/value`."""

    pointer: str
    reason: Reason

    def text(self) -> str:
        return self.reason.text()

    def __str__(self) -> str:
        return f"{self.pointer}: {self.text()}"


class InvalidDefinition(ValueError):
    """A campaign's definition that cannot be run; `problems` names every fault in it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


class Place:
    """Where in a definition the reader is. What is wrong there is noted and reading goes on."""

    def __init__(self, problems: list[Problem] | None = None, pointer: str = "#") -> None:
        self.problems: list[Problem] = [] if problems is None else problems
        self.pointer = pointer

    def __truediv__(self, step: str | int) -> Place:
        escaped = str(step).replace("~", "~0").replace("/", "~1")
        return Place(self.problems, f"{self.pointer}/{escaped}")

    def beside(self, step: str) -> Place:
        """The place next to this one."""
        return Place(self.problems, f"{self.pointer.rpartition('/')[0]}/{step}")

    def refuse[T](self, code: str, **parameters: Parameter) -> T | None:
        """Note what is wrong. None, so that a reader can end with it."""
        if len(self.problems) < PROBLEMS_AT_MOST:
            self.problems.append(Problem(self.pointer, Reason(code, parameters)))
        return None

    def mapping(self, raw: object, *, keys: tuple[str, ...]) -> Mapping[str, Any] | None:
        """`raw` if it is an object; every key of it that is not among `keys` is refused."""
        if not isinstance(raw, Mapping):
            self.refuse("not_an_object", found=shown(raw))
            return None
        for key in raw:
            if key not in keys:
                (self / shown(key)).refuse("unknown_key", key=shown(key), keys=", ".join(keys))
        return raw

    def items(self, raw: object, *, at_most: int, what: str) -> list[Any] | None:
        """`raw` if it is a list with at least one and not too many items."""
        if not isinstance(raw, list | tuple):
            self.refuse("not_a_list", found=shown(raw), what=what)
        elif not raw:
            self.refuse("empty_list", what=what)
        elif len(raw) > at_most:
            self.refuse("list_too_long", length=len(raw), limit=at_most)
        else:
            return list(raw)
        return None


def shown(raw: object) -> str:
    """A wrong value, short enough and safe to be repeated in a message."""
    if raw is None:
        return "nothing"
    if isinstance(raw, Mapping):
        return "an object"
    if isinstance(raw, list | tuple):
        return "a list"
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, int) and raw.bit_length() > 128:
        return "a huge number"
    text = raw if isinstance(raw, str) else repr(raw)
    return text if len(text) <= SHOWN_AT_MOST else f"{text[:SHOWN_AT_MOST]}…"
