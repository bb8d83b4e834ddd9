from datetime import date
from decimal import Decimal

import pytest

from loyalty.core.ids import new_id
from loyalty.core.models import Assignment, Program, Role, User
from members.models import BreakageRate, Member, PointCost, WalletType
from tests import factories
from tests.members.finance.desk import Desk, noon

YEAR_START = date(2026, 1, 1)


def person(program: Program, role: Role = Role.FINANCE) -> User:
    user = factories.UserFactory.create()
    Assignment.objects.create(user=user, program=program, role=role)
    return user


@pytest.fixture
def desk(program: Program, points: WalletType) -> Desk:
    """A desk on 10 January 2026, where a point costs a cent."""
    return Desk(program=program, kind=points)


@pytest.fixture
def bert(program: Program) -> Member:
    return factories.MemberFactory.create(program=program, first_name="Bert")


@pytest.fixture
def controller(program: Program) -> User:
    return person(program)


@pytest.fixture
def auditor(program: Program) -> User:
    """Somebody else in finance."""
    return person(program)


class Estimator:
    """Sets costs and approved breakage rates."""

    def __init__(self, program: Program, kind: WalletType) -> None:
        self.program, self.kind = program, kind
        self.proposer, self.approver = person(program), person(program)

    def costs(self, cost: str, *, from_date: date = YEAR_START) -> None:
        PointCost.objects.create(
            program=self.program, wallet_type=self.kind, cost=Decimal(cost), from_date=from_date
        )

    def breakage(self, rate: str, *, cohort: str = "", from_date: date = YEAR_START) -> None:
        version = BreakageRate.objects.filter(wallet_type=self.kind, cohort=cohort).count() + 1
        BreakageRate.objects.create(
            program=self.program,
            wallet_type=self.kind,
            cohort=cohort,
            version=version,
            rate=Decimal(rate),
            from_date=from_date,
            proposed_by=self.proposer,
            approved_by=self.approver,
            approved_at=noon(from_date),
            approval_id=new_id(),
        )


@pytest.fixture
def estimator(program: Program, points: WalletType) -> Estimator:
    return Estimator(program, points)
