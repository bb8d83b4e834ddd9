"""Recipes for what members get when they buy."""

from typing import Final

from django.utils.translation import gettext_lazy as _

from rewards.recipes import questions as ask
from rewards.recipes import recipe
from rewards.recipes.recipe import (
    Answers,
    Definition,
    Question,
    Recipe,
    Setting,
    at_most,
    days,
    every,
    fixed,
    money,
    plain,
    times,
    where,
)

PURPOSE: Final = "everyday"


def _rate(answers: Answers, setting: Setting, fact: str, values: str) -> Definition:
    """More points for an amount of what is picked; not multiplied by other campaigns."""
    picked = answers[values]
    extra = {
        "kind": "points_per_unit",
        "points": str(answers["points"]),
        "per": money(setting.unit),
        "of": "matching_lines",
        "lines": every(where(fact, "in", picked)),
        "counts_as": "bonus",
    }
    return {"trigger": {"kind": "sale"}, "effects": [extra], "schedule": days(answers, setting)}


def _more() -> tuple[Question, ...]:
    return (
        Question(
            key="points",
            label=_("Extra points for each unit of money"),
            kind=recipe.POINTS,
            usual=1,
            help=_("On top of what the base rules give."),
            high=1000,
        ),
        ask.FIRST_DAY,
        ask.LAST_DAY,
    )


RECIPES: Final = (
    Recipe(
        key="points-per-amount",
        name=_("Points for every purchase"),
        icon="payments",
        purpose=PURPOSE,
        good_for=_("The base rule of a program: all that members spend counts, and they know what it gives."),
        questions=(
            Question(
                key="points", label=_("Points"), kind=recipe.POINTS, usual=1, unit=_("points"), high=10_000
            ),
            ask.amount(_("For each"), 1, help=_("Of what was paid, discounts taken off.")),
        ),
        build=lambda a, s: {
            "trigger": {"kind": "sale"},
            "effects": [{"kind": "points_per_unit", "points": str(a["points"]), "per": money(a["amount"])}],
        },
    ),
    Recipe(
        key="double-weekend",
        name=_("Double points at the weekend"),
        icon="weekend",
        purpose=PURPOSE,
        good_for=_("Brings purchases to chosen days of the week, without a discount."),
        questions=(ask.factor(2), ask.weekdays("saturday", "sunday"), ask.FIRST_DAY, ask.LAST_DAY),
        build=lambda a, s: {
            "trigger": {"kind": "sale"},
            "effects": [times(a["factor"])],
            "schedule": {"weekdays": a["weekdays"], **days(a, s)},
        },
        note=_(
            "It multiplies base points: without a rule that gives some for every purchase, it gives nothing."
        ),
    ),
    Recipe(
        key="happy-hour",
        name=_("Happy hour"),
        icon="schedule",
        purpose=PURPOSE,
        good_for=_("Fills quiet hours: more points for those who come then."),
        questions=(
            ask.factor(2),
            Question(key="start", label=_("From"), kind=recipe.TIME, usual="14:00"),
            Question(
                key="end",
                label=_("Until"),
                kind=recipe.TIME,
                usual="16:00",
                help=_("This minute no longer counts. Before “from”: over midnight."),
            ),
            ask.weekdays("monday", "tuesday", "wednesday", "thursday", "friday"),
        ),
        build=lambda a, s: {
            "trigger": {"kind": "sale"},
            "effects": [times(a["factor"])],
            "schedule": {
                "weekdays": a["weekdays"],
                "hours": [{"from": f"{a['start']:%H:%M}", "until": f"{a['end']:%H:%M}"}],
            },
        },
        note=_("It multiplies base points. Hours are those of the program's time zone."),
    ),
    Recipe(
        key="category-bonus",
        name=_("Extra points on a category"),
        icon="category",
        purpose=PURPOSE,
        good_for=_("Moves members to goods with a better margin, or to a season's range."),
        questions=(ask.choices("categories", _("Which categories"), "categories"), *_more()),
        build=lambda a, s: _rate(a, s, "line.category", "categories"),
        note=_("Only lines of these categories count, and tills have to report categories."),
    ),
    Recipe(
        key="brand-bonus",
        name=_("Extra points on a brand"),
        icon="sell",
        purpose=PURPOSE,
        good_for=_("Your own brand, or one whose maker pays for the points."),
        questions=(ask.choices("brands", _("Which brands"), "brands"), *_more()),
        build=lambda a, s: _rate(a, s, "line.brand", "brands"),
        note=_("Only lines of these brands count, and tills have to report brands."),
    ),
    Recipe(
        key="spend-and-get",
        name=_("Spend this much, get a bonus"),
        icon="shopping_basket",
        purpose=PURPOSE,
        good_for=_("Makes baskets bigger: set it a little above what members usually spend."),
        questions=(
            ask.amount(_("When a purchase comes to at least"), 50),
            ask.points(1),
            ask.number("times", _("At most so many times a month"), 4, high=31, unit=_("per member")),
        ),
        build=lambda a, s: {
            "trigger": {"kind": "sale"},
            "conditions": every(where("sale.amount", "gte", money(a["amount"]))),
            "effects": [fixed(a["points"])],
            "limits": {"per_member": [at_most(a["times"], "month")]},
        },
    ),
    Recipe(
        key="buy-and-get-one",
        name=_("Buy some, get points for one"),
        icon="add_shopping_cart",
        purpose=PURPOSE,
        good_for=_("“Buy three, get one”, paid in points: sells more of a thing at once."),
        questions=(
            ask.choices("products", _("Which products"), "products", help=_("By their SKU.")),
            ask.number("count", _("For every"), 3, low=2, high=1000, unit=_("pieces")),
            ask.points(3, _("As many points as one is worth")),
        ),
        build=lambda a, s: {
            "trigger": {"kind": "sale"},
            "effects": [
                {
                    "kind": "points_per_item",
                    "points": a["points"],
                    "per_items": a["count"],
                    "lines": every(where("line.sku", "in", a["products"])),
                }
            ],
        },
        note=_("Pieces are counted within one purchase. A stamp card over many purchases is a challenge."),
    ),
    Recipe(
        key="product-launch",
        name=_("Launch of a new product"),
        icon="rocket_launch",
        purpose=PURPOSE,
        good_for=_("Has members try something new in its first weeks."),
        questions=(
            ask.choices("products", _("Which products"), "products", help=_("By their SKU.")),
            ask.points(1, _("Points for each piece")),
            ask.LAUNCH_DAY,
            ask.LAUNCH_ENDS,
        ),
        build=lambda a, s: {
            "trigger": {"kind": "sale"},
            "effects": [
                {
                    "kind": "points_per_item",
                    "points": a["points"],
                    "per_items": 1,
                    "lines": every(where("line.sku", "in", a["products"])),
                }
            ],
            "limits": {"per_activity": {"at_most": a["points"] * 10}},
            "schedule": days(a, s),
        },
        note=_("At most ten pieces of one purchase count."),
    ),
    Recipe(
        key="tier-multiplier",
        name=_("More points for higher tiers"),
        icon="stairs",
        purpose=PURPOSE,
        good_for=_("Makes a status worth having, with every purchase."),
        questions=(
            ask.choices(
                "tiers",
                _("Which tiers"),
                "tiers",
                usual=lambda setting: [key for key, _name in setting.offered("tiers")[1:]],
            ),
            ask.factor("1.5"),
        ),
        build=lambda a, s: {
            "trigger": {"kind": "sale"},
            "audience": {"tiers": a["tiers"]},
            "effects": [{"kind": "multiplier", "factor": plain(a["factor"])}],
        },
        note=_("It multiplies base points, by the tier that a member has at the purchase."),
        needs="tiers",
    ),
)
