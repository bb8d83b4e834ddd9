from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.models.program import moves_the_rules_revision
from loyalty.core.tenancy import TenantQuerySet
from members.models import Member
from rewards.models.campaign import Campaign


class BudgetUnit(models.TextChoices):
    TIMES = "times", _("Times")
    POINTS = "points", _("Points")
    MONEY = "money", _("Money")


class CampaignCount(models.Model):
    """
    How often, and how many points, a campaign gave one member in one period.

    Written with what it counts, and like all that is decided from a member guarded by the member's
    wallets. The campaign has no foreign key in the database: its check would wait for whoever is
    publishing a new version of the campaign, who waits for the budget that this sale draws from.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    campaign = models.ForeignKey(
        Campaign, models.PROTECT, db_constraint=False, db_index=False, related_name="counts"
    )
    member = models.ForeignKey(Member, models.PROTECT, db_index=False, related_name="campaign_counts")
    period = models.CharField(
        _("period"),
        max_length=20,
        db_comment="By the program's calendar: day:2026-11-22, week:2026-W47 … ever",
    )
    times = models.IntegerField(_("times"))
    points = models.BigIntegerField(_("points"))

    objects = TenantQuerySet["CampaignCount"].as_manager()

    class Meta:
        verbose_name = _("count of a campaign")
        verbose_name_plural = _("counts of campaigns")
        constraints = [
            models.UniqueConstraint(
                name="one_count_per_member_campaign_and_period", fields=["member", "campaign", "period"]
            ),
            models.CheckConstraint(
                name="a_campaign_never_gave_less_than_nothing", condition=Q(times__gte=0, points__gte=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.period}"


class BudgetQuerySet(TenantQuerySet["CampaignBudget"]):
    def in_force(self) -> Self:
        return self.filter(is_in_force=True)


class CampaignBudget(models.Model):
    """
    What a campaign may give in all, over its whole life; it lies in slots, see Note [Slots].

    A limit that a newer version does not set stays here, for sales of then that arrive late and for
    the day on which it is set again.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, db_index=False, related_name="+")
    campaign = models.ForeignKey(
        Campaign, models.PROTECT, db_index=False, related_name="budgets", verbose_name=_("campaign")
    )
    unit = models.CharField(_("unit"), max_length=6, choices=BudgetUnit)
    allotted = models.DecimalField(
        _("budget"),
        max_digits=24,
        decimal_places=8,
        db_comment="The sum of its slots; in times, points or the program's currency",
    )
    is_in_force = models.BooleanField(
        _("in force"), default=True, db_comment="Whether the newest version sets this limit"
    )
    warned_at = models.DateTimeField(
        _("warned at"), null=True, db_comment="When budget.warning was published for this allotment"
    )
    exhausted_at = models.DateTimeField(
        _("exhausted at"), null=True, db_comment="When budget.exhausted was published for this allotment"
    )
    is_empty = models.BooleanField(
        _("empty"), default=False, db_comment="Nothing is left for sure: sales need not look at the slots"
    )

    objects = BudgetQuerySet.as_manager()

    class Meta:
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")
        constraints = [
            models.UniqueConstraint(name="one_budget_per_campaign_and_unit", fields=["campaign", "unit"]),
            models.CheckConstraint(name="a_budget_is_not_less_than_nothing", condition=Q(allotted__gte=0)),
        ]
        triggers = [moves_the_rules_revision()]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.unit}"


class BudgetSlot(models.Model):
    """
    One part of a budget, from which sales draw.

    Note [Slots]
    ~~~~~~~~~~~~
    A budget in one row would have all sales of a campaign wait for each other, and one that is summed
    up from what was given is overshot by whoever sums at the same time. So it lies in slots: each sale
    draws from the slot of its member, and only if that has too little from others as well. A draw is
    written only if each of its slots still has that much (`Batch.draw`), else all is decided again;
    the constraint holds whatever else goes wrong.

    Locks are taken in one order by everyone: the members' wallets, then slots, each by id; whoever
    publishes holds the budgets and then their slots. Nobody who holds a slot waits for a budget,
    a campaign or a program.
    """

    program_path = "budget__program"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    budget = models.ForeignKey(CampaignBudget, models.PROTECT, db_index=False, related_name="slots")
    number = models.SmallIntegerField(_("number"))
    allotted = models.DecimalField(_("allotted"), max_digits=24, decimal_places=8)
    used = models.DecimalField(_("used"), max_digits=24, decimal_places=8, default=0)

    objects = TenantQuerySet["BudgetSlot"].as_manager()

    class Meta:
        verbose_name = _("slot of a budget")
        verbose_name_plural = _("slots of budgets")
        constraints = [
            models.UniqueConstraint(name="slots_of_a_budget_are_numbered", fields=["budget", "number"]),
            models.CheckConstraint(
                name="a_budget_is_never_overshot", condition=Q(used__gte=0, used__lte=F("allotted"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.budget_id} {self.number}"
