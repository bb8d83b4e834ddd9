from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet
from members.models import Member


class OccasionDay(models.Model):
    """
    How far a program's days have been gone through for one kind of occasion.

    The row moves in the transaction that books what was found, so that what is broken off goes on
    where it was, and two workers take turns.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20, db_comment="birthday, anniversary or inactivity")
    day = models.DateField(db_comment="The day in the program's time zone that is being gone through")
    after = models.UUIDField(
        null=True, db_comment="The last member who was looked at on that day; empty: nobody yet"
    )

    objects = TenantQuerySet["OccasionDay"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_day_per_kind_of_occasion", fields=["program", "kind"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.day}"


class ReferralStatus(models.TextChoices):
    WAITING = "waiting", _("Waits for the first purchase")
    QUALIFIED = "qualified", _("Qualified")
    REFUSED = "refused", _("Refused")


class ReferralQuerySet(TenantQuerySet["Referral"]):
    def waiting(self) -> Self:
        return self.filter(status=ReferralStatus.WAITING)


class Referral(models.Model):
    """One member who brought another: qualified once the friend's first purchase is there to stay."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    member = models.ForeignKey(
        Member, models.PROTECT, related_name="referrals", verbose_name=_("member who brought the friend")
    )
    friend = models.OneToOneField(Member, models.PROTECT, related_name="referred", verbose_name=_("friend"))
    status = models.CharField(
        _("status"), max_length=9, choices=ReferralStatus, default=ReferralStatus.WAITING
    )
    reason = models.CharField(_("why not"), max_length=40, blank=True, default="")
    registered_at = models.DateTimeField(_("registered at"))
    decided_at = models.DateTimeField(_("decided at"), null=True)

    objects = ReferralQuerySet.as_manager()

    class Meta:
        verbose_name = _("referral")
        verbose_name_plural = _("referrals")
        constraints = [
            models.CheckConstraint(
                name="a_refused_referral_says_why",
                condition=(Q(status="refused") & ~Q(reason="")) | (~Q(status="refused") & Q(reason="")),
            ),
        ]
        indexes = [
            models.Index(name="referrals_waiting", fields=["program", "id"], condition=Q(status="waiting")),
            models.Index(name="referrals_by_program", fields=["program", "-id"]),
            models.Index(name="referrals_by_status", fields=["program", "status", "-id"]),
        ]

    def __str__(self) -> str:
        return self.get_status_display()
