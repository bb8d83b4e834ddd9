"""Effects that give no points: messages, signals, rewards, badges, progress, chances in a draw."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec

from rewards.engine.operands import read_between, read_key, read_text
from rewards.engine.problems import Place, shown

COUNT_AT_MOST = 1_000
_NAME = re.compile(r"[a-z][a-z0-9_.]{0,59}\Z", re.ASCII)


class GiftEffect(msgspec.Struct, frozen=True):
    """
    Something that is given beside points; `parameters` by kind.

    `message` {text}, `webhook` {event_type}, `reward` {reward}, `badge` {badge},
    `challenge_progress` {challenge, count}, `prize_draw_entry` {draw, entries}.
    """

    kind: str
    parameters: Mapping[str, str | int]

    is_base: ClassVar[bool] = False
    multiplies: ClassVar[bool] = False


def _signal(raw: object, place: Place) -> str | None:
    if isinstance(raw, str) and _NAME.match(raw):
        return raw
    return place.refuse("not_an_event_type", found=shown(raw))


def _count(raw: object, place: Place) -> int | None:
    return 1 if raw is None else read_between(raw, 1, COUNT_AT_MOST, place)


type _Read = Callable[[object, Place], str | int | None]
KINDS: dict[str, dict[str, _Read]] = {
    "message": {"text": read_text},
    "webhook": {"event_type": _signal},
    "reward": {"reward": read_key},
    "badge": {"badge": read_key},
    "challenge_progress": {"challenge": read_key, "count": _count},
    "prize_draw_entry": {"draw": read_key, "entries": _count},
}
"""What each kind of gift needs to be told."""


def parse(raw: Mapping[str, Any], place: Place) -> GiftEffect | None:
    """The gift; what is wrong with it is noted at the place."""
    readers = KINDS[raw["kind"]]
    place.mapping(raw, keys=("kind", *readers))
    parameters: dict[str, str | int] = {}
    for name, read in readers.items():
        value = read(raw.get(name), place / name)
        if value is not None:
            parameters[name] = value
    return GiftEffect(raw["kind"], parameters) if len(parameters) == len(readers) else None
