"""Keys made from names: what the API and files call a thing by."""

from typing import Any, Final

from django.db.models import QuerySet
from django.utils.text import slugify

AT_MOST: Final = 36
"""Leaves room for a number behind it."""


def free_key(name: str, *, among: QuerySet[Any], otherwise: str) -> str:
    """A key that none of these things has, such as "happy-hour-2"; `otherwise` of a name without letters."""
    wanted = slugify(name)[:AT_MOST].strip("-_") or otherwise
    taken = set(among.filter(key__startswith=wanted).values_list("key", flat=True))
    names = (wanted, *(f"{wanted}-{number}" for number in range(2, len(taken) + 3)))
    return next(key for key in names if key not in taken)
