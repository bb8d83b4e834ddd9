from typing import Self
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet
from members.models.member import Member


class Household(models.Model):
    """Members who may share their points: a family, or people who live together."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, db_index=False, related_name="+")
    name = models.CharField(_("name"), max_length=100, blank=True)
    founded_at = models.DateTimeField(_("founded at"), db_comment="By the program's clock")
    dissolved_at = models.DateTimeField(
        _("dissolved at"), null=True, db_comment="Since then it has no members; its transfers still name it"
    )

    objects = TenantQuerySet["Household"].as_manager()

    class Meta:
        verbose_name = _("household")
        verbose_name_plural = _("households")
        indexes = [models.Index(name="households_by_age", fields=["program", "-id"])]

    def __str__(self) -> str:
        return self.name or str(_("Household"))


class HouseholdMemberQuerySet(TenantQuerySet["HouseholdMember"]):
    def beside(self, member: Member) -> Self:
        """All in that member's household, the head first, then in the order in which they joined."""
        mine = HouseholdMember.objects.filter(member=member).values("household")
        return self.filter(household__in=mine).order_by("-is_head", "joined_at", "pk")

    def shared_by(self, one_id: UUID, other_id: UUID) -> UUID | None:
        """The household that both members are in."""
        both = self.filter(member__in=[one_id, other_id]).values_list("household_id", flat=True)
        households = list(both)
        return households[0] if len(households) == 2 and len(set(households)) == 1 else None


class HouseholdMember(models.Model):
    """
    A member's place in a household; whoever leaves has none.

    Written while the member's wallets are held, so that a transfer sees one household or another,
    and never half of a move.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    household = models.ForeignKey(
        Household, models.PROTECT, related_name="places", verbose_name=_("household")
    )
    member = models.ForeignKey(
        Member, models.PROTECT, db_index=False, related_name="households", verbose_name=_("member")
    )
    is_head = models.BooleanField(_("head"), default=False)
    shares_points = models.BooleanField(
        _("shares points"),
        default=True,
        help_text=_("Others in the household may redeem with this member’s points."),
    )
    joined_at = models.DateTimeField(_("joined at"), db_comment="By the program's clock")

    objects = HouseholdMemberQuerySet.as_manager()

    class Meta:
        verbose_name = _("member of a household")
        verbose_name_plural = _("members of households")
        constraints = [
            models.UniqueConstraint(name="a_member_is_in_one_household", fields=["member"]),
            models.UniqueConstraint(
                name="a_household_has_one_head", fields=["household"], condition=Q(is_head=True)
            ),
        ]

    def __str__(self) -> str:
        return str(self.member)
