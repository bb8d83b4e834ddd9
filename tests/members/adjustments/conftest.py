"""Staff and a partner at their desks."""

from dataclasses import replace
from datetime import datetime

import pytest

from loyalty.core.models import Program, User
from members.models import Member
from tests.members.adjustments.desk import Desk


@pytest.fixture
def desk(program: Program, ada: Member, sam: User, noon: datetime) -> Desk:
    program.refresh_from_db()
    return Desk(program=program, member=ada, by=sam, at=noon)


@pytest.fixture
def other(desk: Desk, sue: User) -> Desk:
    """Sue's."""
    return replace(desk, by=sue)


@pytest.fixture
def till_desk(desk: Desk) -> Desk:
    return replace(desk, by=None, partner="till")
