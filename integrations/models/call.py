from datetime import datetime
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from integrations.models.partner import Credential, Partner
from loyalty.core.ids import first_id_of, new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet


class CallQuerySet(TenantQuerySet["Call"]):
    def since(self, moment: datetime) -> Self:
        """Calls that were answered since then: ids grow with that moment."""
        return self.filter(id__gte=first_id_of(moment))


class Call(models.Model):
    """
    A call of the API by a known credential: what was asked and what came of it, in figures, codes and ids.

    No body and no address is kept, so nothing about a person. Of calls that were refused because there
    were too many, one row stands for all that a process refused within a second.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    called_at = models.DateTimeField(_("called at"))
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    partner = models.ForeignKey(
        Partner,
        models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("partner"),
    )
    credential = models.ForeignKey(
        Credential,
        models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("API key"),
    )
    operation = models.CharField(_("operation"), max_length=80, db_comment="Its operationId in the docs")
    status = models.PositiveSmallIntegerField(_("answer"))
    problem = models.CharField(_("problem"), max_length=80, blank=True, db_comment="Its code, if refused")
    duration_ms = models.PositiveIntegerField(_("took"), help_text=_("Milliseconds."))
    object_ids = ArrayField(
        models.UUIDField(), verbose_name=_("objects"), db_comment="In the address, and first in the answer"
    )
    request_id = models.CharField(_("request id"), max_length=128)
    trace_id = models.CharField(
        _("trace"), max_length=32, blank=True, db_comment="W3C Trace Context, as the caller sent it"
    )
    is_replay = models.BooleanField(_("repeat"), help_text=_("It got the first call's answer."))
    is_deprecated = models.BooleanField(_("deprecated"), help_text=_("The operation will go."))
    call_count = models.PositiveIntegerField(_("calls"), default=1)

    objects = CallQuerySet.as_manager()

    class Meta:
        verbose_name = _("API call")
        verbose_name_plural = _("API calls")
        indexes = [
            models.Index(name="calls_of_a_program", fields=["program", "id"]),
            models.Index(name="calls_of_a_partner", fields=["partner", "id"]),
            models.Index(name="calls_of_an_operation", fields=["program", "operation", "id"]),
            models.Index(name="calls_refused", fields=["program", "id"], condition=Q(status__gte=400)),
            models.Index(name="calls_failed", fields=["program", "id"], condition=Q(status__gte=500)),
            models.Index(
                name="calls_by_problem", fields=["program", "problem", "id"], condition=~Q(problem="")
            ),
            models.Index(
                name="calls_of_what_will_go", fields=["program", "id"], condition=Q(is_deprecated=True)
            ),
            models.Index(name="calls_by_request", fields=["request_id"]),
            models.Index(name="calls_by_trace", fields=["trace_id"], condition=~Q(trace_id="")),
            GinIndex(name="calls_by_object", fields=["object_ids"]),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.status}"
