"""Made-up names for the households of the data, which have none: the same ones each time."""

from typing import Final

from integrations.complete_journey.importing import Person

FIRST_NAMES: Final = (
    "Alice Amir Anna Ben Bianca Caleb Carmen Chloe Daniel Deborah Diego Elena Eli Emma Fatima Felix Grace Hannah "
    "Henry Ines Isaac Ivy Jack Jada James Jin Joan Jonas Julia Kai Karen Leah Leo Lena Lucas Maria Marcus Maya Mia "
    "Nadia Nathan Nina Noah Nora Olivia Omar Oscar Paula Peter Priya Quinn Rachel Ravi Rosa Ruth Samuel Sara Sofia "
    "Theo Thomas Uma Victor Wendy Yara Zoe"
).split()
LAST_NAMES: Final = (
    "Abbott Adler Alvarez Baker Banerjee Barnes Becker Bell Bennett Brooks Carter Castillo Chang Cohen Cole Collins "
    "Cooper Cruz Dalton Davies Diaz Dixon Ellis Evans Fields Fisher Flores Foster Fox Garcia Gibson Gomez Graham Grant "
    "Gray Green Griffin Hall Harper Hayes Hill Howard Hughes Hunt Ivanov Jackson Jensen Jordan Kaur Keller Kelly Kim "
    "King Klein Lane Lee Lewis Lopez Marsh Martin Mason Meyer Mills Moore Morgan Murphy Nguyen Nolan Novak Ortiz Owens "
    "Palmer Park Parker Patel Perez Perry Porter Price Quigley Ramirez Reed Reyes Rivera Rossi Russo Ryan Schmidt Shah "
    "Silva Singh Stone Sullivan Tanaka Torres Turner Vega Walker Ward Watson Webb West White Wong Wright Young Zhang"
).split()


def person(household: int) -> Person:
    first = FIRST_NAMES[household * 29 % len(FIRST_NAMES)]
    last = LAST_NAMES[household * 31 % len(LAST_NAMES)]
    return Person(first, last, f"{first}.{last}.{household}@mail.example".lower())
