"""
A page of a list is one stretch of an index in the list's own order, however it is filtered.

So it takes as long at a million rows as at a hundred. What the planner would do with few rows says
nothing; what is asked here is whether there is an index that gives the rows as they are to be shown.
"""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rewards.models import Reward
from tests import factories

BEFORE = "2020-01-01T00:00:00Z"


OTHERS = """
SELECT other.indexname FROM pg_indexes one JOIN pg_indexes other ON other.tablename = one.tablename
WHERE one.indexname = %s AND other.indexname <> one.indexname
AND other.indexname NOT IN (SELECT conname FROM pg_constraint)"""


@pytest.fixture
def reward(program, points) -> Reward:
    return factories.RewardFactory.create(program=program, wallet_type=points, key="coffee")


def plan(asked: CaptureQueriesContext, index: str) -> str:
    """Of the statement that read a page, if its table had that index alone."""
    (page,) = [query["sql"] for query in asked if "LIMIT 51" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(OTHERS, [index])
        for (other,) in cursor.fetchall():
            cursor.execute(f"DROP INDEX {other}")
        for way in ("seqscan", "bitmapscan", "sort", "incremental_sort"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        cursor.execute(f"EXPLAIN {page}")
        return "\n".join(line for (line,) in cursor.fetchall())


@pytest.mark.parametrize(
    ("address", "index"),
    [
        ("members", "members_by_enrolment"),
        (f"members?enrolled_before={BEFORE}", "members_by_enrolment"),
        (f"members?enrolled_from={BEFORE}", "members_by_enrolment"),
        ("members?status=blocked", "members_not_active"),
        (f"members?status=blocked&enrolled_before={BEFORE}", "members_not_active"),
        (f"members?status=active&enrolled_before={BEFORE}", "members_by_enrolment"),
        ("transactions", "transactions_by_moment"),
        (f"transactions?occurred_before={BEFORE}", "transactions_by_moment"),
        (f"transactions?occurred_from={BEFORE}", "transactions_by_moment"),
        (f"transactions?kind=sale&occurred_before={BEFORE}", "transactions_by_moment"),
        (f"transactions?status=booked&occurred_before={BEFORE}", "transactions_by_moment"),
        ("transactions?store=mitte", "transactions_by_store"),
        (f"transactions?store=mitte&occurred_before={BEFORE}", "transactions_by_store"),
        ("transactions?kind=return", "transactions_but_sales"),
        (f"transactions?kind=return&occurred_before={BEFORE}", "transactions_but_sales"),
        (f"transactions?status=cancelled&occurred_before={BEFORE}", "transactions_but_sales"),
        ("redemptions", "redemptions_by_moment"),
        (f"redemptions?redeemed_before={BEFORE}", "redemptions_by_moment"),
        (f"redemptions?redeemed_from={BEFORE}", "redemptions_by_moment"),
        ("redemptions?reward=coffee", "redemptions_of_a_reward"),
        (f"redemptions?reward=coffee&redeemed_before={BEFORE}", "redemptions_of_a_reward"),
        ("redemptions?status=held", "redemptions_by_status"),
        (f"redemptions?status=held&redeemed_before={BEFORE}", "redemptions_by_status"),
        ("redemptions?member=card:1001", "redemptions_of_a_member"),
        (f"redemptions?member=card:1001&redeemed_before={BEFORE}", "redemptions_of_a_member"),
    ],
)
def test_a_page_is_one_stretch_of_an_index(till, ada, reward, address, index):
    with CaptureQueriesContext(connection) as asked:
        answer = till.get(f"/v1/{address}")

    assert answer.status_code == 200
    told = plan(asked, index)
    assert f"Index Scan Backward using {index} " in told
    assert "Sort" not in told


@pytest.mark.parametrize(
    ("list_", "index"),
    [
        ("members(first: 50)", "members_by_enrolment"),
        ('members(first: 50, status: "merged")', "members_not_active"),
        ("transactions(first: 50)", "transactions_by_moment"),
        ("redemptions(first: 50)", "redemptions_by_moment"),
    ],
)
def test_so_is_one_that_is_asked_for_by_graphql(till, ada, list_, index):
    with CaptureQueriesContext(connection) as asked:
        till.post("/graphql", {"query": f"{{ {list_} {{ nodes {{ id }} }} }}"}, idempotency_key=None)

    told = plan(asked, index)
    assert f"Index Scan Backward using {index} " in told
    assert "Sort" not in told
