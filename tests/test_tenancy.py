"""No program sees another's data: see Note [The door] in `loyalty.core.tenancy`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import models

from loyalty.core import tenancy
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet
from members.models import Member
from tests.factories import MemberFactory, ProgramFactory

ROOT = Path(__file__).parents[1]
APPS = ("core", "members", "rewards", "integrations")

# What belongs to no program, and why it is nobody's secret.
NOBODYS = {
    "core.Program": "the tenant itself",
    "core.User": "people who may work in several programs",
    "core.EventHorizon": "one row: how far the event log is sealed",
    "core.IdempotencyRecord": "asked for by partner, and the partner is in the key",
    "integrations.Consumer": "cursors of our own readers",
}
# What answers somebody outside.
DOORS = ("*/api/*.py", "loyalty/core/api/*.py", "*/graphql/*.py", "integrations/exports/*.py", "*/exports.py")
# Finds the program that all others ask for.
WAY_IN = "integrations/api/authentication.py"
AROUND = {"_default_manager", "_base_manager", "raw"}
SHORTCUTS = {"get_object_or_404", "get_list_or_404"}


def own_models() -> list[type[models.Model]]:
    found = (model for app in APPS for model in apps.get_app_config(app).get_models())
    return [model for model in found if not hasattr(model, "pgh_tracked_model")]


TENANT_MODELS = [model for model in own_models() if model._meta.label not in NOBODYS]


class TestModels:
    @pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
    def test_let_their_rows_be_read_for_one_program_alone(self, model, program, django_assert_num_queries):
        rows = model.objects.of(program)

        assert isinstance(rows, TenantQuerySet)
        assert leads_to(model, tenancy.path(model)) is Program
        assert str(program.pk) in str(rows.query)
        with django_assert_num_queries(1):
            assert not rows.exists()

    def test_are_named_with_a_reason_if_they_belong_to_no_program(self):
        known = {model._meta.label for model in own_models()}

        assert set(NOBODYS) <= known
        for label in NOBODYS:
            fields = {field.name for field in apps.get_model(label)._meta.get_fields() if field.concrete}
            assert "program" not in fields, label

    def test_never_show_another_programs_rows(self, program):
        mine = MemberFactory.create(program=program)
        MemberFactory.create(program=ProgramFactory.create(key="elsewhere"))

        assert list(Member.objects.of(program)) == [mine]
        assert list(Member.objects.of(program.pk)) == [mine]
        assert list(Member.objects.filter(pk=mine.pk).of(ProgramFactory.create(key="third"))) == []


def leads_to(model: type[models.Model], path: str) -> Any:
    """The model at the end of a look-up whose every step must have a row."""
    for step in path.split("__"):
        field = model._meta.get_field(step)
        assert isinstance(field, models.ForeignKey), f"{model.__name__}.{step} is no way up"
        assert field.remote_field.model is Program or not field.null, f"{model.__name__}.{step} may be empty"
        model = field.related_model
    return model


def sources() -> list[Path]:
    found = {path for pattern in DOORS for path in ROOT.glob(pattern)}
    return sorted(found - {ROOT / WAY_IN})


def passages(text: str) -> Iterator[str]:
    """What a module says to the database that does not go through the door."""
    tree = ast.parse(text)
    through = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "of" and isinstance(node.value, ast.Attribute)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "objects" and id(node) not in through:
            yield f"line {node.lineno}: objects without of(program)"
        elif isinstance(node, ast.Attribute) and node.attr in AROUND:
            yield f"line {node.lineno}: {node.attr}"
        elif isinstance(node, ast.Name) and node.id in SHORTCUTS:
            yield f"line {node.lineno}: {node.id}"
        elif isinstance(node, ast.Constant | ast.JoinedStr) and (told := statement_without_program(node)):
            yield f"line {node.lineno}: {told}"


TABLES = {model._meta.db_table for model in TENANT_MODELS}


def statement_without_program(node: ast.Constant | ast.JoinedStr) -> str | None:
    text = ast.unparse(node)
    read = set(re.findall(r"\b(?:FROM|JOIN|UPDATE|INTO)\s+(\w+)", text)) & TABLES
    return f"{', '.join(sorted(read))} without its program" if read and "program" not in text else None


class TestDoors:
    def test_are_found(self):
        found = {str(path.relative_to(ROOT)) for path in sources()}

        assert {"members/api/views.py", "rewards/api/views.py", "loyalty/core/api/idempotency.py"} <= found
        assert (ROOT / WAY_IN).exists()

    @pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
    def test_have_no_way_around(self, path):
        assert list(passages(path.read_text())) == []

    @pytest.mark.parametrize(
        "line",
        [
            "Member.objects.filter(pk=1)",
            "Member.objects.all()",
            "found = Member.objects",
            "Member.objects.filter(pk=1).of(program)",
            "Member._default_manager.of(program)",
            "get_object_or_404(Member, pk=1)",
            "Member.objects.of(program).raw('SELECT 1')",
            "fetch('SELECT * FROM members_member WHERE id = $1')",
            "fetch(f'UPDATE members_wallet SET version = {version}')",
        ],
    )
    def test_would_be_seen_to_have_one(self, line):
        assert list(passages(line))

    @pytest.mark.parametrize(
        "line",
        [
            "Member.objects.of(caller.program).filter(pk=1)",
            "fetch('SELECT * FROM members_member WHERE program_id = $1')",
            "fetch('SELECT 1 FROM core_idempotencyrecord')",
        ],
    )
    def test_let_through_what_asks_for_its_program(self, line):
        assert list(passages(line)) == []
