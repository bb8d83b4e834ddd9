"""What campaigns give beside points: badges, progress on challenges, chances in prize draws."""

from typing import Any

from django.db import models
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from loyalty.core.models import Program
from rewards.blueprint.columns import Values
from rewards.blueprint.faults import Faults
from rewards.blueprint.section import Read, Section
from rewards.models import Badge, Challenge, PrizeDraw


class Badges(Section):
    key = "badges"
    label = _("Badge")
    model = Badge
    columns = ("name", "description")
    stays = _("It stays: members may have it.")


class Challenges(Section):
    key = "challenges"
    label = _("Challenge")
    model = Challenge
    columns = ("name", "description", "goal", "is_repeatable")
    stays = _("It stays: members may be on their way.")


class Draws(Section):
    """Those whose winners are still to be drawn."""

    key = "draws"
    label = _("Prize draw")
    model = PrizeDraw
    columns = ("name", "description", "closes_at", "winner_count")
    stays = _("It stays: members may have entries.")

    def rows(self, program: Program) -> models.QuerySet[Any]:
        return PrizeDraw.objects.of(program).filter(drawn_at__isnull=True)

    def check(self, key: str, read: Read, before: Values | None, program: Program, faults: Faults) -> None:
        super().check(key, read, before, program, faults)
        if before is None and PrizeDraw.objects.of(program).filter(key=key).exists():
            said = _now("There was such a prize draw, and its winners are drawn: choose another key.")
            faults.add(read.node.line, read.node.path, said)
