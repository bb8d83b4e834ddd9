"""Jobs that go round all programs."""

from datetime import datetime

import pytest

from loyalty.core.models import Program
from loyalty.core.rounds import each_program
from tests import factories


@pytest.mark.django_db
def test_what_goes_wrong_in_one_program_is_told_and_does_not_keep_the_others_waiting():
    for key in ("a", "b", "c"):
        factories.ProgramFactory.create(key=key)
    done = []

    def work(program: Program, at: datetime) -> None:
        if program.key == "b":
            raise ValueError("b is broken")
        done.append(program.key)

    with pytest.raises(ExceptionGroup) as raised:
        each_program(work)

    assert done == ["a", "c"]
    assert [str(error) for error in raised.value.exceptions] == ["b is broken"]
