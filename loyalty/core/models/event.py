from typing import Self

import pgtrigger
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.tenancy import TenantQuerySet


class NextEventNumber(Func):
    """
    The next number of the event log.

    The SQL function fixes the transaction's id before it takes the number, which the reading side
    relies on: see Note [Event cursor] in `loyalty.core.events`.
    """

    function = "next_event_number"
    output_field = models.BigIntegerField()


class EventQuerySet(TenantQuerySet["Event"]):
    def sealed_after(self, number: int) -> Self:
        """Events past a consumer's cursor that are certain to have no late neighbours, in order."""
        horizon = EventHorizon.objects.filter(pk=1).values("sealed_number")
        return self.filter(number__gt=number, number__lte=models.Subquery(horizon)).order_by("number")


class Event(models.Model):
    """
    Something that happened, in the same commit as the change itself: the outbox.

    Numbers grow per member in the order in which its events happened, as whoever publishes for a
    member holds the lock on its wallets.
    """

    number = models.BigIntegerField(primary_key=True, db_default=NextEventNumber(), editable=False)
    program = models.ForeignKey(
        "core.Program", models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    member_id = models.UUIDField(
        null=True, db_comment="members_member.id; empty for events of the program itself"
    )
    type = models.CharField(max_length=60)
    data = models.JSONField(
        default=dict, db_comment="What partners are told; ids and figures, no personal data"
    )
    occurred_at = models.DateTimeField(db_comment="By the clock of whoever reported it, or the program's")
    recorded_at = models.DateTimeField(auto_now_add=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(name="events_of_a_member", fields=["member_id", "number"]),
            models.Index(name="events_of_a_program", fields=["program", "number"]),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.type} #{self.number}"


class EventHorizon(models.Model):
    """
    How far the event log may be read: one row, moved by `events.seal()` alone.

    Writers never touch it, so that it is in nobody's way.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    sealed_number = models.BigIntegerField(default=0, db_default=0)
    barrier_number = models.BigIntegerField(default=0, db_default=0)
    barrier_transaction = models.BigIntegerField(
        default=0, db_default=0, db_comment="An xid8; all below it must have ended"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(name="there_is_one_horizon", condition=Q(id=1)),
            models.CheckConstraint(
                name="the_seal_is_behind_the_barrier", condition=Q(sealed_number__lte=F("barrier_number"))
            ),
        ]

    def __str__(self) -> str:
        return f"sealed up to {self.sealed_number}"
