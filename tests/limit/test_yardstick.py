"""The yardstick, in small: that each kind of work runs and does what it is for."""

import os

import psycopg
import pytest

from tests.limit.yardstick import Yardstick


@pytest.mark.slow
def test_every_kind_of_work_runs() -> None:
    yardstick = Yardstick(os.environ["DATABASE_URL"])
    yardstick.prepare(members=1_000)

    measured = {
        script: yardstick.measure(script, clients=2, seconds=1)
        for script in ("earn_fn", "earn_2rt", "redeem_fn", "balance", "outbox_take")
    }
    yardstick.import_sales(2_000)
    for file, variables in (
        ("expire.sql", {"on": "2999-12-31"}),
        ("tiers.sql", {"silver": 100}),
        ("segment.sql", {}),
    ):
        yardstick.run(file, **variables)

    assert all(found.per_second > 0 and found.median_ms <= found.p99_ms for found in measured.values())
    with psycopg.connect(os.environ["DATABASE_URL"], dbname="yardstick") as connection:
        row = connection.execute(
            "SELECT sum(balance), (SELECT count(*) FROM y.lot WHERE remaining > 0) FROM y.account"
        ).fetchone()
    assert row == (0, 0)
