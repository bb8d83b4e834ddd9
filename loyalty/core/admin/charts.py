"""How charts look, for the script that draws them."""

import json
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
