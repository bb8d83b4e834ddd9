"""Made-up names for the households of the data, which have none: the same ones each time."""

from pathlib import Path
from typing import Final

from integrations.complete_journey.importing import Person

HERE: Final = Path(__file__).parent
FIRST_NAMES: Final = (HERE / "first_names.txt").read_text(encoding="utf-8").split()
LAST_NAMES: Final = (HERE / "last_names.txt").read_text(encoding="utf-8").split()


def person(household: int) -> Person:
    """No two households have the same name: the steps share no factor with the number of names."""
    first = FIRST_NAMES[household * 29 % len(FIRST_NAMES)]
    last = LAST_NAMES[household * 31 % len(LAST_NAMES)]
    return Person(first, last, f"{first}.{last}.{household}@mail.example".lower())
