"""How the section's charts look."""

import json
from collections.abc import Sequence
from typing import Any, Final

COLORS: Final = ("var(--color-primary-500)", "var(--rg-amber)", "var(--color-base-400)", "var(--rg-danger)")

_TICKS: Final = {"maxTicksLimit": 6, "color": "#8a857b"}
STACKED: Final = json.dumps(
    {
        "responsive": True,
        "maintainAspectRatio": False,
        "animation": False,
        "interaction": {"mode": "index", "intersect": False},
        "plugins": {"legend": {"display": False}},
        "borderRadius": 3,
        "maxBarThickness": 28,
        "scales": {
            "x": {
                "stacked": True,
                "grid": {"display": False},
                "border": {"display": False},
                "ticks": {**_TICKS, "maxTicksLimit": 12, "maxRotation": 0},
            },
            "y": {
                "stacked": True,
                "grid": {"color": "#8a857b22"},
                "border": {"display": False},
                "ticks": _TICKS,
                "beginAtZero": True,
            },
        },
    }
)


def series(label: str, color: str, values: Sequence[Any]) -> dict[str, Any]:
    return {
        "label": label,
        "data": list(values),
        "backgroundColor": color,
        "borderColor": color,
        "displayYAxis": True,
        "maxTicksXLimit": 12,
    }
