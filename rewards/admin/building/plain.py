"""Problems of a definition, in the words of somebody who fills in fields and never sees the JSON."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from loyalty.core.models import Program
from members.models import WalletType
from rewards.engine import conditions
from rewards.engine import definition as engine_definition
from rewards.engine.catalogue import SCOPES
from rewards.engine.problems import Place, Problem

_MISSING: Final = {
    "unknown_fact": _("Choose what to look at."),
    "unknown_operator": _("Choose how to compare."),
    "not_money": _("Enter an amount."),
    "not_an_integer": _("Enter a whole number."),
    "not_a_decimal": _("Enter a number."),
    "not_a_text": _("Enter a value."),
    "not_a_date": _("Choose a date."),
    "not_a_time": _("Choose a time."),
    "not_an_event_type": _("Choose the type of event."),
    "not_an_instant": _("Choose a date and a time."),
    "not_a_choice": _("Choose one of these."),
    "not_a_key": _("Choose one."),
    "empty_list": _("Choose at least one."),
    "not_a_list": _("Choose at least one."),
}
"""What to say of an empty field, by the reason's code."""
_WRONG: Final = {
    "not_money": _("“%(found)s” is no amount such as 12.50."),
    "not_an_integer": _("“%(found)s” is no whole number."),
    "not_a_decimal": _("“%(found)s” is no number such as 1.5."),
    "not_a_date": _("“%(found)s” is no date."),
    "not_a_time": _("“%(found)s” is no time of day."),
    "not_an_instant": _("“%(found)s” is no date and time."),
}
_NOTHING: Final = ("", "nothing")
_NEEDS_EFFECTS: Final = _("Choose what members get.")
_NEEDS_CONDITION: Final = _("Say with a condition which items count.")


def problems(definition: Any, *, program: Program) -> list[dict[str, str]]:
    """Everything that is still to be done or wrong: each with its pointer, and words for it."""
    wallet_types = WalletType.objects.filter(program=program).order_by("key").values_list("key", flat=True)
    return [told(problem) for problem in engine_definition.problems(definition, wallet_types=wallet_types)]


def tree_problems(tree: Any, *, scope: str) -> list[dict[str, str]]:
    """The same of a tree of conditions that stands alone; pointers begin with `#/conditions`."""
    place = Place()
    conditions.parse(tree, scope=SCOPES[scope], place=place / "conditions")
    return [told(problem) for problem in place.problems]


def told(problem: Problem) -> dict[str, str]:
    return {"pointer": problem.pointer, "text": _words(problem)}


def _words(problem: Problem) -> str:
    code, found = problem.reason.code, _found(problem.reason.parameters)
    if code in ("empty_list", "not_a_list") and problem.pointer.endswith("/effects"):
        return str(_NEEDS_EFFECTS)
    if code == "lines_missing":
        return str(_NEEDS_CONDITION)
    if code in _MISSING and (found in _NOTHING or code in ("empty_list", "not_a_list")):
        return str(_MISSING[code])
    if code == "unknown_fact" and found.endswith("attribute."):
        return _now("Enter the attribute's name.")
    if code in _WRONG:
        return str(_WRONG[code]) % {"found": found}
    return problem.text()


def _found(parameters: Mapping[str, Any]) -> str:
    """What stands in the field, whichever parameter of the reason tells it."""
    said = [str(parameters[name]) for name in ("found", "fact", "operator") if name in parameters]
    if "operator" in parameters:
        return str(parameters["operator"])
    return said[0] if said else ""
