"""Bring a program to what a file says: all of it or nothing, and a second time nothing."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar, Final

import pghistory
from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core import audit, roles
from loyalty.core.errors import DomainError
from loyalty.core.models import Program, User
from rewards.blueprint import comparing, document
from rewards.blueprint.campaigns import is_published
from rewards.blueprint.comparing import ADDED, CHANGED, MISSING, Comparison
from rewards.blueprint.document import Described, Document
from rewards.blueprint.sections import BY_KEY, SECTIONS
from rewards.models import CampaignStatus
from rewards.planning import campaigns

VIEW: Final = "rewards.view_blueprint"
APPLY: Final = "rewards.apply_blueprint"
PUBLISH: Final = "rewards.publish_campaign"

# One application to a program at a time. Beside it, what is changed is locked row by row, rows before
# the program's revision, as everybody does who changes a rule.
_TAKE_TURN: Final = "SELECT pg_advisory_xact_lock('rewards_campaign'::regclass::int, hashtext(%s))"


class MayNotApply(DomainError):
    """Only somebody with the permission in that very program changes it by a file."""

    code: ClassVar[str] = "may_not_apply"
    status: ClassVar[int] = 403
    title = gettext_lazy("You may not do this in that program")


class ChangedMeanwhile(DomainError):
    """The differences are not those any more that somebody looked at."""

    code: ClassVar[str] = "changed_meanwhile"
    title = gettext_lazy("The program was changed meanwhile")


class NotPublished(DomainError):
    """A campaign of the file cannot be published; so nothing was applied."""

    code: ClassVar[str] = "not_published"
    title = gettext_lazy("A campaign cannot be published")


def apply(
    found: Document,
    *,
    program: Program,
    by: User,
    at: datetime,
    publish: Collection[str] = (),
    prune: bool = False,
    seen: str | None = None,
) -> Comparison:
    """
    What was changed. See Note [Program as code].

    :param publish: keys of campaigns by which members are to earn from now on; others become drafts
    :param prune: also take out of use what the file does not name
    :param seen: the fingerprint of the differences that `by` has looked at
    :raises MayNotApply: without the permission in this program
    :raises InvalidBlueprint: with everything that is wrong with the file
    :raises ChangedMeanwhile: if the differences are others than those seen
    :raises NotPublished: if one of the campaigns cannot be published
    """
    check_may(by, APPLY, program)
    if publish or prune:
        check_may(by, PUBLISH, program)
    with transaction.atomic(), _known_as(by), connection.cursor() as cursor:
        cursor.execute(_TAKE_TURN, [str(program.pk)])
        _lock(program)
        there = document.describe(program)
        comparison = comparing.compare(found, program, there=there)
        if seen is not None and seen != comparison.fingerprint:
            raise ChangedMeanwhile(_("The program was changed meanwhile. Look at the differences again."))
        _write(found, comparison, there, program)
        published = _publish(found, publish, program, by=by, at=at)
        pruned = _prune(comparison, there, by=by, at=at) if prune else 0
        _note(program, comparison, published, pruned, by=by)
    return comparison


def check_may(by: User, permission: str, program: Program) -> None:
    """:raises MayNotApply: if that person may not do this in that program"""
    if not roles.may(by, permission, program=program):
        said = _("%(who)s has no permission for this in “%(program)s”.")
        raise MayNotApply(said % {"who": by, "program": program.name})


@contextmanager
def _known_as(by: User) -> Iterator[None]:
    """Let the audit trail say who it was, on the command line too."""
    with pghistory.context(user=by.pk, source="blueprint"):
        yield


def _lock(program: Program) -> None:
    """Have nobody change what is compared. Sales go on: they only refer to these rows."""
    for section in reversed(SECTIONS):
        rows = section.model._default_manager.filter(program=program).select_for_update(no_key=True)
        list(rows.order_by("pk").values_list("pk"))


def _write(found: Document, comparison: Comparison, there: Described, program: Program) -> None:
    rows: dict[str, dict[str, Any]] = {key: dict(known) for key, known in there.rows.items()}
    for section in SECTIONS:
        for change in comparison.changes:
            if change.section != section.key or change.kind == MISSING:
                continue
            values = found.things[section.key][change.key].values
            if change.kind == ADDED:
                rows[section.key][change.key] = section.make(program, change.key, values, rows)
            else:
                before = there.values[section.key][change.key]
                section.change(rows[section.key][change.key], before, values, rows)


def _publish(
    found: Document, wanted: Collection[str], program: Program, *, by: User, at: datetime
) -> list[str]:
    """Through the operation of the pages, with all that it asks for; what is in force already is left."""
    published = []
    rows = BY_KEY["campaigns"].rows(program).filter(key__in=wanted).select_related("program")
    for campaign in rows.order_by("pk"):
        read = found.things.get("campaigns", {}).get(campaign.key)
        # Publishing a paused campaign would set it going again, which is for its own page to say.
        is_done = read is None or is_published(campaign, read.values["definition"])
        if is_done or campaign.status == CampaignStatus.PAUSED:
            continue
        try:
            campaigns.publish(campaign, definition=campaign.draft, by=by, at=at)
        except DomainError as refusal:
            raise NotPublished(f"{campaign.key}: {refusal.detail}") from refusal
        published.append(campaign.key)
    return published


def _prune(comparison: Comparison, there: Described, *, by: User, at: datetime) -> int:
    pruned = [change for change in comparison.of_kind(MISSING) if change.can_be_pruned]
    for change in pruned:
        BY_KEY[change.section].retire(there.rows[change.section][change.key], by=by, at=at)
    return len(pruned)


def _note(program: Program, comparison: Comparison, published: list[str], pruned: int, *, by: User) -> None:
    added, changed = len(comparison.of_kind(ADDED)), len(comparison.of_kind(CHANGED))
    if added or changed or published or pruned:
        said = _(
            "Program file applied: %(added)d added, %(changed)d changed, %(published)d published,"
            " %(pruned)d taken out of use"
        )
        counts = {"added": added, "changed": changed, "published": len(published), "pruned": pruned}
        audit.note(program, by=by, text=said % counts)
