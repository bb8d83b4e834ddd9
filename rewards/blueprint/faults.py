"""What is wrong with a file, all of it at once, each with its line."""

from collections.abc import Iterable
from typing import ClassVar

from django.utils.translation import gettext_lazy as _
from msgspec import Struct

from loyalty.core.errors import DomainError

FAULTS_AT_MOST = 200


class Fault(Struct, frozen=True):
    """One fault of a file. `line` counts from 1, `path` names the place, such as `rewards.coffee.price`."""

    line: int
    path: str
    text: str

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.path}: {self.text}" if self.path else f"{where}{self.text}"


class InvalidBlueprint(DomainError):
    """The file cannot be applied as it is; `faults` names everything that is wrong with it."""

    code: ClassVar[str] = "invalid_blueprint"
    status: ClassVar[int] = 422
    title = _("The file cannot be applied")

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: fault.line))
        super().__init__("\n".join(map(str, self.faults)))


class Faults:
    """Faults as they are found: reading goes on, so that a person hears of all of them at once."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def add(self, line: int, path: str, text: object) -> None:
        if len(self.found) < FAULTS_AT_MOST:
            self.found.append(Fault(line, path, str(text)))

    def stop_if_any(self) -> None:
        """:raises InvalidBlueprint: if there is one"""
        if self.found:
            raise InvalidBlueprint(self.found)
