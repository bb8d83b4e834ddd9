"""Those who adjust points: support up to 500 at once and 1,000 a day, administrators up to 5,000."""

import pytest

from loyalty.core.models import Assignment, Program, Role, User
from members.models import AdjustmentLimit, ReasonCode
from tests import factories


def person(program: Program, role: Role) -> User:
    user = factories.UserFactory.create()
    Assignment.objects.create(user=user, program=program, role=role)
    return user


@pytest.fixture
def sam(program: Program) -> User:
    return person(program, Role.SUPPORT)


@pytest.fixture
def sue(program: Program) -> User:
    """Another one in support."""
    return person(program, Role.SUPPORT)


@pytest.fixture
def goodwill(program: Program) -> ReasonCode:
    """Gives points, and moves nobody's tier."""
    return ReasonCode.objects.create(
        program=program, key="goodwill", label="Goodwill", direction="add", cost_centre="marketing"
    )


@pytest.fixture
def correction(program: Program) -> ReasonCode:
    """Gives and takes points, which count towards tiers."""
    return ReasonCode.objects.create(
        program=program, key="correction", label="Correction", counts_towards_tiers=True
    )


@pytest.fixture
def limits(program: Program) -> None:
    for role, once, day in [("support", 500, 1_000), ("administrator", 5_000, 9_000), ("partner", 100, 300)]:
        AdjustmentLimit.objects.create(
            program=program, role=role, points_per_adjustment=once, points_per_day=day
        )
