"""
Which tables hold a program's data, and which its configuration.

Data are what leads to a member, and some tables beside it that are named here. All else that leads to a
program is configuration, which a reset leaves as it is; a test names those tables.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final

import pgtrigger
from django.apps import apps
from django.db.models import ForeignKey, Model

from loyalty.core.models import Program
from members.models import Member

APPS: Final = ("core", "members", "rewards", "integrations")
OTHER_DATA: Final = frozenset(
    {
        "core.Approval",
        "core.Event",
        "integrations.Delivery",
        "integrations.DeliveryAttempt",
        "members.AdjustmentDay",
        "members.ExpiryRun",
        "members.Household",
        "members.LedgerAnchor",
        "members.LedgerCheck",
        "members.PeriodLock",
        "rewards.Backtest",
        "rewards.BacktestMember",
        "rewards.BacktestTally",
        "rewards.CampaignAudience",
        "rewards.CampaignDay",
        "rewards.CampaignDayMark",
        "rewards.CampaignMeasurement",
        "rewards.KnownValue",
        "rewards.KnownValueCursor",
    }
)
# Codes that staff have uploaded stay, and can be given again.
_KEPT: Final = frozenset({"rewards.UploadedCode"})
# Campaigns that a second person agreed to go on saying who that was.
_KEEPS: Final = {
    "core.Approval": "id NOT IN (SELECT approval_id FROM rewards_campaign WHERE approval_id IS NOT NULL)"
    " AND id NOT IN (SELECT approval_id FROM rewards_campaignversion WHERE approval_id IS NOT NULL)"
}

Path = tuple["ForeignKey[Any, Any]", ...]


@cache
def of_a_program() -> dict[type[Model], Path]:
    """Each model whose rows belong to a program, with the shortest way there; the history is left out."""
    known = (model for app in APPS for model in apps.get_app_config(app).get_models())
    found = {model: _path(model, Program) for model in known if not hasattr(model, "pgh_tracked_model")}
    return {model: path for model, path in found.items() if path}


def data() -> list[type[Model]]:
    """The models whose rows a reset deletes: those that refer to others before these."""
    models = [model for model in of_a_program() if is_data(model)]
    return sorted(models, key=lambda model: (-len(of_a_program()[model]), model._meta.label))


def is_data(model: type[Model]) -> bool:
    if model._meta.label in _KEPT:
        return False
    return model is Member or model._meta.label in OTHER_DATA or bool(_path(model, Member))


def _path(model: type[Model], to: type[Model]) -> Path:
    """The shortest way from a model to another by its foreign keys; empty if there is none."""
    ways: list[tuple[type[Model], Path]] = [(model, ())]
    seen = {model}
    for here, path in ways:
        for key in _keys(here):
            if key.related_model is to:
                return (*path, key)
            if key.related_model not in seen:
                seen.add(key.related_model)
                ways.append((key.related_model, (*path, key)))
    return ()


def _keys(model: type[Model]) -> Iterator["ForeignKey[Any, Any]"]:
    """Those that each row has come first."""
    keys = [field for field in model._meta.concrete_fields if isinstance(field, ForeignKey)]
    return iter(sorted(keys, key=lambda key: key.null))


def delete_all(model: type[Model]) -> str:
    """The statement that deletes a model's rows of the sandbox $1, and none of a live program."""
    kept = f" AND {_KEEPS[model._meta.label]}" if model._meta.label in _KEEPS else ""
    return f"DELETE FROM {model._meta.db_table} WHERE {_of_the_sandbox(of_a_program()[model])}{kept}"


def _of_the_sandbox(path: Path) -> str:
    first, *further = path
    parent = first.related_model._meta
    if not further:
        return f"{first.column} = (SELECT id FROM {parent.db_table} WHERE id = $1 AND kind = 'sandbox')"
    rows = f"SELECT {parent.pk.column} FROM {parent.db_table} WHERE {_of_the_sandbox(tuple(further))}"
    return f"{first.column} IN ({rows})"


def protections(models: Sequence[type[Model]]) -> str:
    """The triggers that keep rows of these models as they are, in the form that they are told to rest."""
    ids = {
        (model._meta.db_table, trigger.get_pgid(model))  # type: ignore[arg-type]  # it takes the class
        for model in models
        for trigger in getattr(model._meta, "triggers", ())
        if isinstance(trigger, pgtrigger.Protect)
    }
    return "{" + ",".join(sorted({pgid for _table, pgid in ids} | {":".join(both) for both in ids})) + "}"
