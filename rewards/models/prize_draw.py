import pghistory
import pgtrigger
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.models.program import KEY_VALIDATOR
from loyalty.core.tenancy import TenantQuerySet
from members.models import Member
from rewards.models.activity import Activity

WINNERS_AT_MOST = 1_000


@pghistory.track()
class PrizeDraw(models.Model):
    """
    Prizes among those who have entries. The winners are drawn once, by a seed that is kept.

    With the seed, anybody who has the entries can find the same winners: see `rewards.prize_draws`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, related_name="prize_draws", verbose_name=_("program")
    )
    key = models.CharField(_("key"), max_length=40, validators=[KEY_VALIDATOR])
    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), blank=True, help_text=_("The prizes, and the terms."))
    closes_at = models.DateTimeField(
        _("closes at"), help_text=_("What happens from that moment on brings no entries.")
    )
    winner_count = models.PositiveSmallIntegerField(
        _("winners"), default=1, validators=[MinValueValidator(1), MaxValueValidator(WINNERS_AT_MOST)]
    )
    seed = models.CharField(_("seed"), max_length=64, blank=True, default="", editable=False)
    drawn_at = models.DateTimeField(_("drawn at"), null=True, editable=False)
    drawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("drawn by"),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = TenantQuerySet["PrizeDraw"].as_manager()

    class Meta:
        verbose_name = _("prize draw")
        verbose_name_plural = _("prize draws")
        permissions = [("draw_prizedraw", "Can draw the winners of prize draws")]
        constraints = [
            models.UniqueConstraint(name="one_prize_draw_per_key", fields=["program", "key"]),
            models.CheckConstraint(
                name="a_prize_draw_has_winners",
                condition=Q(winner_count__gte=1, winner_count__lte=WINNERS_AT_MOST),
            ),
            models.CheckConstraint(
                name="a_drawn_prize_draw_has_its_seed",
                condition=Q(drawn_at__isnull=True, seed="") | (Q(drawn_at__isnull=False) & ~Q(seed="")),
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="drawn_once",
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__drawn_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.name


class DrawEntry(models.Model):
    """Chances of a member in a prize draw: as many as `entries` says."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    draw = models.ForeignKey(
        PrizeDraw, models.PROTECT, db_index=False, related_name="entries", verbose_name=_("prize draw")
    )
    member = models.ForeignKey(
        Member, models.PROTECT, db_index=False, related_name="draw_entries", verbose_name=_("member")
    )
    activity = models.ForeignKey(
        Activity, models.PROTECT, db_index=False, related_name="+", verbose_name=_("activity")
    )
    entries = models.PositiveIntegerField(_("entries"))
    entered_at = models.DateTimeField(_("entered at"))

    objects = TenantQuerySet["DrawEntry"].as_manager()

    class Meta:
        verbose_name = _("entry into a prize draw")
        verbose_name_plural = _("entries into prize draws")
        constraints = [
            models.CheckConstraint(name="a_draw_entry_is_a_chance", condition=Q(entries__gte=1)),
        ]
        indexes = [
            models.Index(name="entries_of_a_draw", fields=["draw", "member"]),
            models.Index(name="entries_of_a_member", fields=["member", "draw"]),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            # Waits for a draw that is under way. Named as a constraint, so that whoever comes too late
            # looks again and sees that the winners are drawn.
            pgtrigger.Trigger(
                name="no_entry_after_the_draw",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=(
                    "PERFORM 1 FROM rewards_prizedraw WHERE id = NEW.draw_id FOR KEY SHARE;"
                    " IF EXISTS (SELECT 1 FROM rewards_prizedraw"
                    " WHERE id = NEW.draw_id AND drawn_at IS NOT NULL) THEN"
                    " RAISE EXCEPTION 'the winners are drawn'"
                    " USING ERRCODE = 'check_violation', CONSTRAINT = 'a_drawn_draw_takes_no_entries';"
                    " END IF; RETURN NEW;"
                ),
            ),
        ]

    def __str__(self) -> str:
        return str(self.entries)


class DrawWinner(models.Model):
    """A winner of a prize draw: the ticket that won, and the place."""

    program_path = "draw__program"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    draw = models.ForeignKey(
        PrizeDraw, models.PROTECT, db_index=False, related_name="winners", verbose_name=_("prize draw")
    )
    member = models.ForeignKey(Member, models.PROTECT, related_name="+", verbose_name=_("member"))
    place = models.PositiveSmallIntegerField(_("place"))
    ticket = models.PositiveIntegerField(_("ticket"), db_comment="Which of the member's entries, from 1")

    objects = TenantQuerySet["DrawWinner"].as_manager()

    class Meta:
        verbose_name = _("winner")
        verbose_name_plural = _("winners")
        constraints = [
            models.UniqueConstraint(name="one_winner_per_place", fields=["draw", "place"]),
            models.UniqueConstraint(name="a_member_wins_once_in_a_draw", fields=["draw", "member"]),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.place}"
