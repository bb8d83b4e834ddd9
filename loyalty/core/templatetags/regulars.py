"""Words for what is stored as keys."""

from decimal import Decimal

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _

register = template.Library()


@register.filter
def actor(stored: str) -> str:
    """Who did it: "partner:till" is shown as "till", "staff:7" as "staff", "system:expiry" as "expiry"."""
    kind, _colon, name = stored.partition(":")
    return _("staff") if kind == "staff" else name.replace("_", " ") or kind


@register.filter
def reason(stored: str) -> str:
    """For what it was: "reward:free-coffee" is shown as "Reward free-coffee"; a text stays as it is."""
    known = {
        "pending_cancelled": _("What the points waited for did not come"),
        "hold_expired": _("A reservation ran out"),
        "expiry_undone": _("Expiry undone"),
    }
    if stored in known:
        return known[stored]
    kind, colon, name = stored.partition(":")
    if kind == "written_off":
        return _("%s points were spent already and are written off") % name
    if kind == "owed":
        return _("%s points were spent already and are owed") % name
    return f"{kind.capitalize()} {name}" if colon and not name.startswith(" ") else stored


@register.filter
def percent(share: Decimal) -> str:
    """A share as percent, with one digit at most: 0.125 is "12.5"."""
    return f"{round(share * 100, 1).normalize() + 0:f}"


@register.filter
def figure(number: int | Decimal) -> str:
    """A number as pages show it: in groups of three, and with a minus that is no hyphen."""
    return intcomma(number).replace("-", "−")
