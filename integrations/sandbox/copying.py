"""A sandbox that is set up like a program: its rules, and nobody in it."""

from datetime import datetime, timedelta
from typing import ClassVar, Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Struct

from integrations.models import Partner
from loyalty.core import roles
from loyalty.core.db import violated
from loyalty.core.errors import DomainError
from loyalty.core.models import Assignment, Program, ProgramKind, Role, User
from members.models import AdjustmentLimit
from rewards.blueprint import applying, audience, document
from rewards.models import UNDER_WAY, Campaign
from rewards.planning import campaigns

CREATE: Final = "integrations.create_sandbox"
EARNS_SINCE: Final = timedelta(days=366)
"""How long ago the copy's campaigns began, so that past sales earn by them."""
PARTNER: Final = "test-suite"
_OWN: Final = {"id", "key", "name", "kind", "clock_offset", "rules_revision", "created_at"}


class KeyTaken(DomainError):
    """Each program has a key of its own."""

    code: ClassVar[str] = "program_key_taken"
    title = gettext_lazy("The key is taken")


class Copied(Struct, frozen=True):
    """The new sandbox, and the campaigns that could not be published in it, with why."""

    sandbox: Program
    unpublished: dict[str, str]


@transaction.atomic
def copy(program: Program, *, key: str, name: str, by: User, at: datetime) -> Copied:
    """
    Make a sandbox with the rules of a program, in which `by` becomes an administrator.

    Kinds of points, tiers, reasons, limits of adjustments, attributes, segments, rewards, challenges and
    campaigns come along; members, partners, staff and what happened do not. Campaigns that are under way
    run in the copy as they are in the file of the program as code, since a year ago; nothing needs a
    second person there.

    :raises MayNotApply: without the permission to make sandboxes of that program
    :raises KeyTaken: if there is a program with that key
    """
    applying.check_may(by, CREATE, program)
    sandbox = _found(program, key=key, name=name)
    if not roles.may(by, applying.APPLY, program=sandbox):
        Assignment.objects.create(user=by, program=sandbox, role=Role.ADMINISTRATOR)
    Partner.objects.create(program=sandbox, key=PARTNER, name=_("Test suite"))
    _copy_limits(program, sandbox)
    found = document.read(document.export(program).encode())
    applying.apply(found, program=sandbox, by=by, at=at)
    return Copied(sandbox, _publish(program, sandbox, by=by, at=at))


def to_be_found(sandbox: Program) -> list[str]:
    """The segments whose members a task is to find, once the copy is committed."""
    return [str(segment_id) for segment_id in audience.to_be_found(sandbox)]


def _found(program: Program, *, key: str, name: str) -> Program:
    fields = [field.attname for field in Program._meta.concrete_fields if field.attname not in _OWN]
    terms = {field: getattr(program, field) for field in fields}
    terms["campaigns_need_approval"] = False
    try:
        with transaction.atomic():
            return Program.objects.create(key=key, name=name, kind=ProgramKind.SANDBOX, **terms)
    except IntegrityError as error:
        if violated(error) != "core_program_key_key":
            raise
        detail = _("There is a program with the key “{key}” already.").format(key=key)
        raise KeyTaken(detail) from None


def _copy_limits(program: Program, sandbox: Program) -> None:
    limits = list(AdjustmentLimit.objects.filter(program=program).order_by("pk"))
    AdjustmentLimit.objects.bulk_create(
        AdjustmentLimit(
            program=sandbox,
            role=limit.role,
            points_per_adjustment=limit.points_per_adjustment,
            points_per_day=limit.points_per_day,
        )
        for limit in limits
    )


def _publish(program: Program, sandbox: Program, *, by: User, at: datetime) -> dict[str, str]:
    """What is under way in the program runs in the copy; what cannot stays a draft, and why."""
    running = Campaign.objects.filter(program=program, status__in=UNDER_WAY).values_list("key", flat=True)
    refused: dict[str, str] = {}
    for campaign in Campaign.objects.filter(program=sandbox, key__in=list(running)).order_by("pk"):
        try:
            with transaction.atomic():
                campaigns.publish(
                    campaign,
                    definition=campaign.draft,
                    by=by,
                    at=at,
                    effective_at=at - EARNS_SINCE,
                )
        except DomainError as refusal:
            refused[campaign.key] = refusal.detail
    return refused
