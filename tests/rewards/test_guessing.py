"""Too many wrong codes, one after the other and at the same moment."""

from contextlib import ExitStack
from uuid import uuid4

import pytest

from loyalty.core.api import counters
from loyalty.core.api.counters import Counters
from rewards.journeys.claiming import TooManyClaims, UnknownReceipt
from rewards.redeeming import guessing
from rewards.redeeming.guessing import TooManyVoucherCodes, slowed_down
from rewards.redeeming.vouchers import UnknownVoucher


@pytest.fixture(params=["redis", "no redis"], autouse=True)
def _where_it_is_counted(request, monkeypatch):
    if request.param == "no redis":
        monkeypatch.setattr(counters, "calls", Counters("redis://127.0.0.1:1/0"))


@pytest.fixture
def three() -> dict[str, int]:
    """Somebody who may be wrong three times."""
    return {f"member:{uuid4()}": 3}


def wrong(limits: dict[str, int]) -> None:
    with pytest.raises(UnknownVoucher), slowed_down(limits):
        raise UnknownVoucher


class TestTries:
    def test_end_after_too_many_wrong_ones(self, three):
        for _ in range(3):
            wrong(three)

        with pytest.raises(TooManyVoucherCodes) as refused, slowed_down(three):
            pytest.fail("a right code was looked up")

        assert refused.value.extra == {"retry_after": guessing.FORGOTTEN_AFTER_SECONDS}

    def test_at_the_same_moment_are_no_more_than_one_after_the_other(self, three):
        with ExitStack() as others:
            for _ in range(3):
                others.enter_context(slowed_down(three))

            with pytest.raises(TooManyVoucherCodes):
                others.enter_context(slowed_down(three))

    def test_that_are_right_do_not_count(self, three):
        for _ in range(10):
            with slowed_down(three):
                pass

        wrong(three)

    def test_that_fail_otherwise_do_not_count(self, three):
        for _ in range(10):
            with pytest.raises(ZeroDivisionError), slowed_down(three):
                raise ZeroDivisionError

        wrong(three)

    def test_in_vain_stop_nobody_else(self, three):
        shop = f"credential:{uuid4()}"
        for _ in range(3):
            wrong(three | {shop: 4})
        for _ in range(5):
            with pytest.raises(TooManyVoucherCodes), slowed_down(three | {shop: 4}):
                pass

        wrong({f"member:{uuid4()}": 3, shop: 4})
        with pytest.raises(TooManyVoucherCodes), slowed_down({shop: 4}):
            pass

    def test_of_another_kind_are_counted_by_themselves(self, three):
        for _ in range(3):
            wrong(three)

        with slowed_down(three, wrong=UnknownReceipt, refusal=TooManyClaims):
            pass
