"""The audit trail: who changed what, when, from what to what. The database's triggers write it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models
from pghistory.core import event_models

from loyalty.core.models import User

NEWEST: Final = 100


@dataclass(frozen=True, slots=True)
class FieldChange:
    name: str
    label: str
    before: Any
    after: Any

    @property
    def structures(self) -> tuple[str, str] | None:
        """Both sides as indented JSON, if they are more than one value each."""
        sides = (self.before, self.after)
        if not any(isinstance(side, dict | list) for side in sides):
            return None
        before, after = (json.dumps(side, indent=2, ensure_ascii=False) for side in sides)
        return before, after


@dataclass(frozen=True, slots=True)
class Step:
    """One change of an object; `by` is None for what the program did by itself."""

    at: datetime
    by: User | None
    action: str
    fields: tuple[FieldChange, ...] = ()
    summary: str = ""


def note(instance: models.Model, *, by: User, text: str) -> None:
    """Keep that somebody changed an object in a way that its triggers do not tell, or not well."""
    LogEntry.objects.log_actions(
        user_id=by.pk, queryset=[instance], action_flag=CHANGE, change_message=text, single_object=True
    )


def trail(instance: models.Model) -> list[Step]:
    """
    The newest changes of an object, newest first.

    For models that are tracked, with the values before and after. For others (people's personal
    data, which must be forgettable) with who, when and the names of the fields.
    """
    tracked = event_models(tracks_model=type(instance))
    if not tracked:
        return list(_from_forms(_entries(instance)))
    # What a form saved is told by the triggers, with the values; a note says what they do not.
    notes = _entries(instance).exclude(change_message="").exclude(change_message__startswith="[")
    steps = [*_from_triggers(tracked[0], instance), *_from_forms(notes)]
    return sorted(steps, key=lambda step: step.at, reverse=True)[:NEWEST]


_FORGET: Final = r"""
UPDATE django_admin_log SET object_repr = '',
    change_message = regexp_replace(change_message, '"object": "(?:[^"\\]|\\.)*"', '"object": ""', 'g')
WHERE content_type_id = %s AND object_id = ANY(%s)"""
_FORGET_NAMES: Final = """
UPDATE django_admin_log SET change_message = replace(change_message, %s, %s)
WHERE content_type_id = %s AND object_id <> ALL(%s) AND strpos(change_message, %s) > 0"""


def forget(model: type[models.Model], ids: Iterable[Any], *, names: Iterable[str]) -> None:
    """
    Take people out of what forms and notes tell of them: the deeds stay, whom they were about is gone.

    :param names: as notes about others may have them; people of the same name lose theirs there, too
    """
    content_type = ContentType.objects.get_for_model(model).pk
    texts = [str(one) for one in ids]
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [content_type, texts])
        for name in names:
            cursor.execute(_FORGET_NAMES, [name, "…", content_type, texts, name])


def first_to_set(instance: models.Model, **values: Any) -> User | None:
    """
    Who gave a tracked object these values, the last time it got them; None if no person did.

    Who changes it and changes it back is not asked: the first of an unbroken row of such states counts.
    """
    (model,) = event_models(tracks_model=type(instance))
    rows = model._default_manager.filter(pgh_obj_id=instance.pk)
    other = rows.exclude(**values).order_by("-pgh_id").values_list("pgh_id", flat=True).first()
    since = rows.filter(pgh_id__gt=other) if other is not None else rows
    first = since.select_related("pgh_context").order_by("pgh_id").first()
    who = _user_id(first) if first is not None else None
    return User.objects.filter(pk=who).first() if who is not None else None


def last_to_change(model: type[models.Model], ids: Iterable[Any]) -> dict[Any, tuple[datetime, User | None]]:
    """When tracked objects were changed last, and by whom, by their ids; two queries for all of them."""
    (tracked,) = event_models(tracks_model=model)
    rows = tracked._default_manager.filter(pgh_obj_id__in=list(ids)).select_related("pgh_context")
    newest: list[Any] = list(
        rows.order_by("pgh_obj_id", "-pgh_id")
        .distinct("pgh_obj_id")
        .only("pgh_obj_id", "pgh_created_at", "pgh_context")
    )
    people = User.objects.in_bulk({who for row in newest if (who := _user_id(row)) is not None})
    return {row.pgh_obj_id: (row.pgh_created_at, people.get(_user_id(row) or 0)) for row in newest}


def _from_triggers(model: type[models.Model], instance: models.Model) -> Iterator[Step]:
    rows = list(
        model._default_manager.filter(pgh_obj_id=instance.pk)
        .select_related("pgh_context")
        .order_by("-pgh_id")[: NEWEST + 1]
    )
    people = User.objects.in_bulk({who for row in rows if (who := _user_id(row)) is not None})
    for row, older in zip(rows[:NEWEST], [*rows[1:], None], strict=False):
        who = _user_id(row)
        yield Step(
            at=row.pgh_created_at,  # type: ignore[attr-defined]
            by=people.get(who) if who is not None else None,
            action=row.pgh_label,  # type: ignore[attr-defined]
            fields=tuple(_changes(row, older)) if older is not None else (),
        )


def _user_id(row: Any) -> int | None:
    return row.pgh_context.metadata.get("user") if row.pgh_context else None


def _changes(row: models.Model, older: models.Model) -> Iterator[FieldChange]:
    for field in row._meta.concrete_fields:
        before, after = getattr(older, field.attname), getattr(row, field.attname)
        if not field.name.startswith("pgh_") and before != after:
            yield FieldChange(name=field.name, label=str(field.verbose_name), before=before, after=after)


def _entries(instance: models.Model) -> models.QuerySet[LogEntry]:
    return LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(instance), object_id=str(instance.pk)
    ).select_related("user")


def _from_forms(entries: models.QuerySet[LogEntry]) -> Iterator[Step]:
    for entry in entries.order_by("-action_time", "-pk")[:NEWEST]:
        yield Step(
            at=entry.action_time,
            by=entry.user,
            action="insert" if entry.is_addition() else "update",
            summary=entry.get_change_message(),
        )
