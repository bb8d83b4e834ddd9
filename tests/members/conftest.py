"""Those with whom a member shares, and what one may do with points."""

from typing import Any

import pytest

from loyalty.core.models import Program
from members.models import Member, WalletType
from tests import factories


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
