import pghistory
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.models.program import KEY_VALIDATOR, moves_the_rules_revision
from loyalty.core.tenancy import TenantQuerySet
from members.models.member import Member
from members.models.wallet_type import ExpiryRule, WalletType, has_what_its_rule_needs

TIER_EXPIRY_RULES = [rule for rule in ExpiryRule.values if rule != ExpiryRule.INACTIVITY]


@pghistory.track()
class TierLadder(models.Model):
    """A status structure: members climb it by the points that they ever earned in one wallet type."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, related_name="tier_ladders")
    key = models.CharField(_("key"), max_length=40, validators=[KEY_VALIDATOR])
    name = models.CharField(_("name"), max_length=100)
    wallet_type = models.ForeignKey(
        WalletType, models.PROTECT, related_name="+", verbose_name=_("points that count")
    )

    objects = TenantQuerySet["TierLadder"].as_manager()

    class Meta:
        verbose_name = _("tier ladder")
        verbose_name_plural = _("tier ladders")
        constraints = [
            models.UniqueConstraint(name="one_tier_ladder_per_key", fields=["program", "key"]),
        ]
        triggers = [moves_the_rules_revision()]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class Tier(models.Model):
    """A rung of a ladder, reached at a number of points."""

    program_path = "ladder__program"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    ladder = models.ForeignKey(TierLadder, models.PROTECT, related_name="tiers", verbose_name=_("ladder"))
    key = models.CharField(_("key"), max_length=40, validators=[KEY_VALIDATOR])
    name = models.CharField(_("name"), max_length=100)
    threshold = models.PositiveBigIntegerField(
        _("reached at"), help_text=_("Points; the lowest rung is reached at 0.")
    )
    color = models.CharField(
        _("colour"), max_length=7, default="#64748b", help_text=_("As #rrggbb; shown in charts.")
    )
    expiry_rule = models.CharField(
        _("points expire"),
        max_length=14,
        choices=[(rule.value, rule.label) for rule in ExpiryRule if rule != ExpiryRule.INACTIVITY],
        blank=True,
        default="",
        help_text=_("For spendable points earned on this tier; empty: as the kind of points says."),
    )
    expires_after = models.PositiveSmallIntegerField(_("expire after"), null=True, blank=True)
    expires_on_date = models.DateField(_("expire on"), null=True, blank=True)

    objects = TenantQuerySet["Tier"].as_manager()

    class Meta:
        verbose_name = _("tier")
        verbose_name_plural = _("tiers")
        constraints = [
            models.UniqueConstraint(name="one_tier_per_key", fields=["ladder", "key"]),
            models.UniqueConstraint(name="one_tier_per_threshold", fields=["ladder", "threshold"]),
            models.CheckConstraint(
                name="a_tier_with_an_expiry_rule_has_what_it_needs",
                condition=has_what_its_rule_needs(rules=TIER_EXPIRY_RULES, blank=True),
            ),
            models.CheckConstraint(name="a_tier_has_a_colour", condition=Q(color__regex="^#[0-9a-fA-F]{6}$")),
        ]
        triggers = [
            moves_the_rules_revision(
                "(SELECT program_id FROM members_tierladder WHERE id = changed.ladder_id)"
            )
        ]

    def __str__(self) -> str:
        return self.name


class MemberTier(models.Model):
    """
    Where a member stands on a ladder.

    Written by plans that hold the member's wallets, so that progress and points cannot drift apart.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    member = models.ForeignKey(
        Member, models.PROTECT, db_index=False, related_name="tiers", verbose_name=_("member")
    )
    ladder = models.ForeignKey(
        TierLadder, models.PROTECT, db_index=False, related_name="+", verbose_name=_("ladder")
    )
    tier = models.ForeignKey(Tier, models.PROTECT, db_index=False, related_name="+", verbose_name=_("tier"))
    progress = models.BigIntegerField(
        _("progress"), default=0, db_comment="Points that count towards this ladder"
    )
    since = models.DateTimeField(_("since"), db_comment="When the present tier was reached")

    objects = TenantQuerySet["MemberTier"].as_manager()

    class Meta:
        verbose_name = _("tier of a member")
        verbose_name_plural = _("tiers of members")
        constraints = [
            models.UniqueConstraint(name="one_tier_per_member_and_ladder", fields=["member", "ladder"]),
            models.CheckConstraint(name="tier_progress_is_never_negative", condition=Q(progress__gte=0)),
        ]
        indexes = [models.Index(name="member_tiers_by_tier", fields=["tier"])]

    def __str__(self) -> str:
        return f"{self.tier} ({self.progress})"
