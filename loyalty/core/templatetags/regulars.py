"""Words for what is stored as keys."""

from django import template
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
        "expiry_undone": _("Expiry undone"),
    }
    if stored in known:
        return known[stored]
    kind, colon, name = stored.partition(":")
    return f"{kind.capitalize()} {name}" if colon and not name.startswith(" ") else stored
