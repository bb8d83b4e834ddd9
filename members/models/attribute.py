import pghistory
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.models.program import moves_the_rules_revision
from loyalty.core.tenancy import TenantQuerySet

ATTRIBUTE_NAME_VALIDATOR = RegexValidator(
    r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\Z",
    _("Use letters, digits, hyphens, dots and underscores; begin with a letter, digit or underscore."),
)
EVENT_TYPE_VALIDATOR = RegexValidator(
    r"^[a-z][a-z0-9_.]*\Z", _("Use lower-case letters, digits, dots and underscores; begin with a letter.")
)


class AttributeOwner(models.TextChoices):
    MEMBER = "member", _("Members")
    SALE = "sale", _("Purchases")
    EVENT = "event", _("Events")


class AttributeKind(models.TextChoices):
    TEXT = "text", _("Text")
    NUMBER = "number", _("Number")
    DATE = "date", _("Date")
    BOOLEAN = "boolean", _("Yes or no")
    SET = "set", _("Several texts")


@pghistory.track()
class EventType(models.Model):
    """Something that partners report about members, as the program describes it to its marketers."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, db_index=False, related_name="event_types")
    name = models.CharField(
        _("type"),
        max_length=60,
        validators=[EVENT_TYPE_VALIDATOR],
        help_text=_("As partners report it, such as review.posted."),
    )
    label = models.CharField(
        _("label"), max_length=100, help_text=_("As marketers read it, such as “Review written”.")
    )

    objects = TenantQuerySet["EventType"].as_manager()

    class Meta:
        verbose_name = _("event type")
        verbose_name_plural = _("event types")
        constraints = [
            models.UniqueConstraint(
                name="an_event_type_is_described_once",
                fields=["program", "name"],
                violation_error_message=_("The program describes this type already."),
            ),
        ]
        triggers = [moves_the_rules_revision()]

    def __str__(self) -> str:
        return self.label


@pghistory.track()
class AttributeType(models.Model):
    """
    A fact that only this program knows: about its members, its purchases or one type of event.

    Once the type is declared here, conditions compare by it. What partners tell about members is held
    to it, too, and what they report of events; purchases are not, as those have happened.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, db_index=False, related_name="attribute_types")
    owner = models.CharField(_("about"), max_length=6, choices=AttributeOwner, default=AttributeOwner.MEMBER)
    event_type = models.ForeignKey(
        EventType,
        models.CASCADE,  # it describes nothing without its event type
        null=True,
        blank=True,
        related_name="attributes",
        verbose_name=_("event type"),
    )
    name = models.CharField(
        _("name"),
        max_length=60,
        validators=[ATTRIBUTE_NAME_VALIDATOR],
        help_text=_("As partners send it, such as favourite_drink."),
    )
    label = models.CharField(
        _("label"), max_length=100, help_text=_("As marketers read it, such as “Favourite drink”.")
    )
    type = models.CharField(_("type"), max_length=7, choices=AttributeKind, default=AttributeKind.TEXT)
    choices = models.JSONField(
        _("choices"),
        default=list,
        blank=True,
        help_text=_("Texts that are offered to choose from, if there are few; one a line."),
    )

    objects = TenantQuerySet["AttributeType"].as_manager()

    class Meta:
        verbose_name = _("attribute")
        verbose_name_plural = _("attributes")
        constraints = [
            models.UniqueConstraint(
                name="an_attribute_is_declared_once",
                fields=["program", "owner", "event_type", "name"],
                nulls_distinct=False,
                violation_error_message=_("The program has declared this attribute already."),
            ),
            models.CheckConstraint(
                name="only_an_attribute_of_events_has_an_event_type",
                condition=(Q(owner="event") & Q(event_type__isnull=False))
                | (~Q(owner="event") & Q(event_type__isnull=True)),
            ),
            models.CheckConstraint(
                name="only_texts_are_chosen_from", condition=Q(type__in=["text", "set"]) | Q(choices=[])
            ),
        ]
        triggers = [moves_the_rules_revision()]

    def __str__(self) -> str:
        return self.label
