"""Recipes for what members do besides buying: log in, enter codes, come by, say what they think."""

from typing import Final

from django.utils.translation import gettext_lazy as _

from rewards.recipes import questions as ask
from rewards.recipes import recipe
from rewards.recipes.recipe import Question, Recipe, at_most, fixed

PURPOSE: Final = "engagement"

RECIPES: Final = (
    Recipe(
        key="login-streak",
        name=_("Days with the app"),
        icon="local_fire_department",
        purpose=PURPOSE,
        good_for=_("Makes opening the app a habit: a few points for each day with a log-in."),
        questions=(
            Question(
                key="event_type",
                label=_("Event that your app reports"),
                kind=recipe.TEXT,
                usual="app.login",
                help=_("As partners send it to the API."),
            ),
            Question(key="points", label=_("Points a day"), kind=recipe.POINTS, usual=5, high=10_000),
            ask.number("days", _("On at most so many days a week"), 5, high=7, unit=_("days")),
        ),
        build=lambda a, s: {
            "trigger": {"kind": "event", "event_type": a["event_type"]},
            "effects": [fixed(a["points"])],
            "limits": {"per_member": [at_most(1, "day"), at_most(a["days"], "week")]},
        },
        note=_(
            "It counts days of a week, in a row or not: a missed day loses nothing but itself. For a streak"
            " that a missed day breaks, make a challenge."
        ),
    ),
    Recipe(
        key="receipt-code",
        name=_("Code on the receipt"),
        icon="qr_code_2",
        purpose=PURPOSE,
        good_for=_("A code on receipts, packs or posters that members enter for points."),
        questions=(
            Question(
                key="codes",
                label=_("Codes that count"),
                kind=recipe.WORDS,
                usual=lambda setting: ["THANKYOU"],
                help=_("Upper and lower case and blanks make no difference."),
            ),
            ask.points(1),
            ask.number("in_all", _("At most so many times in all"), 10_000, high=10_000_000),
        ),
        build=lambda a, s: {
            "trigger": {"kind": "code_entered", "codes": a["codes"]},
            "effects": [fixed(a["points"])],
            "limits": {"per_member": [at_most(1, "ever")], "in_all": [{"times": a["in_all"]}]},
        },
        note=_("Once per member, whichever of the codes it is. Everybody uses the same codes."),
    ),
    Recipe(
        key="check-in",
        name=_("Come by and check in"),
        icon="pin_drop",
        purpose=PURPOSE,
        good_for=_("Brings people through the door, such as for an opening."),
        questions=(
            ask.choices(
                "stores",
                _("At which stores"),
                "stores",
                is_optional=True,
                help=_("None chosen: at all of them."),
            ),
            Question(key="points", label=_("Points a visit"), kind=recipe.POINTS, usual=10, high=100_000),
            ask.number("times", _("At most so many times a month"), 4, high=31, unit=_("per member")),
        ),
        build=lambda a, s: {
            "trigger": {"kind": "check_in", **({"stores": a["stores"]} if a["stores"] else {})},
            "effects": [fixed(a["points"])],
            "limits": {"per_member": [at_most(1, "day"), at_most(a["times"], "month")]},
        },
        note=_("Once a day. The app or the terminal reports the check-in."),
    ),
    Recipe(
        key="say-thanks",
        name=_("Thanks for a review"),
        icon="rate_review",
        purpose=PURPOSE,
        good_for=_("Points for whatever a partner system reports: a review, a survey, a returned cup."),
        questions=(
            Question(
                key="event_type",
                label=_("Event that is reported"),
                kind=recipe.TEXT,
                usual="review.written",
                help=_("As partners send it to the API."),
            ),
            Question(key="points", label=_("Points"), kind=recipe.POINTS, usual=20, high=100_000),
            ask.number("times", _("At most so many times a month"), 3, high=31, unit=_("per member")),
        ),
        build=lambda a, s: {
            "trigger": {"kind": "event", "event_type": a["event_type"]},
            "effects": [fixed(a["points"])],
            "limits": {"per_member": [at_most(a["times"], "month")]},
        },
    ),
    Recipe(
        key="stamp-card",
        name=_("Stamp card"),
        icon="loyalty",
        purpose=PURPOSE,
        good_for=_("A stamp for each purchase, towards the goal of a challenge: “buy nine, get the tenth”."),
        questions=(
            Question(
                key="challenge",
                label=_("Towards which challenge"),
                kind=recipe.CHOICE,
                offers="challenges",
                usual=lambda setting: next((key for key, _name in setting.offered("challenges")), None),
            ),
            ask.amount(_("When a purchase comes to at least"), 5),
            ask.number("count", _("Stamps for a purchase"), 1, high=100),
        ),
        build=lambda a, s: {
            "trigger": {"kind": "sale"},
            "conditions": recipe.every(recipe.where("sale.amount", "gte", recipe.money(a["amount"]))),
            "effects": [{"kind": "challenge_progress", "challenge": a["challenge"], "count": a["count"]}],
        },
        note=_("What the full card gives is said at the challenge."),
        needs="challenges",
    ),
)
