"""Events that did not happen: for partners to see what theirs does with them."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.sandbox import time_travel
from loyalty.core import event_catalogue
from loyalty.core.errors import InvalidInput
from loyalty.core.models import Event, Program


class UnknownEventType(InvalidInput):
    """There are no events of that type. The catalogue lists those that there are."""

    code: ClassVar[str] = "unknown_event_type"
    title = gettext_lazy("No such type of event")


def publish(program: Program, *, event_type: str, member_id: UUID | None, at: datetime) -> Event:
    """
    Write a made-up event to the log, from where webhooks and the feed take it like any other.

    Its row names no member, so that nothing here takes it for true: only its data does, and they say
    that it is a sample.

    :raises NotASandbox: if the program is live
    :raises UnknownEventType: for a type that does not exist
    """
    time_travel.check_sandbox(program)
    kind = event_catalogue.KINDS.get(event_type)
    if kind is None:
        raise UnknownEventType(_("There are no events “%s”.") % event_type, pointer="#/type")
    data = {**event_catalogue.sample_data(kind), "is_sample": True}
    if member_id is not None and kind.is_of_member:
        data["member_id"] = str(member_id)
    return Event.objects.create(program=program, member_id=None, type=kind.type, data=data, occurred_at=at)
