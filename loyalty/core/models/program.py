from datetime import timedelta
from typing import Final
from zoneinfo import available_timezones

import pghistory
import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id

KEY_VALIDATOR = RegexValidator(
    r"^[a-z0-9][a-z0-9_-]*\Z", _("Use lower-case letters, digits, hyphens and underscores.")
)
CURRENCY_VALIDATOR = RegexValidator(
    r"^[A-Z]{3}\Z", _("Use a currency code of three capital letters, such as EUR.")
)


# A sequence never gives a number twice: what a process read in a transaction that was rolled back, and
# keeps by its number, is never taken for what another transaction committed.
NEXT_REVISION = "nextval('core_rules_revision')"


class ProgramKind(models.TextChoices):
    LIVE = "live", _("Live")
    SANDBOX = "sandbox", _("Sandbox")


class Rounding(models.TextChoices):
    DOWN = "down", _("Down")
    HALF_UP = "half_up", _("Half up")
    UP = "up", _("Up")


class ReturnsMethod(models.TextChoices):
    """How it is decided what a return takes back."""

    PROPORTIONAL = "proportional", _("What was granted for the returned goods")
    RECALCULATE = "recalculate", _("What the rest of the purchase would not have earned")


class ProfileField(models.TextChoices):
    """What a program may ask members to tell of themselves."""

    NAME = "name", _("First and last name")
    BIRTH_DATE = "birth_date", _("Birth date")
    CONTACT = "contact", _("E-mail or phone")
    EMAIL = "email", _("E-mail")
    PHONE = "phone", _("Phone")


def whole_profile() -> list[str]:
    return [ProfileField.NAME.value, ProfileField.BIRTH_DATE.value, ProfileField.CONTACT.value]


def moves_the_rules_revision(
    program_id: str = "changed.program_id",
    *,
    operation: pgtrigger.Operation = pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
) -> pgtrigger.Trigger:
    """
    A trigger for tables that processes keep in memory: a changed row moves its program's revision.

    `program_id` is an SQL expression over `changed`, the row.
    """
    return pgtrigger.Trigger(
        name="moves_the_rules_revision",
        when=pgtrigger.After,
        operation=operation,
        declare=[("changed", "record")],
        func=(
            "IF TG_OP = 'DELETE' THEN changed := OLD; ELSE changed := NEW; END IF;"
            f" UPDATE core_program SET rules_revision = {NEXT_REVISION} WHERE id = {program_id};"
            " RETURN NULL;"
        ),
    )


RENAMED: Final = pgtrigger.UpdateOf("key", "name")  # type: ignore[no-untyped-call]
MADE_OR_RENAMED: Final = pgtrigger.Insert | RENAMED | pgtrigger.Delete


def never_emptied() -> pgtrigger.Trigger:
    """TRUNCATE passes row triggers by; a test's database says that it may be emptied."""
    return pgtrigger.Trigger(
        name="never_emptied",
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        level=pgtrigger.Statement,
        func=(
            "IF current_setting('regulars.may_be_emptied', true) = 'yes' THEN RETURN NULL; END IF;"
            " RAISE EXCEPTION 'pgtrigger: Cannot truncate rows from % table', TG_TABLE_NAME;"
        ),
    )


def validate_time_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(_("“%(name)s” is no time zone of the IANA database."), params={"name": name})


@pghistory.track(exclude=["rules_revision"])
class Program(models.Model):
    """One loyalty scheme: the tenant. Nothing is shared between two programs."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    key = models.CharField(_("key"), max_length=40, unique=True, validators=[KEY_VALIDATOR])
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=10, choices=ProgramKind, default=ProgramKind.LIVE)
    currency = models.CharField(_("currency"), max_length=3, validators=[CURRENCY_VALIDATOR])
    time_zone = models.CharField(
        _("time zone"), max_length=50, default="Europe/Berlin", validators=[validate_time_zone]
    )
    rounding = models.CharField(
        _("rounding"),
        max_length=10,
        choices=Rounding,
        default=Rounding.DOWN,
        help_text=_("How an award's fraction of a point becomes a whole point, once per award."),
    )
    returns_method = models.CharField(
        _("returns take back"), max_length=12, choices=ReturnsMethod, default=ReturnsMethod.PROPORTIONAL
    )
    household_size = models.PositiveSmallIntegerField(
        _("members in a household"),
        default=8,
        validators=[MinValueValidator(1)],
        help_text=_("How many may share their points at most."),
    )
    campaigns_need_approval = models.BooleanField(
        _("campaigns need a second person"),
        default=False,
        help_text=_("What is published was approved by somebody other than who asked for it."),
    )
    profile_fields = ArrayField(
        models.CharField(max_length=10, choices=ProfileField),
        verbose_name=_("a profile is complete with"),
        default=whole_profile,
        help_text=_("What must be known of a member, so that campaigns can give something for it."),
    )
    referral_days = models.PositiveSmallIntegerField(
        _("a referral counts after"),
        default=14,
        help_text=_("Days from a friend's first purchase, while it may still be returned."),
    )
    claim_days = models.PositiveSmallIntegerField(
        _("a receipt can be claimed for"),
        default=30,
        validators=[MaxValueValidator(3_650)],
        help_text=_("Days from a purchase that nobody was named for. 0: nobody claims one."),
    )
    clock_offset = models.DurationField(
        _("test clock"),
        default=timedelta,
        db_comment="How far a sandbox's clock is ahead of real time; zero for live programs",
    )
    rules_revision = models.BigIntegerField(
        default=0,
        editable=False,
        db_comment=(
            "Grows with each change of campaign versions, wallet types, tiers and terms; processes drop what"
            " they keep of those by it"
        ),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("program")
        verbose_name_plural = _("programs")
        constraints = [
            models.CheckConstraint(
                name="only_a_sandbox_has_a_test_clock",
                condition=Q(kind="sandbox") | Q(clock_offset=timedelta()),
            ),
            models.CheckConstraint(
                name="a_test_clock_never_runs_behind", condition=Q(clock_offset__gte=timedelta())
            ),
            models.CheckConstraint(
                name="program_currency_is_three_capitals", condition=Q(currency__regex="^[A-Z]{3}$")
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="new_terms_move_the_revision",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf(  # type: ignore[no-untyped-call]  # pgtrigger is typed in part
                    "currency", "time_zone", "rounding", "returns_method"
                ),
                func=f"NEW.rules_revision := {NEXT_REVISION}; RETURN NEW;",
            )
        ]

    def __str__(self) -> str:
        return self.name
