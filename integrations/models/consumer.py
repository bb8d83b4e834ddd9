from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Consumer(models.Model):
    """A reader of the event log with its own cursor. See Note [Event cursor] in `loyalty.core.events`."""

    key = models.CharField(_("key"), max_length=40, primary_key=True)
    cursor = models.BigIntegerField(
        _("cursor"), default=0, db_comment="Number of the last event that was dealt with"
    )
    moved_at = models.DateTimeField(_("moved at"), auto_now=True)

    class Meta:
        verbose_name = _("consumer")
        verbose_name_plural = _("consumers")
        constraints = [models.CheckConstraint(name="a_cursor_is_never_negative", condition=Q(cursor__gte=0))]

    def __str__(self) -> str:
        return self.key
