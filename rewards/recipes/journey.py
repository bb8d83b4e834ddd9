"""Recipes for the moments of a membership: from the welcome to the return of those who stayed away."""

from typing import Final

from django.utils.translation import gettext_lazy as _

from rewards.recipes import questions as ask
from rewards.recipes.recipe import Recipe, at_most, every, fixed, where

PURPOSE: Final = "journey"
EVER: Final = {"per_member": [at_most(1, "ever")]}

RECIPES: Final = (
    Recipe(
        key="welcome",
        name=_("Welcome"),
        icon="waving_hand",
        purpose=PURPOSE,
        good_for=_("Members begin with something to spend, and come back to spend it."),
        questions=(ask.points(2),),
        build=lambda a, s: {
            "trigger": {"kind": "member_registered"},
            "effects": [fixed(a["points"])],
            "limits": EVER,
        },
    ),
    Recipe(
        key="first-purchase",
        name=_("First purchase"),
        icon="local_mall",
        purpose=PURPOSE,
        good_for=_("Turns those who have joined into those who buy."),
        questions=(
            ask.points(3),
            ask.amount(_("When it comes to at least"), 1),
        ),
        build=lambda a, s: {
            "trigger": {"kind": "sale"},
            "conditions": every(
                where("history.is_first_purchase", "eq", True),
                where("sale.amount", "gte", f"{a['amount']:.2f}"),
            ),
            "effects": [fixed(a["points"])],
            "limits": EVER,
        },
        note=_("The first that is reported of a member, whatever they bought before they joined."),
    ),
    Recipe(
        key="profile-completed",
        name=_("Profile completed"),
        icon="how_to_reg",
        purpose=PURPOSE,
        good_for=_("Thanks members for what makes offers fit them."),
        questions=(ask.points(1),),
        build=lambda a, s: {
            "trigger": {"kind": "profile_completed"},
            "effects": [fixed(a["points"])],
            "limits": EVER,
        },
    ),
    Recipe(
        key="birthday",
        name=_("Birthday"),
        icon="cake",
        purpose=PURPOSE,
        good_for=_("A present on the day, which expires soon enough to bring the member in."),
        questions=(
            ask.points(5),
            ask.number("days", _("To be spent within"), 30, high=730, unit=_("days")),
        ),
        build=lambda a, s: {
            "trigger": {"kind": "birthday"},
            "effects": [fixed(a["points"], expiry={"rule": "days", "number": a["days"]})],
            "limits": {"per_member": [at_most(1, "year")]},
        },
        note=_("Only members whose date of birth is known. Once in a calendar year."),
    ),
    Recipe(
        key="anniversary",
        name=_("Anniversary of joining"),
        icon="celebration",
        purpose=PURPOSE,
        good_for=_("Thanks for another year, when competitors say nothing."),
        questions=(ask.points(3),),
        build=lambda a, s: {
            "trigger": {"kind": "anniversary"},
            "effects": [fixed(a["points"])],
            "limits": {"per_member": [at_most(1, "year")]},
        },
    ),
    Recipe(
        key="tier-reached",
        name=_("New tier reached"),
        icon="military_tech",
        purpose=PURPOSE,
        good_for=_("Makes the step up a moment to remember."),
        questions=(
            ask.choices(
                "tiers",
                _("Which tiers"),
                "tiers",
                usual=lambda setting: [key for key, _name in setting.offered("tiers")[1:]],
            ),
            ask.points(5),
        ),
        build=lambda a, s: {
            "trigger": {"kind": "tier_reached", "tiers": a["tiers"]},
            "effects": [fixed(a["points"])],
            "limits": {"per_member": [at_most(len(a["tiers"]), "year")]},
        },
        note=_("At most as many times a year as there are tiers chosen: nobody earns by going up and down."),
        needs="tiers",
    ),
    Recipe(
        key="win-back",
        name=_("Win back with a gift"),
        icon="volunteer_activism",
        purpose=PURPOSE,
        good_for=_("For members who stay away: points while they are away, gone soon if they stay so."),
        questions=(
            ask.number("away", _("After so many days without a purchase"), 60, high=1095, unit=_("days")),
            ask.points(5),
            ask.number("days", _("To be spent within"), 30, high=730, unit=_("days")),
        ),
        build=lambda a, s: {
            "trigger": {"kind": "inactivity", "days": a["away"]},
            "effects": [fixed(a["points"], expiry={"rule": "days", "number": a["days"]})],
            "limits": {"per_member": [at_most(2, "year")]},
        },
        note=_("Given on the day that the time is reached, at most twice a year. Tell members by a webhook."),
    ),
    Recipe(
        key="come-back",
        name=_("Bonus for coming back"),
        icon="undo",
        purpose=PURPOSE,
        good_for=_("Costs nothing unless they return: extra points for the first purchase after a while."),
        questions=(
            ask.number("away", _("After so many days without a purchase"), 60, high=1095, unit=_("days")),
            ask.points(5),
        ),
        build=lambda a, s: {
            "trigger": {"kind": "sale"},
            "conditions": every(where("history.days_since_purchase", "gte", a["away"])),
            "effects": [fixed(a["points"])],
        },
        note=_("Only members who have bought before."),
    ),
    Recipe(
        key="refer-a-friend",
        name=_("Refer a friend"),
        icon="group_add",
        purpose=PURPOSE,
        good_for=_("Members bring members, and are thanked once the friend has really bought."),
        questions=(
            ask.points(5),
            ask.number("times", _("At most so many friends a year"), 10, high=1000, unit=_("per member")),
        ),
        build=lambda a, s: {
            "trigger": {"kind": "referral_qualified"},
            "effects": [fixed(a["points"])],
            "limits": {"per_member": [at_most(a["times"], "year")]},
        },
    ),
)
