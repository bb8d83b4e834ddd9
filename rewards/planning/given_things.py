"""Whether what a campaign wants to give is there to be given: looked at when it is published."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core.errors import DomainError
from loyalty.core.models import Program
from rewards.deciding.recorded import NAMED
from rewards.engine.definition import each_effect
from rewards.engine.problems import Place
from rewards.models import Badge, Challenge, CodesFrom, PrizeDraw, Reward

_MODELS: Final[dict[str, type[models.Model]]] = {
    "reward": Reward,
    "badge": Badge,
    "challenge_progress": Challenge,
    "prize_draw_entry": PrizeDraw,
}


class UnknownGift(DomainError):
    """The program has no such reward, badge, challenge or prize draw."""

    code: ClassVar[str] = "unknown_gift"
    status: ClassVar[int] = 422
    title = gettext_lazy("There is no such thing to give")


class EndlessChallenge(DomainError):
    """What listens to completed challenges may not bring progress on one that begins anew each time."""

    code: ClassVar[str] = "endless_challenge"
    status: ClassVar[int] = 422
    title = gettext_lazy("The challenge could complete itself for ever")


def check(definition: Mapping[str, Any], *, program: Program) -> None:
    """
    :raises UnknownGift: naming the place in the (valid) definition
    :raises EndlessChallenge: if completing a challenge would bring progress on a repeatable one
    """
    asked = [
        (place / NAMED[effect["kind"]], effect["kind"], effect[NAMED[effect["kind"]]])
        for place, effect in each_effect(definition, Place())
        if effect["kind"] in NAMED
    ]
    for kind in dict.fromkeys(kind for _place, kind, _key in asked):
        keys = {key for _place, of, key in asked if of == kind}
        known = _known(kind, keys, program)
        for place, of, key in asked:
            if of == kind and key not in known:
                raise UnknownGift(_unknown(kind, key), pointer=place.pointer)
    if definition["trigger"]["kind"] == "challenge_completed":
        _check_endless([(place, key) for place, kind, key in asked if kind == "challenge_progress"], program)


def _known(kind: str, keys: set[str], program: Program) -> set[str]:
    rows = _MODELS[kind]._default_manager.filter(program=program, key__in=keys)
    if kind == "reward":
        rows = rows.exclude(codes_from=CodesFrom.UPLOADED)
    return set(rows.values_list("key", flat=True))


def _unknown(kind: str, key: str) -> str:
    said = {
        "reward": _("The program has no reward “%(key)s” that campaigns can give."),
        "badge": _("The program has no badge “%(key)s”."),
        "challenge_progress": _("The program has no challenge “%(key)s”."),
        "prize_draw_entry": _("The program has no prize draw “%(key)s”."),
    }
    return said[kind] % {"key": key}


def _check_endless(asked: list[tuple[Place, str]], program: Program) -> None:
    """Challenges that lead to each other come to an end if those that others lead to are completed once."""
    rows = Challenge.objects.filter(program=program, is_repeatable=True, key__in=[key for _, key in asked])
    repeatable = set(rows.values_list("key", flat=True))
    for place, key in asked:
        if key in repeatable:
            raise EndlessChallenge(
                _("“%(key)s” can be repeated: completed challenges would bring it progress for ever.")
                % {"key": key},
                pointer=place.pointer,
            )
