"""Those who adjust points, support up to 500 at once and 1,000 a day; and with whom members share."""

from typing import Any

import pytest

from loyalty.core.models import Assignment, Program, Role, User
from members.models import AdjustmentLimit, Member, ReasonCode, WalletType
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


@pytest.fixture
def bert(program: Program) -> Member:
    """A member with card 2002."""
    bert = factories.MemberFactory.create(program=program, first_name="Bert", last_name="Brecht")
    factories.IdentifierFactory.create(member=bert, value="2002")
    return bert


@pytest.fixture
def carl(program: Program) -> Member:
    """A member with card 3003."""
    carl = factories.MemberFactory.create(program=program, first_name="Carl", last_name="Zuse")
    factories.IdentifierFactory.create(member=carl, value="3003")
    return carl


@pytest.fixture
def policy(program: Program, points: WalletType) -> Any:
    """Sets rules of the points; anyone may pass them on, unless told otherwise."""

    def be(**rules: Any) -> None:
        WalletType.objects.filter(pk=points.pk).update(**{"transfers_to": "anyone", **rules})

    be()
    return be
