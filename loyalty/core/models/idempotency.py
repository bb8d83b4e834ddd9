from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KeyTextTransform

from loyalty.core.ids import new_id


class IdempotencyRecord(models.Model):
    """The stored answer of a call that changed something; written in the transaction of the change."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    partner_id = models.UUIDField(
        db_comment="integrations_partner.id: the same key of two partners is two keys"
    )
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(
        max_length=32, db_comment="SHA-256 of method, path, query and canonical body"
    )
    status = models.SmallIntegerField(db_comment="HTTP status of the stored answer")
    body = models.JSONField()
    created_at = models.DateTimeField(db_comment="Real time; kept for 31 days")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_answer_per_idempotency_key", fields=["partner_id", "key"]),
            models.CheckConstraint(
                name="stored_answers_are_final",
                condition=Q(status__gte=200, status__lt=300) | Q(status__in=[404, 409, 422]),
            ),
        ]
        indexes = [
            models.Index(name="idempotency_records_by_age", fields=["created_at"]),
            # The few answers that say who somebody is, for the day on which they are to be forgotten.
            models.Index(
                KeyTextTransform("id", "body"),
                name="answers_with_a_member",
                condition=Q(body__has_key="identifiers"),
            ),
            models.Index(
                KeyTextTransform("member_id", "body"),
                name="answers_about_a_member",
                condition=Q(body__has_any_keys=["value", "evidence"]),
            ),
            models.Index(
                KeyTextTransform("member_id", "body"),
                name="answers_with_a_redemption",
                condition=Q(body__has_key="tracking"),
            ),
        ]

    def __str__(self) -> str:
        return self.key
