"""How charts look: for the script that draws them, and drawn on the server as SVG."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


def bars(*, are_stacked: bool = False, thickness: int = 14, labels: int = 8) -> str:
    """Options of a bar chart; `thickness` in pixels and `labels` along the bottom are the most."""
    ticks = {"color": "#8a857b"}
    return json.dumps(
        {
            "responsive": True,
            "maintainAspectRatio": False,
            "animation": False,
            "interaction": {"mode": "index", "intersect": False},
            "plugins": {"legend": {"display": False}},
            "borderRadius": 3,
            "maxBarThickness": thickness,
            "scales": {
                "x": {
                    "stacked": are_stacked,
                    "grid": {"display": False},
                    "border": {"display": False},
                    "ticks": {**ticks, "maxTicksLimit": labels, "maxRotation": 0},
                },
                "y": {
                    "stacked": are_stacked,
                    "grid": {"color": "#8a857b22"},
                    "border": {"display": False},
                    "ticks": {**ticks, "maxTicksLimit": 5},
                    "beginAtZero": True,
                },
            },
        }
    )


BAR_OPTIONS: Final = bars()


@dataclass(frozen=True, slots=True)
class Column:
    """A bar of a chart that is drawn on the server: places and sizes in percent of the drawing."""

    label: str
    value: float
    shown: str
    left: float
    width: float
    height: float

    @property
    def top(self) -> float:
        return 100 - self.height


@dataclass(frozen=True, slots=True)
class Columns:
    """A row of bars from zero up; `most` is the value at the top, `marks` are labels along the bottom."""

    bars: tuple[Column, ...]
    most: float

    @property
    def marks(self) -> tuple[str, ...]:
        """The first, the middle and the last label."""
        labels = [bar.label for bar in self.bars]
        return tuple(dict.fromkeys((labels[0], labels[len(labels) // 2], labels[-1]))) if labels else ()


def columns(values: Sequence[tuple[str, float, str]]) -> Columns:
    """Of (label, value, value in words), in order; templates draw it with `admin/charts/columns.html`."""
    most = max((value for _label, value, _shown in values), default=0) or 1
    step = 100 / max(len(values), 1)
    # Thousands of bars would be thinner than a line, few ones thicker than one looks at with pleasure.
    width = min(step * 0.72, 4.0)
    bars = tuple(
        Column(
            label=label,
            value=value,
            shown=shown,
            left=round(position * step + (step - width) / 2, 3),
            width=round(width, 3),
            height=round(max(100 * value / most, 0), 2),
        )
        for position, (label, value, shown) in enumerate(values)
    )
    return Columns(bars, most)


@dataclass(frozen=True, slots=True)
class Range:
    """An interval with what is likeliest in it: places in percent of the drawing's width."""

    label: str
    shown: str
    left: float
    width: float
    middle: float
    tone: str


@dataclass(frozen=True, slots=True)
class Ranges:
    """Intervals under each other on one scale; `zero` is where nothing is, `low` and `high` are its ends."""

    rows: tuple[Range, ...]
    zero: float
    low: float
    high: float


def ranges(rows: Sequence[tuple[str, str, float, float, float]]) -> Ranges:
    """Of (label, in words, low, middle, high); templates draw it with `admin/charts/ranges.html`."""
    low = min((low for _label, _shown, low, _middle, _high in rows), default=0.0)
    high = max((high for _label, _shown, _low, _middle, high in rows), default=0.0)
    reach = max(abs(low), abs(high)) * 1.15 or 1.0

    def place(value: float) -> float:
        return round(50 + 50 * value / reach, 2)

    drawn = tuple(
        Range(
            label=label,
            shown=shown,
            left=place(start),
            width=round(place(end) - place(start), 2),
            middle=place(middle),
            tone="more" if start > 0 else "less" if end < 0 else "none",
        )
        for label, shown, start, middle, end in rows
    )
    return Ranges(drawn, zero=50.0, low=-reach, high=reach)
