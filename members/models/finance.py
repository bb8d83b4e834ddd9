"""What points cost, how many are never used, and which periods are closed."""

import pghistory
import pgtrigger
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program, User
from loyalty.core.tenancy import TenantQuerySet
from members.models.wallet_type import WalletType

COHORT_VALIDATOR = RegexValidator(
    r"^([0-9]{4}(-(0[1-9]|1[0-2]|Q[1-4]))?)?\Z",
    _("Name a month (2026-03), a quarter (2026-Q1) or a year (2026), or leave it empty for all points."),
)

# For triggers: the last closed day of the row's program, null if none is.
_CLOSED_THROUGH = (
    "closed := (SELECT max(through_date) FROM members_periodlock"
    " WHERE program_id = {row}.program_id AND reopened_at IS NULL);"
)
_REFUSED_AS_CLOSED = (
    "RAISE EXCEPTION '% of % lies in a period that is closed through %', TG_TABLE_NAME, {day}, closed"
    " USING ERRCODE = 'check_violation', CONSTRAINT = 'a_closed_period_stays_as_it_is';"
)


@pghistory.track()
class PointCost(models.Model):
    """
    What one point of a kind costs when it is used, from a day on until the next one's.

    Before the first of them, the value that stands with the kind of points counts.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, related_name="+")
    wallet_type = models.ForeignKey(
        WalletType, models.PROTECT, related_name="costs", verbose_name=_("kind of points")
    )
    from_date = models.DateField(_("from"), help_text=_("The first day on which it counts."))
    cost = models.DecimalField(
        _("cost of a point"),
        max_digits=12,
        decimal_places=8,
        help_text=_("In the program's currency, when the point is used."),
    )

    objects = TenantQuerySet["PointCost"].as_manager()

    class Meta:
        verbose_name = _("cost per point")
        verbose_name_plural = _("costs per point")
        constraints = [
            models.UniqueConstraint(
                name="one_cost_per_kind_of_points_and_day", fields=["wallet_type", "from_date"]
            ),
            models.CheckConstraint(name="a_point_never_costs_less_than_nothing", condition=Q(cost__gte=0)),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="closed_periods_keep_their_costs",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                declare=[("closed", "date"), ("day", "date")],
                func=(
                    f"{_CLOSED_THROUGH.format(row='NEW')}"
                    " day := NEW.from_date;"
                    " IF TG_OP = 'UPDATE' THEN day := least(day, OLD.from_date); END IF;"
                    f" IF day <= closed THEN {_REFUSED_AS_CLOSED.format(day='day')} END IF; RETURN NEW;"
                ),
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.cost} ({self.from_date})"


class BreakageRate(models.Model):
    """
    How many of the points earned in a time are expected never to be used, from a day on.

    Proposed by one person and approved by another (see Note [Second person] in
    `loyalty.core.approvals`); then it stays as it is, and a better estimate is the next version. The
    rate of a month goes before that of its quarter, its year, and of all points.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, related_name="+")
    wallet_type = models.ForeignKey(
        WalletType, models.PROTECT, related_name="breakage_rates", verbose_name=_("kind of points")
    )
    cohort = models.CharField(
        _("of points earned in"),
        max_length=7,
        blank=True,
        validators=[COHORT_VALIDATOR],
        help_text=_("2026-03, 2026-Q1 or 2026; empty for all points that have no rate of their own."),
    )
    version = models.PositiveIntegerField(_("version"), db_comment="1, 2, 3 … per wallet type and cohort")
    rate = models.DecimalField(
        _("breakage"), max_digits=5, decimal_places=4, db_comment="Share that is never used, 0 to 1"
    )
    from_date = models.DateField(_("from"), help_text=_("The first day on which it counts."))
    proposed_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("proposed by"))
    approved_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("approved by"))
    approved_at = models.DateTimeField(_("approved at"))
    approval_id = models.UUIDField(db_comment="core_approval.id: what was asked for, and why")

    objects = TenantQuerySet["BreakageRate"].as_manager()

    class Meta:
        verbose_name = _("breakage rate")
        verbose_name_plural = _("breakage rates")
        constraints = [
            models.UniqueConstraint(
                name="breakage_rates_are_numbered", fields=["wallet_type", "cohort", "version"]
            ),
            models.UniqueConstraint(name="one_approval_is_one_breakage_rate", fields=["approval_id"]),
            models.CheckConstraint(name="breakage_is_a_share", condition=Q(rate__gte=0) & Q(rate__lte=1)),
            models.CheckConstraint(
                name="a_cohort_is_a_month_quarter_or_year",
                condition=Q(cohort__regex=r"^([0-9]{4}(-(0[1-9]|1[0-2]|Q[1-4]))?)?$"),
            ),
            models.CheckConstraint(
                name="a_breakage_rate_is_approved_by_a_second_person",
                condition=~Q(approved_by=F("proposed_by")),
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="closed_periods_keep_their_breakage",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("closed", "date")],
                func=(
                    f"{_CLOSED_THROUGH.format(row='NEW')}"
                    " IF NEW.from_date <= closed THEN"
                    f" {_REFUSED_AS_CLOSED.format(day='NEW.from_date')} END IF;"
                    " RETURN NEW;"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rate:.2%} ({self.cohort or '—'}, v{self.version})"


class PeriodLock(models.Model):
    """
    A closed period: nothing is booked any more up to the end of a day, and its figures are frozen.

    `figures` follow a moment after the row: first nobody can write into the period, then it is
    counted. A lock is never removed; a second person can reopen the newest, which leaves it here.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, related_name="+")
    through_date = models.DateField(_("closed through"), help_text=_("The last day that is closed."))
    ends_at = models.DateTimeField(
        db_comment="First moment that is open, in the time zone that the program had then"
    )
    figures = models.JSONField(_("figures"), null=True, db_comment="What finance.closing counted; no floats")
    sha256 = models.CharField(
        _("SHA-256"), max_length=64, blank=True, db_comment="Of the figures as canonical JSON"
    )
    closed_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("closed by"))
    closed_at = models.DateTimeField(_("closed at"))
    reopening_asked_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, verbose_name=_("reopening asked for by")
    )
    reopening_id = models.UUIDField(null=True, db_comment="core_approval.id: the request, and why")
    reopened_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, verbose_name=_("reopened by")
    )
    reopened_at = models.DateTimeField(_("reopened at"), null=True)

    objects = TenantQuerySet["PeriodLock"].as_manager()

    class Meta:
        verbose_name = _("closed period")
        verbose_name_plural = _("closed periods")
        constraints = [
            models.UniqueConstraint(
                name="a_period_is_closed_once",
                fields=["program", "through_date"],
                condition=Q(reopened_at__isnull=True),
            ),
            models.CheckConstraint(
                name="frozen_figures_have_their_hash",
                condition=Q(figures__isnull=True, sha256="")
                | Q(figures__isnull=False, sha256__regex="^[0-9a-f]{64}$"),
            ),
            models.CheckConstraint(
                name="a_period_is_reopened_by_a_second_person",
                condition=Q(reopened_at__isnull=True, reopened_by__isnull=True)
                | (
                    Q(
                        reopened_at__isnull=False,
                        reopened_by__isnull=False,
                        reopening_asked_by__isnull=False,
                        reopening_id__isnull=False,
                    )
                    & ~Q(reopened_by=F("reopening_asked_by"))
                ),
            ),
        ]
        indexes = [
            models.Index(
                name="closed_periods", fields=["program", "-ends_at"], condition=Q(reopened_at__isnull=True)
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="frozen_once",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=(
                    "IF (NEW.id, NEW.program_id, NEW.through_date, NEW.ends_at, NEW.closed_by_id,"
                    " NEW.closed_at) IS DISTINCT FROM (OLD.id, OLD.program_id, OLD.through_date,"
                    " OLD.ends_at, OLD.closed_by_id, OLD.closed_at) OR (OLD.figures IS NOT NULL"
                    " AND (NEW.figures, NEW.sha256) IS DISTINCT FROM (OLD.figures, OLD.sha256))"
                    " OR OLD.reopened_at IS NOT NULL THEN"
                    " RAISE EXCEPTION 'a closed period is frozen'"
                    " USING ERRCODE = 'check_violation', CONSTRAINT = 'a_closed_period_is_frozen';"
                    " END IF; RETURN NEW;"
                ),
            ),
            pgtrigger.Trigger(
                name="reopened_from_the_newest",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=(
                    "IF (TG_OP = 'INSERT' OR NEW.reopened_at IS NOT NULL) AND EXISTS (SELECT 1 FROM"
                    " members_periodlock l WHERE l.program_id = NEW.program_id"
                    " AND l.through_date > NEW.through_date AND l.reopened_at IS NULL) THEN"
                    " RAISE EXCEPTION 'a later period is closed'"
                    " USING ERRCODE = 'check_violation', CONSTRAINT = 'periods_are_closed_in_order';"
                    " END IF; RETURN NEW;"
                ),
            ),
        ]

    def __str__(self) -> str:
        return str(self.through_date)


class AccountingAccount(models.Model):
    """The number and name under which the program's accounting knows one of the journal's accounts."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, related_name="+")
    purpose = models.CharField(
        _("purpose"), max_length=30, db_comment="A key of members.finance.journal.ACCOUNTS"
    )
    number = models.CharField(_("number"), max_length=20)
    name = models.CharField(_("name"), max_length=80)

    objects = TenantQuerySet["AccountingAccount"].as_manager()

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = [models.UniqueConstraint(name="one_account_per_purpose", fields=["program", "purpose"])]

    def __str__(self) -> str:
        return f"{self.number} {self.name}"
