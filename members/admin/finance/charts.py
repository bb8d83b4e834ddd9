"""How the section's charts look."""

from collections.abc import Sequence
from typing import Any, Final

from loyalty.core.admin.charts import bars

COLORS: Final = ("var(--color-primary-500)", "var(--rg-amber)", "var(--color-base-400)", "var(--rg-danger)")

STACKED: Final = bars(are_stacked=True, thickness=28, labels=12)


def series(label: str, color: str, values: Sequence[Any]) -> dict[str, Any]:
    return {
        "label": label,
        "data": list(values),
        "backgroundColor": color,
        "borderColor": color,
        "displayYAxis": True,
        "maxTicksXLimit": 12,
    }
