"""A program with a marketer, who asks, and a controller, who decides."""

from typing import Any

import pytest

from loyalty.core.models import Assignment, Program, Role, User
from members.models import WalletType
from rewards.models import Campaign
from tests import factories


def giving(points: int, **schedule: Any) -> dict[str, Any]:
    """A definition that is told from others by its points."""
    more = {"schedule": schedule} if schedule else {}
    return factories.definition({"kind": "fixed_points", "points": points}, **more)


def person(program: Program, role: Role, name: str) -> User:
    user = factories.UserFactory.create(email=f"{name}@{program.key}.example.org", first_name=name)
    Assignment.objects.create(user=user, program=program, role=role)
    return user


@pytest.fixture
def marta(program: Program) -> User:
    return person(program, Role.MARKETER, "marta")


@pytest.fixture
def farid(program: Program) -> User:
    return person(program, Role.FINANCE, "farid")


@pytest.fixture
def strict(program: Program, points: WalletType) -> Program:
    """The program, in which somebody else approves what is published."""
    program.campaigns_need_approval = True
    program.save()
    return program


@pytest.fixture
def campaign(program: Program, points: WalletType) -> Campaign:
    return factories.CampaignFactory.create(program=program, key="coffee", name="Coffee", draft=giving(10))
