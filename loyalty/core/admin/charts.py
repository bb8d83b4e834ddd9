"""How charts look, for the script that draws them."""

import json
from typing import Final

BAR_OPTIONS: Final = json.dumps(
    {
        "responsive": True,
        "maintainAspectRatio": False,
        "animation": False,
        "interaction": {"mode": "index", "intersect": False},
        "plugins": {"legend": {"display": False}},
        "borderRadius": 3,
        "maxBarThickness": 14,
        "scales": {
            "x": {
                "grid": {"display": False},
                "border": {"display": False},
                "ticks": {"maxTicksLimit": 8, "maxRotation": 0, "color": "#8a857b"},
            },
            "y": {
                "grid": {"color": "#8a857b22"},
                "border": {"display": False},
                "ticks": {"maxTicksLimit": 5, "color": "#8a857b"},
                "beginAtZero": True,
            },
        },
    }
)
