import pghistory
import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Approval, Program, User
from loyalty.core.models.program import KEY_VALIDATOR, never_emptied
from loyalty.core.tenancy import TenantQuerySet
from members.models.ledger import Entry, Wallet
from members.models.member import Member
from members.models.tier import TIER_EXPIRY_RULES
from members.models.wallet_type import ExpiryRule, has_what_its_rule_needs


class Direction(models.TextChoices):
    ADD = "add", _("Gives points")
    REMOVE = "remove", _("Takes points")
    BOTH = "both", _("Gives or takes points")


class Adjuster(models.TextChoices):
    """Who adjusts points: roles of staff (values of `loyalty.core.models.Role`), and partner systems."""

    SUPPORT = "support", _("Support")
    ADMINISTRATOR = "administrator", _("Administrator")
    PARTNER = "partner", _("Partner systems, each")


@pghistory.track()
class ReasonCode(models.Model):
    """Why points are given or taken by hand, and what follows from it for tiers, expiry and cost."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, related_name="reason_codes")
    key = models.CharField(_("key"), max_length=40, validators=[KEY_VALIDATOR])
    label = models.CharField(
        _("label"), max_length=100, help_text=_("Stands on the member's statement, too.")
    )
    direction = models.CharField(_("direction"), max_length=6, choices=Direction, default=Direction.BOTH)
    counts_towards_tiers = models.BooleanField(
        _("counts towards tiers"),
        default=False,
        help_text=_("Points given move the member up, points taken move the progress back."),
    )
    expiry_rule = models.CharField(
        _("expire"),
        max_length=14,
        blank=True,
        choices=[(rule.value, rule.label) for rule in ExpiryRule if rule.value in TIER_EXPIRY_RULES],
        help_text=_("Empty: as the kind of points says."),
    )
    expires_after = models.PositiveSmallIntegerField(
        _("expire after"),
        null=True,
        blank=True,
        help_text=_("Days or months; for the end of a month, quarter or year, how many further ones."),
    )
    expires_on_date = models.DateField(_("expire on"), null=True, blank=True)
    cost_centre = models.CharField(
        _("cost centre"), max_length=40, blank=True, help_text=_("Who pays, in the words of accounting.")
    )
    is_active = models.BooleanField(_("in use"), default=True)

    objects = TenantQuerySet["ReasonCode"].as_manager()

    class Meta:
        verbose_name = _("reason for an adjustment")
        verbose_name_plural = _("reasons for adjustments")
        constraints = [
            models.UniqueConstraint(name="one_reason_code_per_key", fields=["program", "key"]),
            models.CheckConstraint(
                name="a_reason_has_what_its_expiry_needs",
                condition=has_what_its_rule_needs(rules=TIER_EXPIRY_RULES, blank=True),
                violation_error_message=_(
                    "Days and months need their number, the end of a period at least 0, a fixed date its day;"
                    " what the rule does not need stays empty."
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.label


@pghistory.track()
class AdjustmentLimit(models.Model):
    """What one person (or partner) may adjust alone. Above it, a second person has to agree."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, related_name="adjustment_limits")
    role = models.CharField(_("role"), max_length=20, choices=Adjuster)
    points_per_adjustment = models.PositiveBigIntegerField(
        _("points per adjustment"), help_text=_("Given or taken; 0 means that a second person always agrees.")
    )
    points_per_day = models.PositiveBigIntegerField(
        _("points per person and day"), help_text=_("Given and taken together, in the program's day.")
    )

    objects = TenantQuerySet["AdjustmentLimit"].as_manager()

    class Meta:
        verbose_name = _("limit of adjustments")
        verbose_name_plural = _("limits of adjustments")
        constraints = [
            models.UniqueConstraint(name="one_adjustment_limit_per_role", fields=["program", "role"]),
            models.CheckConstraint(
                name="a_day_has_room_for_an_adjustment",
                condition=Q(points_per_day__gte=F("points_per_adjustment")),
                violation_error_message=_("The limit of the day is at least that of one adjustment."),
            ),
        ]

    def __str__(self) -> str:
        return self.get_role_display()


class AdjustmentDay(models.Model):
    """
    How many points somebody has adjusted alone on a day: counted up with each, in its transaction.

    Written by `members.adjustments.allowances` alone.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    actor = models.CharField(max_length=80, db_comment="partner:<key> or staff:<id>")
    date = models.DateField(db_comment="In the program's time zone")
    points = models.BigIntegerField(db_comment="Given and taken, without their signs")

    objects = TenantQuerySet["AdjustmentDay"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_adjustment_day_per_actor", fields=["program", "actor", "date"]),
            models.CheckConstraint(name="adjusted_points_are_counted_up", condition=Q(points__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.date}: {self.points}"


_BOOKED = (
    "id", "program_id", "member_id", "wallet_id", "points", "reason_id", "counts_towards_tiers",
    "cost_centre", "by_id", "actor", "entry_id", "approval_id", "adjusted_at",
)  # fmt: skip
_UNDONE = ("undone_by_id", "undone_at", "undo_entry_id")


def _row(side: str, columns: tuple[str, ...]) -> str:
    return "(" + ", ".join(f"{side}.{column}" for column in columns) + ")"


class Adjustment(models.Model):
    """
    Points given to a member or taken away by hand: booked once, undone at most once.

    It keeps what its reason said when it was booked. The note stands here and not in the entry, so
    that it can be emptied when a person is forgotten; nothing else of it ever changes.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    member = models.ForeignKey(
        Member, models.PROTECT, db_index=False, related_name="adjustments", verbose_name=_("member")
    )
    wallet = models.ForeignKey(
        Wallet, models.PROTECT, db_index=False, related_name="+", verbose_name=_("wallet")
    )
    points = models.BigIntegerField(_("points"), db_comment="Given; taken, if negative")
    reason = models.ForeignKey(
        ReasonCode, models.PROTECT, related_name="adjustments", verbose_name=_("reason")
    )
    counts_towards_tiers = models.BooleanField(_("counts towards tiers"))
    cost_centre = models.CharField(_("cost centre"), max_length=40, blank=True)
    note = models.TextField(_("note"), blank=True)
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("by"))
    actor = models.CharField(max_length=80, db_comment="partner:<key> or staff:<id>")
    entry = models.OneToOneField(Entry, models.PROTECT, related_name="adjustment")
    approval = models.OneToOneField(
        Approval,
        models.PROTECT,
        null=True,
        related_name="+",
        db_comment="Of a second person, where the limits asked for one",
    )
    adjusted_at = models.DateTimeField(_("at"), db_comment="By the program's clock")
    undone_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("undone by")
    )
    undone_at = models.DateTimeField(_("undone at"), null=True)
    undo_entry = models.OneToOneField(
        Entry,
        models.PROTECT,
        null=True,
        related_name="+",
        db_comment="Empty also if nothing could be taken back, as all had expired",
    )

    objects = TenantQuerySet["Adjustment"].as_manager()

    class Meta:
        verbose_name = _("adjustment")
        verbose_name_plural = _("adjustments")
        permissions = [("approve_adjustment", "Can agree to adjustments above the limits")]
        constraints = [
            models.CheckConstraint(name="an_adjustment_moves_points", condition=~Q(points=0)),
            models.CheckConstraint(
                name="an_undo_says_who_and_when",
                condition=Q(undone_by__isnull=False, undone_at__isnull=False)
                | Q(undone_by__isnull=True, undone_at__isnull=True, undo_entry__isnull=True),
            ),
        ]
        indexes = [
            models.Index(name="adjustments_of_a_member", fields=["member", "-id"]),
            models.Index(name="adjustments_by_age", fields=["program", "-id"]),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="an_adjustment_stays",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=(
                    f"IF {_row('NEW', _BOOKED)} IS DISTINCT FROM {_row('OLD', _BOOKED)}"
                    " OR NEW.note NOT IN (OLD.note, '')"
                    " THEN RAISE EXCEPTION 'an adjustment stays: %', OLD.id; END IF; RETURN NEW;"
                ),
            ),
            pgtrigger.Trigger(
                name="an_undo_stays",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=(
                    "IF OLD.undone_at IS NOT NULL AND"
                    f" {_row('NEW', _UNDONE)} IS DISTINCT FROM {_row('OLD', _UNDONE)}"
                    " THEN RAISE EXCEPTION 'an undo stays: %', OLD.id; END IF; RETURN NEW;"
                ),
            ),
            pgtrigger.Protect(name="adjustments_are_kept", operation=pgtrigger.Delete),
            never_emptied(),
        ]

    def __str__(self) -> str:
        return f"{self.points:+}"
