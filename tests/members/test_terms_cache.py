"""What processes keep of a program's terms, and when they drop it."""

from django.db import transaction

from loyalty.core.models import Program
from members import terms
from members.models import WalletType


def test_a_revision_that_was_rolled_back_is_never_given_again(program: Program, points: WalletType):
    with transaction.atomic():
        points.name = "Stars"
        points.save()
        program.refresh_from_db()
        rolled_back = program.rules_revision
        terms.of(program)
        transaction.set_rollback(True)

    points.name = "Beans"
    points.save()
    program.refresh_from_db()

    assert program.rules_revision != rolled_back
    assert terms.of(program).wallet_types["points"].name == "Beans"
