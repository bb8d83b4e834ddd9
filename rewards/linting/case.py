"""A campaign with what must be known of its program to judge it, and what is said of it."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from loyalty.core.models import Program
from members.terms import Terms
from rewards.engine.definition import Definition, each_effect
from rewards.engine.evaluate import CompiledCampaign
from rewards.engine.problems import Place
from rewards.models import Campaign

NAMED_AT_MOST: Final = 4
ERROR: Final = "error"
WARNING: Final = "warning"
INFO: Final = "info"
type Severity = Literal["error", "warning", "info"]


class Hint(Struct, frozen=True, kw_only=True):
    """
    Something to think about before publishing.

    An `error` cannot be meant: the campaign would never give anything, or give for nothing. `pointer`
    is a JSON pointer into the definition.
    """

    code: str
    severity: Severity
    pointer: str
    text: str
    advice: str


class Case(Struct, frozen=True):
    """The definition with what must be known of its program to judge it."""

    program: Program
    raw: Mapping[str, Any]
    rule: Definition
    campaign: Campaign | None
    others: tuple[CompiledCampaign, ...]
    """Those that run or will run by what is published; whose time is over is none."""
    terms: Terms
    prices: Mapping[str, Decimal]
    at: datetime

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.program.time_zone)

    def effect(self, place: int) -> str:
        """Where an effect stands, in whichever variant."""
        return [found.pointer for found, _raw in each_effect(self.raw, Place())][place]

    def listening(self) -> list[CompiledCampaign]:
        """Other campaigns that run and listen to the same."""
        listens = self.rule.trigger.listens_to
        return [one for one in self.others if one.definition.trigger.listens_to == listens]
