from typing import Self

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet
from members.models import Member


class ActivityKind(models.TextChoices):
    SALE = "sale", _("Sale")
    RETURN = "return", _("Return")
    EVENT = "event", _("Custom event")
    UNDONE = "undone", _("Undone sale")
    """A sale that was recorded by mistake; see `Undoing`."""
    UNDO = "undo", _("Undoing of a sale")


TAKES_BACK = (ActivityKind.RETURN, ActivityKind.UNDO)
"""Kinds that give nothing, and take back what a sale gave."""


TOLD = Q(kind__in=["return", "sale", "undone"])
"""What partners are shown as transactions, in a condition that indexes have, too."""
BUT_SALES = Q(kind__in=["return", "undone"])


def waits_or_is_booked(*, others: str, condition: pgtrigger.Q) -> pgtrigger.Trigger:
    """
    A return is booked at once or waits for its sale, never both, whoever reports it at the same time.

    The two tables take turns by its outside id; what waited is booked under the id that it waited with.
    `others` are the rows that it must not be among: a table, and a condition.
    """
    return pgtrigger.Trigger(
        name="waits_or_is_booked",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        condition=condition,
        func=(
            "PERFORM pg_advisory_xact_lock('rewards_waitingreturn'::regclass::int,"
            " hashtext(concat_ws(':', NEW.program_id, NEW.source, NEW.external_id)));"
            f" IF EXISTS (SELECT FROM {others} AND program_id = NEW.program_id AND source = NEW.source"
            " AND external_id = NEW.external_id AND id <> NEW.id) THEN"
            " RAISE EXCEPTION 'the return % waits or is booked already', NEW.external_id"
            " USING ERRCODE = 'unique_violation', CONSTRAINT = 'a_return_waits_or_is_booked'; END IF;"
            " RETURN NEW;"
        ),
    )


class ActivityQuerySet(TenantQuerySet["Activity"]):
    def transactions(self) -> Self:
        """Sales, undone ones too, and returns."""
        return self.filter(TOLD)


class Activity(models.Model):
    """
    A fact about a member, as a partner reported it, with what it earned and why.

    `awards` is what the engine gave and the ledger booked, `facts` the member's side of what the
    engine saw: with the campaign versions, which are frozen, the same awards can be computed again.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program,
        models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("program"),
    )
    member = models.ForeignKey(
        Member, models.PROTECT, db_index=False, related_name="activities", verbose_name=_("member")
    )
    source = models.CharField(_("source"), max_length=40, db_comment="Key of the partner that reported it")
    external_id = models.CharField(_("outside id"), max_length=100)
    kind = models.CharField(_("kind"), max_length=6, choices=ActivityKind)
    event_type = models.CharField(_("event type"), max_length=60, blank=True)
    store = models.CharField(_("store"), max_length=60, blank=True)
    amount = models.DecimalField(
        _("amount"),
        max_digits=14,
        decimal_places=2,
        default=0,
        db_comment="In the program's currency; never negative",
    )
    returned_amount = models.DecimalField(
        _("returned"),
        max_digits=14,
        decimal_places=2,
        default=0,
        db_comment="Of a sale: what its returns took back so far",
    )
    lines = models.JSONField(_("lines"), default=list)
    attributes = models.JSONField(_("attributes"), default=dict)
    original = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        db_index=False,
        related_name="returns",
        verbose_name=_("sale that is returned"),
    )
    facts = models.JSONField(
        default=dict,
        db_comment=(
            "{member, rounding, time_zone, usage}: what the engine saw of the member and the program, what"
            " limits left and what was used of them;"
            " of a return {method, back, owed, charged, pending, written_off}: which goods; by lot, how many"
            " points those had given, what they cost, what was pending still"
        ),
    )
    awards = models.JSONField(
        default=list,
        db_comment=(
            "[{campaign, version_id, wallet_type, points, reason, effect, lot, line_points, variant}] booked"
        ),
    )
    outcome = models.JSONField(
        default=dict,
        db_comment=(
            "{wallets: [{type, available, pending, held}], tier, returned} right after it, as the partner"
            " was told"
        ),
    )
    points = models.BigIntegerField(
        _("points"), default=0, db_comment="Spendable points that it gave; negative for a return"
    )
    fingerprint = models.BinaryField(
        max_length=32, db_comment="SHA-256 of what was reported: tells a repeat from a change"
    )
    occurred_at = models.DateTimeField(_("occurred at"), db_comment="By the partner's clock")
    recorded_at = models.DateTimeField(_("recorded at"), db_comment="By the program's clock")

    objects = ActivityQuerySet.as_manager()

    class Meta:
        verbose_name = _("activity")
        verbose_name_plural = _("activities")
        constraints = [
            models.UniqueConstraint(
                name="an_activity_is_booked_once", fields=["program", "source", "external_id", "kind"]
            ),
            models.CheckConstraint(
                name="an_activity_is_not_worth_less_than_nothing", condition=Q(amount__gte=0)
            ),
            models.CheckConstraint(
                name="no_more_is_returned_than_was_sold",
                condition=Q(returned_amount__gte=0)
                & (Q(kind__in=["sale", "undone"], returned_amount__lte=F("amount")) | Q(returned_amount=0)),
            ),
            models.CheckConstraint(
                name="only_a_custom_event_has_a_type",
                condition=(Q(kind="event") & ~Q(event_type="")) | (~Q(kind="event") & Q(event_type="")),
            ),
        ]
        indexes = [
            models.Index(name="activities_of_a_member", fields=["member", "occurred_at"]),
            models.Index(name="activities_by_day", fields=["program", "-id"]),
            # In the order in which things happened, for what goes through a period from its start to its end.
            models.Index(name="activities_as_they_happened", fields=["program", "occurred_at", "id"]),
            # All that the history of all members is counted from, without the wide rows of the table.
            models.Index(
                name="sales_by_moment",
                fields=["program", "occurred_at"],
                include=["member", "amount", "returned_amount"],
                condition=Q(kind="sale"),
            ),
            # In the order of the list: a page of it, however far back, is one stretch of one of these.
            models.Index(
                name="transactions_by_moment", fields=["program", "occurred_at", "id"], condition=TOLD
            ),
            models.Index(
                name="transactions_by_store",
                fields=["program", "store", "occurred_at", "id"],
                condition=TOLD & ~Q(store=""),
            ),
            models.Index(
                name="transactions_but_sales",
                fields=["program", "kind", "occurred_at", "id"],
                condition=BUT_SALES,
            ),
            models.Index(name="returns_of_a_sale", fields=["original"], condition=Q(original__isnull=False)),
        ]
        triggers = [
            waits_or_is_booked(
                others="rewards_waitingreturn WHERE true", condition=pgtrigger.Q(new__kind="return")
            )
        ]

    def __str__(self) -> str:
        return f"{self.event_type or self.get_kind_display()} {self.external_id}"
