from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from integrations import usage
from integrations.models import Call
from loyalty.core.ids import first_id_of, new_id
from loyalty.core.models import Role
from tests.clients import PartnerClient, staff

CALLS = reverse("admin:integrations_call_changelist")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def operator(program) -> Client:
    return staff(program, Role.OPERATOR)


def called(client: PartnerClient, operation: str, **known: Any) -> Call:
    """A call of that partner, a minute ago if not said otherwise."""
    partner = client.credential.partner
    moment = known.pop("at", timezone.now() - timedelta(minutes=1))
    said = {
        "id": UUID(int=first_id_of(moment).int + new_id().int % 2**60),
        "called_at": moment,
        "program": partner.program,
        "partner": partner,
        "credential": client.credential,
        "operation": operation,
        "status": 200,
        "duration_ms": 5,
        "object_ids": [],
        "request_id": f"request-{operation}",
        "is_replay": False,
        "is_deprecated": False,
    }
    return Call.objects.create(**(said | known))


@pytest.fixture
def day(till) -> dict[str, Call]:
    return {
        "sale": called(till, "record_transaction", object_ids=[UUID(int=7)], duration_ms=40),
        "refusal": called(till, "record_transaction", status=422, problem="invalid_input", duration_ms=2),
        "failure": called(till, "read_member", status=500, problem="internal_error", trace_id=TRACE),
        "flood": called(till, "read_member", status=429, problem="too_many_requests", call_count=7),
        "old": called(till, "whoami_once", is_deprecated=True),
        "yesterday": called(till, "whoami", at=timezone.now() - timedelta(hours=30)),
    }


def queries_of(operator: Client) -> int:
    with CaptureQueriesContext(connection) as queries:
        operator.get(CALLS)
    return len(queries)


class TestList:
    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ({"q": "request-whoami"}, {"yesterday"}),
            ({"q": str(UUID(int=7))}, {"sale"}),
            ({"q": TRACE}, {"failure"}),
            ({"q": "invalid_input"}, {"refusal"}),
            ({"q": "nothing"}, set()),
            ({"operation": "read_member"}, {"failure", "flood"}),
            ({"outcome": "not_done"}, {"refusal", "failure", "flood"}),
            ({"outcome": "failed"}, {"failure"}),
            ({"outcome": "deprecated"}, {"old"}),
            ({"partner": "nonsense"}, set()),
        ],
    )
    def test_finds_calls(self, operator, day, asked, found):
        page = operator.get(CALLS, asked)

        shown = {call.pk for call in page.context["cl"].result_list}
        assert shown == {day[name].pk for name in found}

    def test_finds_a_partners_calls(self, operator, day, till):
        page = operator.get(CALLS, {"partner": str(till.credential.partner_id)})

        assert len(page.context["cl"].result_list) == 6

    def test_takes_as_many_queries_for_many_calls_as_for_few(self, operator, till, day):
        few = queries_of(operator)
        for number in range(40):
            called(till, f"operation_{number % 5}")

        assert queries_of(operator) == few <= 15

    @pytest.mark.parametrize(
        ("condition", "index"),
        [
            ("program_id = %(program)s", "calls_of_a_program"),
            ("partner_id = %(partner)s", "calls_of_a_partner"),
            ("program_id = %(program)s AND operation = 'whoami'", "calls_of_an_operation"),
            ("program_id = %(program)s AND status >= 500", "calls_failed"),
            ("program_id = %(program)s AND is_deprecated", "calls_of_what_will_go"),
        ],
    )
    def test_is_read_in_order_from_an_index(self, till, condition, index):
        partner = till.credential.partner
        given = {"program": partner.program_id, "partner": partner.pk}
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
            cursor.execute(
                f"EXPLAIN SELECT * FROM integrations_call WHERE {condition} ORDER BY id DESC LIMIT 51", given
            )
            plan = "\n".join(line for (line,) in cursor.fetchall())

        assert "Sort" not in plan
        assert "Index Scan" in plan


class TestUsagePage:
    def test_shows_what_a_partner_calls_and_what_comes_of_it(self, operator, day, till):
        page = operator.get(reverse("admin:integrations_partner_usage", args=[till.credential.partner_id]))

        found = page.context["usage"]
        assert (found.calls, found.refused, found.failed) == (11, 8, 1)
        assert [one.operation for one in found.operations] == [
            "read_member",
            "record_transaction",
            "whoami_once",
        ]
        assert [(one.problem, one.calls) for one in found.problems] == [
            ("too_many_requests", 7),
            ("internal_error", 1),
            ("invalid_input", 1),
        ]
        assert found.slowest[0] == day["sale"]
        assert day["flood"] not in found.slowest
        assert [one.operation for one in found.deprecated] == ["whoami_once"]

    def test_shows_a_week(self, operator, day, till):
        address = reverse("admin:integrations_partner_usage", args=[till.credential.partner_id])

        page = operator.get(address, {"span": "week"})

        assert "whoami" in {one.operation for one in page.context["usage"].operations}

    def test_of_another_programs_partner_is_not_found(self, operator, outsider):
        address = reverse("admin:integrations_partner_usage", args=[outsider.credential.partner_id])

        assert operator.get(address).status_code == 404

    def test_is_not_for_those_who_may_not_see_calls(self, program, till):
        address = reverse("admin:integrations_partner_usage", args=[till.credential.partner_id])

        assert staff(program, Role.SUPPORT).get(address).status_code == 403


class TestUsage:
    def test_takes_three_queries(self, till, day, django_assert_num_queries):
        with django_assert_num_queries(3):
            usage.of(till.credential.partner, since=timezone.now() - timedelta(days=1))

    def test_knows_the_operations_that_were_called(self, till, day, program):
        assert usage.operations(program) == ["read_member", "record_transaction", "whoami", "whoami_once"]
