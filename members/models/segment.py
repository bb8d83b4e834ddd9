from typing import Self

import pghistory
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.models.program import KEY_VALIDATOR
from loyalty.core.tenancy import TenantQuerySet
from members.models.member import Member


class SegmentKind(models.TextChoices):
    DYNAMIC = "dynamic", _("By conditions")
    LIST = "list", _("Fixed list")


class SegmentQuerySet(TenantQuerySet["Segment"]):
    def in_use(self) -> Self:
        return self.filter(archived_at=None)

    def dynamic(self) -> Self:
        return self.filter(kind=SegmentKind.DYNAMIC)


@pghistory.track(exclude=["refreshed_at", "member_count"])
class Segment(models.Model):
    """
    A group of members with a name: described by conditions and kept up to date, or a fixed list.

    Campaigns know it by its key. Who is archived keeps its members as they are, for the campaigns
    that still name it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, db_index=False, related_name="segments")
    key = models.CharField(_("key"), max_length=40, validators=[KEY_VALIDATOR])
    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), blank=True)
    kind = models.CharField(_("kind"), max_length=7, choices=SegmentKind, default=SegmentKind.DYNAMIC)
    conditions = models.JSONField(
        _("conditions"), default=dict, blank=True, help_text=_("Who is in it; empty: everybody.")
    )
    member_count = models.PositiveBigIntegerField(
        _("members"), default=0, editable=False, db_comment="Kept by what writes the membership"
    )
    refreshed_at = models.DateTimeField(
        _("refreshed at"),
        null=True,
        editable=False,
        db_comment="By the program's clock; empty until the members of its present conditions are found",
    )
    archived_at = models.DateTimeField(_("archived at"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = SegmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        constraints = [
            models.UniqueConstraint(
                name="one_segment_per_key",
                fields=["program", "key"],
                violation_error_message=_("Another segment of the program has this key."),
            ),
            models.CheckConstraint(
                name="a_fixed_list_has_no_conditions", condition=Q(kind="dynamic") | Q(conditions={})
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SegmentMember(models.Model):
    """
    That a member is in a segment. Written by `members.segments` and `rewards.segmenting` alone.

    Its members come from the table of members in the statement that writes it, and neither they nor
    segments are ever deleted: checking each of a million keys again would take longer than finding them.
    """

    pk = models.CompositePrimaryKey("segment_id", "member_id")
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    segment = models.ForeignKey(
        Segment, models.PROTECT, db_constraint=False, db_index=False, related_name="places"
    )
    member = models.ForeignKey(
        Member, models.PROTECT, db_constraint=False, db_index=False, related_name="segments"
    )
    since = models.DateTimeField(_("since"), db_comment="By the program's clock")

    objects = TenantQuerySet["SegmentMember"].as_manager()

    class Meta:
        verbose_name = _("member of a segment")
        verbose_name_plural = _("members of segments")
        indexes = [models.Index(name="segments_of_a_member", fields=["member"], include=["segment"])]

    def __str__(self) -> str:
        return f"{self.member_id} in {self.segment_id}"
