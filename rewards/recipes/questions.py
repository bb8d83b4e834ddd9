"""Questions that several recipes ask."""

from datetime import timedelta
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from rewards.recipes import recipe
from rewards.recipes.recipe import Question, Setting, Words


def points(worth: int, label: Words = "") -> Question:
    """`worth` units of money, in points, to begin with."""
    return Question(
        key="points",
        label=label or _("How many points"),
        kind=recipe.POINTS,
        usual=lambda setting: setting.worth(worth),
        unit=_("points"),
        high=10_000_000,
    )


def factor(usual: Any, **more: Any) -> Question:
    return Question(
        key="factor",
        label=_("Base points count"),
        kind=recipe.FACTOR,
        usual=usual,
        unit=_("times"),
        help=_(
            "2 is double, 1.5 half as many again. Multipliers of several campaigns add: ×2 and ×3 give ×4."
        ),
        **more,
    )


def number(key: str, label: Words, usual: int, **more: Any) -> Question:
    return Question(key=key, label=label, kind=recipe.NUMBER, usual=usual, **more)


def amount(label: Words, units: int, **more: Any) -> Question:
    return Question(
        key="amount", label=label, kind=recipe.MONEY, usual=lambda setting: setting.unit * units, **more
    )


def choices(key: str, label: Words, offers: str, **more: Any) -> Question:
    return Question(key=key, label=label, kind=recipe.CHOICES, offers=offers, **more)


def weekdays(*usual: str) -> Question:
    return Question(key="weekdays", label=_("On which days"), kind=recipe.WEEKDAYS, usual=list(usual))


FIRST_DAY: Final = Question(
    key="first_day",
    label=_("First day"),
    kind=recipe.DAY,
    help=_("Empty: as soon as it is published."),
    is_optional=True,
)
LAST_DAY: Final = Question(
    key="last_day",
    label=_("Last day"),
    kind=recipe.DAY,
    help=_("This day still counts. Empty: until somebody ends it."),
    is_optional=True,
)


def _tomorrow(setting: Setting) -> Any:
    return setting.today + timedelta(days=1)


def _in_four_weeks(setting: Setting) -> Any:
    return setting.today + timedelta(days=28)


LAUNCH_DAY: Final = Question(key="first_day", label=_("First day"), kind=recipe.DAY, usual=_tomorrow)
LAUNCH_ENDS: Final = Question(
    key="last_day",
    label=_("Last day"),
    kind=recipe.DAY,
    usual=_in_four_weeks,
    help=_("This day still counts."),
)
