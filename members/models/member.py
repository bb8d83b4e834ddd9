from typing import Self

import pgtrigger
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import ExtractDay, ExtractMonth, Upper
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet


class MemberStatus(models.TextChoices):
    ACTIVE = "active", _("Active")
    BLOCKED = "blocked", _("Blocked")
    ERASED = "erased", _("Erased")
    MERGED = "merged", _("Merged into another")


class IdentifierKind(models.TextChoices):
    CARD = "card", _("Card")
    EMAIL = "email", _("E-mail")
    PHONE = "phone", _("Phone")
    EXTERNAL = "external", _("Outside id")


class MemberQuerySet(TenantQuerySet["Member"]):
    def known_as(self, kind: str, value: str) -> Self:
        """The member with that identifier; `value` as `members.enrolment.normalize()` left it."""
        return self.filter(identifiers__kind=kind, identifiers__value=value)


class Member(models.Model):
    """A person in a program. What they hold is in their wallets, how they are known in identifiers."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_index=False, related_name="members", verbose_name=_("program")
    )
    status = models.CharField(_("status"), max_length=10, choices=MemberStatus, default=MemberStatus.ACTIVE)
    merged_into = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        related_name="merged_members",
        verbose_name=_("merged into"),
    )
    first_name = models.CharField(_("first name"), max_length=100, blank=True)
    last_name = models.CharField(_("last name"), max_length=100, blank=True)
    birth_date = models.DateField(_("birth date"), null=True, blank=True)
    attributes = models.JSONField(
        _("attributes"),
        default=dict,
        blank=True,
        help_text=_("The program's own facts about a member, by key."),
    )
    enrolled_at = models.DateTimeField(
        _("enrolled at"), db_comment="By the clock of whoever enrolled the member"
    )
    recorded_at = models.DateTimeField(_("recorded at"), auto_now_add=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        permissions = [
            ("block_member", "Can block members, and end that"),
            ("export_member", "Can hand out all that is known about a member"),
            ("erase_member", "Can erase members for good"),
        ]
        constraints = [
            models.CheckConstraint(
                name="a_merged_member_says_into_whom",
                condition=Q(status="merged", merged_into__isnull=False)
                | (~Q(status="merged") & Q(merged_into__isnull=True)),
            ),
        ]
        indexes = [
            models.Index(
                name="members_merged_into",
                fields=["merged_into"],
                condition=Q(merged_into__isnull=False),
            ),
            models.Index(name="members_by_age", fields=["program", "-id"]),
            models.Index(
                OpClass(Upper("last_name"), name="varchar_pattern_ops"),
                "program",
                name="members_by_last_name",
            ),
            models.Index(
                OpClass(Upper("first_name"), name="varchar_pattern_ops"),
                "program",
                name="members_by_first_name",
            ),
            # Days that come again each year; of moments, the days in UTC.
            models.Index(
                "program",
                ExtractMonth("birth_date"),
                ExtractDay("birth_date"),
                name="members_by_birthday",
                condition=Q(birth_date__isnull=False),
            ),
            models.Index(
                "program",
                ExtractMonth("enrolled_at"),
                ExtractDay("enrolled_at"),
                name="members_by_anniversary",
            ),
            models.Index(name="members_by_enrolment", fields=["program", "enrolled_at", "id"]),
            # The filters of the list; almost everybody is active, and needs none.
            models.Index(
                name="members_not_active",
                fields=["program", "status", "enrolled_at", "id"],
                condition=~Q(status="active"),
            ),
        ]
        triggers = [
            # What was decided by the status before, and is not written yet, is decided anew:
            # see Note [The lock] in `members.ledger.store`.
            pgtrigger.Trigger(
                name="a_new_status_moves_the_wallets",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("status"),  # type: ignore[no-untyped-call]  # typed in part
                condition=pgtrigger.Q(old__status__df=pgtrigger.F("new__status")),
                # In id order, as everybody takes them.
                func=(
                    "PERFORM 1 FROM members_wallet WHERE member_id = NEW.id ORDER BY id FOR UPDATE;"
                    " UPDATE members_wallet SET version = version + 1 WHERE member_id = NEW.id; RETURN NULL;"
                ),
            )
        ]

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or str(_("Member without a name"))


class Identifier(models.Model):
    """What a system may know a member by. Values are stored normalised, so that equal means the same."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    member = models.ForeignKey(Member, models.PROTECT, related_name="identifiers", verbose_name=_("member"))
    kind = models.CharField(_("kind"), max_length=10, choices=IdentifierKind)
    value = models.CharField(_("value"), max_length=254)

    objects = TenantQuerySet["Identifier"].as_manager()

    class Meta:
        verbose_name = _("identifier")
        verbose_name_plural = _("identifiers")
        constraints = [
            models.UniqueConstraint(
                name="an_identifier_names_one_member",
                fields=["program", "kind", "value"],
                violation_error_message=_("Another member of the program has this identifier."),
            ),
            models.CheckConstraint(name="an_identifier_is_not_empty", condition=~Q(value="")),
        ]
        indexes = [
            models.Index(
                OpClass("value", name="varchar_pattern_ops"), "program", name="identifiers_by_value"
            ),
        ]

    def __str__(self) -> str:
        return self.value
