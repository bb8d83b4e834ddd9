"""The guides of docs/partners, run as a reader would: block after block, in one shell."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from loyalty.core.api.guides import FOLDER

_BLOCK: Final = re.compile(r"```(bash|json answer)\n(.*?)```", re.DOTALL)
_BETWEEN: Final = "=== next block ==="
_NEW: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{27}"
    r"|\d{4}-\d\d-\d\dT[0-9:.]+Z"
    r"|(?<=quick-)\d+|(?<=till-7/)\d+|(?<=order-)\d+"
    r"|(?<=http://127.0.0.1:)\d+"
)


@dataclass(frozen=True)
class Guide:
    """Its commands, and by the number of a block of commands the answer that is shown beneath it."""

    commands: tuple[str, ...]
    answers: dict[int, str]

    @property
    def script(self) -> str:
        return f"\necho '{_BETWEEN}'\n".join(self.commands)

    def differences(self, printed: str) -> list[tuple[Any, Any]]:
        """What is shown, and what was answered instead; ids, moments, numbers and codes aside."""
        said = printed.split(_BETWEEN)
        pairs = [(_alike(told), _alike(said[number])) for number, told in self.answers.items()]
        return [(shown, answered) for shown, answered in pairs if shown != answered]


def read(name: str) -> Guide:
    commands: list[str] = []
    answers: dict[int, str] = {}
    for kind, text in _BLOCK.findall((FOLDER / f"{name}.md").read_text()):
        if kind == "bash":
            commands.append(text)
        else:
            answers[len(commands) - 1] = text
    return Guide(tuple(commands), answers)


def _alike(text: str) -> list[Any]:
    """The JSON values of a text, one after the other, with what is new in each run made alike."""
    decoder, found, rest = json.JSONDecoder(), [], text.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        found.append(_without_news(value))
        rest = rest[end:].strip()
    return found


def _without_news(value: Any) -> Any:
    match value:
        case dict():
            return {
                name: "a code"
                if name == "code" and isinstance(inner, str) and not inner.islower()
                else _without_news(inner)
                for name, inner in value.items()
            }
        case list():
            return [_without_news(inner) for inner in value]
        case str():
            return _NEW.sub("…", value)
    return value
