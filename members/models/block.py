from typing import Self

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet
from members.models.member import Member


class BlockReason(models.TextChoices):
    LOST_CARD = "lost_card", _("Card lost or stolen")
    FRAUD = "fraud", _("Suspected fraud")
    MISUSE = "misuse", _("Against the terms")
    BY_REQUEST = "by_request", _("The member asked for it")
    OTHER = "other", _("Other")


class BlockQuerySet(TenantQuerySet["Block"]):
    def open(self) -> Self:
        return self.filter(lifted_at=None)


class Block(models.Model):
    """
    That a member was blocked: since when, why, and when and by whom that was lifted, once.

    Notes are people's own words: they are emptied when the person is forgotten. Nothing else changes.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    member = models.ForeignKey(
        Member, models.PROTECT, db_index=False, related_name="blocks", verbose_name=_("member")
    )
    reason = models.CharField(_("reason"), max_length=10, choices=BlockReason)
    note = models.TextField(_("note"), blank=True)
    actor = models.CharField(_("by"), max_length=80)
    blocked_at = models.DateTimeField(_("blocked at"), db_comment="By the program's clock")
    lifted_at = models.DateTimeField(_("lifted at"), null=True, db_comment="By the program's clock")
    lifted_by = models.CharField(_("lifted by"), max_length=80, blank=True)
    lift_note = models.TextField(_("note on its end"), blank=True)

    objects = BlockQuerySet.as_manager()

    class Meta:
        verbose_name = _("block")
        verbose_name_plural = _("blocks")
        constraints = [
            models.UniqueConstraint(
                name="a_member_is_blocked_once", fields=["member"], condition=Q(lifted_at__isnull=True)
            ),
            models.CheckConstraint(
                name="a_lifted_block_says_when_and_by_whom",
                condition=Q(lifted_at__isnull=True, lifted_by="", lift_note="")
                | (Q(lifted_at__isnull=False) & ~Q(lifted_by="")),
            ),
        ]
        indexes = [models.Index(name="blocks_of_a_member", fields=["member", "-id"])]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="a_block_stays", exclude=["note", "lifted_at", "lifted_by", "lift_note"]),
            pgtrigger.Trigger(
                name="a_block_ends_once",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=(
                    "IF NEW.note NOT IN (OLD.note, '') OR OLD.lifted_at IS NOT NULL AND ("
                    "(NEW.lifted_at, NEW.lifted_by) IS DISTINCT FROM (OLD.lifted_at, OLD.lifted_by)"
                    " OR NEW.lift_note NOT IN (OLD.lift_note, ''))"
                    " THEN RAISE EXCEPTION 'a block stays: %', OLD.id; END IF; RETURN NEW;"
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.get_reason_display()
