import time
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from integrations import calls, credentials
from integrations.calls import CallLog, Noted, Recognised
from integrations.models import Call
from loyalty.core.ids import first_id_of, new_id
from tests.clients import PartnerClient

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture(autouse=True)
def _log(monkeypatch):
    """An empty queue, whatever other tests have called."""
    monkeypatch.setattr(calls, "log", CallLog())


def logged() -> Call:
    calls.log.flush()
    return Call.objects.get()


def noted(till: PartnerClient, **known: Any) -> Noted:
    partner = till.credential.partner
    said: dict[str, Any] = {
        "who": Recognised(partner.program_id, partner.pk, till.credential.pk),
        "ended_at": time.time(),
        "operation": "whoami",
        "status": 200,
        "seconds": 0.0,
        "places": (),
        "head": b"",
        "request_id": "r",
        "trace_id": "",
        "is_replay": False,
        "is_deprecated": False,
    }
    return Noted(**(said | known))


class TestCall:
    def test_is_logged_with_who_called_what_and_what_came_of_it(self, till, ada):
        before = timezone.now()

        till.get(f"/v1/members/{ada.pk}", headers={"X-Request-Id": "pos-7.1", "traceparent": TRACEPARENT})

        call = logged()
        assert call.program_id == ada.program_id
        assert call.partner == till.credential.partner
        assert call.credential == till.credential
        assert call.operation == "read_member"
        assert call.status == 200
        assert call.problem == ""
        assert call.object_ids == [ada.pk]
        assert call.request_id == "pos-7.1"
        assert call.trace_id == TRACE
        assert not call.is_replay
        assert before - timedelta(seconds=1) < call.called_at < timezone.now()

    def test_is_logged_with_what_it_made(self, till, shop, ada):
        sale = shop.sale("receipt-1", "10.00")
        body = {
            "kind": "sale",
            "external_id": str(uuid4()),
            "occurred_at": sale.occurred_at,
            "member": {"kind": "card", "value": "1001"},
            "amount": {"amount": "10.00", "currency": "EUR"},
        }

        answer = till.post("/v1/transactions", body).json()

        call = logged()
        assert call.status == 201
        assert UUID(answer["id"]) in call.object_ids
        assert ada.pk in call.object_ids
        assert UUID(body["external_id"]) not in call.object_ids

    def test_is_logged_without_what_is_in_its_address(self, till, ada):
        till.get("/v1/members/email:ada@example.org")

        call = logged()
        assert call.problem == "not_found"
        stored = " ".join(str(getattr(call, field.attname)) for field in Call._meta.concrete_fields)
        assert "ada@" not in stored

    def test_is_logged_with_the_problem_that_it_met(self, till):
        till.post("/v1/transactions", {"kind": "sale"})

        call = logged()
        assert (call.operation, call.status, call.problem) == ("record_transaction", 422, "invalid_input")

    def test_is_logged_as_a_repeat(self, till):
        body = {"identifiers": [{"kind": "card", "value": "2002"}]}
        for _ in range(2):
            till.post("/v1/members", body, idempotency_key="k")

        calls.log.flush()

        assert list(Call.objects.order_by("id").values_list("is_replay", flat=True)) == [False, True]

    def test_of_a_revoked_key_is_logged_for_its_partner(self, till):
        credentials.revoke(till.credential, by=None, at=timezone.now())

        till.get("/v1/whoami")

        call = logged()
        assert (call.credential, call.status, call.problem) == (till.credential, 401, "unauthenticated")

    def test_of_a_stranger_is_nobodys(self, client, db):
        client.get("/v1/whoami")

        assert calls.log.flush() == 0

    def test_at_no_operation_is_logged_too(self, till):
        till.delete("/v1/whoami")

        call = logged()
        assert (call.operation, call.status) == ("DELETE v1/whoami", 405)

    def test_costs_the_caller_no_query(self, till, django_assert_num_queries):
        with django_assert_num_queries(1):
            till.get("/v1/members/nobody:1")

    def test_is_logged_whatever_it_is_called(self, till):
        calls.log.note(noted(till, operation="a\tb\\c\nd"))

        assert logged().operation == "a\tb\\c\nd"

    @pytest.mark.parametrize(
        "given",
        [
            f"ff-{TRACE}-00f067aa0ba902b7-01",
            f"00-{'0' * 32}-00f067aa0ba902b7-01",
            f"00-{TRACE}-{'0' * 16}-01",
            f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
            f"{TRACEPARENT}-more",
            "nonsense",
        ],
    )
    def test_has_no_trace_if_the_header_is_not_well_formed(self, till, given):
        till.get("/v1/whoami", headers={"traceparent": given})

        assert logged().trace_id == ""

    def test_has_the_trace_of_a_later_version_of_the_standard(self, till):
        till.get("/v1/whoami", headers={"traceparent": f"01-{TRACEPARENT[3:]}-more"})

        assert logged().trace_id == TRACE


class TestLog:
    def test_writes_all_that_waits(self, till):
        for _ in range(1_500):
            calls.log.note(noted(till))

        assert calls.log.flush() == Call.objects.count() == 1_500

    def test_keeps_one_row_of_a_flood_that_was_refused(self, till):
        for _ in range(500):
            calls.log.note(noted(till, status=429, head=b'{"code":"too_many_requests"}'))

        call = logged()

        assert (call.call_count, call.problem) == (500, "too_many_requests")

    def test_has_a_bound(self, till, monkeypatch, caplog):
        monkeypatch.setattr(calls, "WAITING_AT_MOST", 10)
        for _ in range(25):
            calls.log.note(noted(till))

        assert calls.log.flush() == 10
        assert "too many waited" in caplog.text

    def test_waits_for_a_database_that_is_away(self, till, monkeypatch):
        for number in range(3):
            calls.log.note(noted(till, operation=str(number)))
        with monkeypatch.context() as patch:
            patch.setattr(calls, "write", _away)
            patch.setattr(connection, "close", lambda: None)
            assert calls.log.flush() == 0

        assert calls.log.flush() == 3
        assert list(Call.objects.order_by("id").values_list("operation", flat=True)) == ["0", "1", "2"]

    def test_goes_on_after_a_call_that_cannot_be_stored(self, till, caplog):
        calls.log.note(noted(till, operation="x" * 200))
        with connection.cursor() as cursor:
            cursor.execute("SAVEPOINT before")
            calls.log.flush()
            cursor.execute("ROLLBACK TO SAVEPOINT before")
        calls.log.note(noted(till))

        assert calls.log.flush() == 1
        assert "calls were not logged" in caplog.text


def _away(*_args, **_more):
    raise OperationalError("the connection was closed")


class TestPrune:
    def test_forgets_what_is_old_and_nothing_else(self, till, settings):
        settings.CALLS_ARE_KEPT_DAYS = 30
        now = timezone.now()
        for _ in range(3):
            calls.log.note(noted(till))
        calls.log.flush()
        old = Call.objects.order_by("id")[0]
        Call.objects.filter(pk=old.pk).update(id=first_id_of(now - timedelta(days=31)))

        assert calls.prune(at=now) == 1
        assert Call.objects.count() == 2
        assert not Call.objects.filter(id__lt=first_id_of(now - timedelta(days=1))).exists()
        assert new_id() > old.pk
