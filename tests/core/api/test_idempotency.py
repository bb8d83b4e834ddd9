from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from loyalty.core.api import idempotency
from loyalty.core.models import Event, IdempotencyRecord
from loyalty.core.tasks import prune_idempotency_records
from tests.clients import PartnerClient
from tests.factories import PartnerFactory

ORDER = {"number": "1", "amount": "12.50"}
FIVE = b'{"number": "1", "lines": [{"sku": "a", "quantity": 5}]}'


class TestFirstCall:
    def test_has_its_effect_and_stores_the_answer_beside_it(self, till):
        response = till.post("/v1/orders", ORDER, idempotency_key="first")

        assert response.status_code == 201
        assert "Idempotent-Replayed" not in response.headers
        record = IdempotencyRecord.objects.get()
        assert (record.key, record.status) == ("first", 201)
        assert record.partner_id == till.credential.partner_id
        assert record.body == response.json()
        assert Event.objects.count() == 1

    def test_takes_eight_round_trips_beside_its_own_work(self, till, django_assert_num_queries):
        # Key and earlier answer; begin; patience; claim; savepoint, the effect, release; answer; commit.
        with django_assert_num_queries(9):
            till.post("/v1/orders", ORDER)


class TestRepeat:
    def test_is_answered_with_the_first_answer_and_has_no_effect(self, till):
        first = till.post("/v1/orders", ORDER, idempotency_key="k")

        repeat = till.post("/v1/orders", ORDER, idempotency_key="k")

        assert repeat.status_code == 201
        assert repeat.json() == first.json()
        assert repeat.headers["Content-Type"] == first.headers["Content-Type"]
        assert repeat.headers["Idempotent-Replayed"] == "true"
        assert Event.objects.count() == 1

    def test_takes_one_query(self, till, django_assert_num_queries):
        till.post("/v1/orders", ORDER, idempotency_key="k")

        with django_assert_num_queries(1):
            till.post("/v1/orders", ORDER, idempotency_key="k")

    def test_is_the_same_whatever_the_order_of_names_and_the_spaces(self, till):
        first = till.post("/v1/orders", b'{"number": "1", "amount": "12.50"}', idempotency_key="k")

        repeat = till.post("/v1/orders", b'{ "amount":"12.50","number":"1" }', idempotency_key="k")

        assert repeat.json() == first.json()

    @pytest.mark.parametrize("number", [b"5", b"5.0", b"5e0", b"0.5E1"])
    def test_is_the_same_however_a_whole_number_is_written(self, till, number):
        till.post("/v1/orders", FIVE, idempotency_key="k")

        repeat = till.post("/v1/orders", FIVE.replace(b"5", number), idempotency_key="k")

        assert repeat.headers["Idempotent-Replayed"] == "true"

    @pytest.mark.parametrize("number", [b"5.5", b'"5"', b"50", b"-5"])
    def test_is_another_with_another_number(self, till, number):
        till.post("/v1/orders", FIVE, idempotency_key="k")

        repeat = till.post("/v1/orders", FIVE.replace(b"5", number), idempotency_key="k")

        assert repeat.json()["code"] == "idempotency_key_reused"

    @pytest.mark.parametrize("form", ['"k"', "k"])
    def test_knows_the_key_quoted_and_bare(self, till, form):
        till.post("/v1/orders", ORDER, idempotency_key="k")

        assert till.post("/v1/orders", ORDER, idempotency_key=form).headers["Idempotent-Replayed"] == "true"

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/v1/orders", {"number": "1", "amount": "12.51"}),
            ("/v1/orders", {"number": 1, "amount": "12.50"}),
            ("/v1/orders?page=1", ORDER),
        ],
    )
    def test_with_another_request_is_refused(self, till, path, body):
        till.post("/v1/orders", ORDER, idempotency_key="k")

        response = till.post(path, body, idempotency_key="k")

        assert response.status_code == 422
        assert response.json()["code"] == "idempotency_key_reused"
        assert Event.objects.count() == 1

    def test_of_another_partner_is_a_call_of_its_own(self, till, program):
        app = PartnerClient.of(
            PartnerFactory.create(program=program, key="app"), scopes=["transactions:write"]
        )
        till.post("/v1/orders", ORDER, idempotency_key="k")

        response = app.post("/v1/orders", ORDER, idempotency_key="k")

        assert response.status_code == 201
        assert "Idempotent-Replayed" not in response.headers
        assert Event.objects.count() == 2

    def test_needs_the_permission_again(self, till):
        till.post("/v1/orders", ORDER, idempotency_key="k")
        till.credential.scopes = ["members:read"]
        till.credential.save()

        response = till.post("/v1/orders", ORDER, idempotency_key="k")

        assert response.status_code == 403
        assert "Idempotent-Replayed" not in response.headers

    def test_is_remembered_for_31_days(self, till):
        till.post("/v1/orders", ORDER, idempotency_key="k")

        with time_machine.travel(timezone.now() + timedelta(days=30, hours=23)):
            assert prune_idempotency_records() == 0
        with time_machine.travel(timezone.now() + timedelta(days=31, hours=1)):
            assert prune_idempotency_records() == 1

    def test_is_forgotten_in_batches_when_there_are_very_many(self, till, django_assert_num_queries):
        long_ago = timezone.now() - timedelta(days=32)
        IdempotencyRecord.objects.bulk_create(
            IdempotencyRecord(
                partner_id=till.credential.partner_id,
                key=str(number),
                fingerprint=b"",
                status=200,
                body={},
                created_at=long_ago,
            )
            for number in range(10_001)
        )

        with django_assert_num_queries(5):  # two batches, and a look that finds nothing more
            assert prune_idempotency_records() == 10_001

        assert not IdempotencyRecord.objects.exists()


class TestKey:
    def test_is_needed(self, till):
        response = till.post("/v1/orders", ORDER, idempotency_key=None)

        assert response.status_code == 400
        assert response.json()["code"] == "idempotency_key_missing"
        assert not Event.objects.exists()

    @pytest.mark.parametrize("key", ["x" * 256, "schlüssel", '""', "a\tb", '"' + "x" * 256 + '"'])
    def test_is_refused_if_it_cannot_be_one(self, till, key):
        response = till.post("/v1/orders", ORDER, idempotency_key=key)

        assert response.status_code == 400
        assert response.json()["code"] == "idempotency_key_invalid"
        assert not Event.objects.exists()

    @pytest.mark.parametrize("key", ["x" * 255, "a b", "~!@#$%^&*()", '"a\\"b"', '"', "'; DROP TABLE x;--"])
    def test_may_be_any_printable_ascii(self, till, key):
        assert till.post("/v1/orders", ORDER, idempotency_key=key).status_code == 201
        assert till.post("/v1/orders", ORDER, idempotency_key=key).headers["Idempotent-Replayed"] == "true"

    def test_unescapes_what_is_quoted(self, rf):
        request = rf.post("/", headers={"Idempotency-Key": r'"a\"b\\c"'})

        assert idempotency.header(request) == r'a"b\c'


class TestRefusedCall:
    def test_is_final_and_leaves_no_effect(self, till):
        first = till.post("/v1/orders", {"number": "refused"}, idempotency_key="k")

        repeat = till.post("/v1/orders", {"number": "refused"}, idempotency_key="k")

        assert first.status_code == repeat.status_code == 409
        assert repeat.json() == first.json()
        assert repeat.headers["Content-Type"] == "application/problem+json"
        assert repeat.headers["Idempotent-Replayed"] == "true"
        assert not Event.objects.exists()

    @pytest.mark.parametrize(
        ("body", "status"), [({"number": "unknown"}, 404), ({"nonsense": 1}, 422), (b"nonsense", 400)]
    )
    def test_is_forgotten_where_it_says_nothing_about_the_effect(self, till, body, status):
        first = till.post("/v1/orders", body, idempotency_key="k")

        second = till.post("/v1/orders", ORDER, idempotency_key="k")

        assert first.status_code == status
        assert second.status_code == 201
        assert Event.objects.count() == 1

    def test_is_forgotten_with_its_effect_if_it_was_our_fault(self, till):
        till.raise_request_exception = False

        broken = till.post("/v1/orders", {"number": "broken"}, idempotency_key="k")

        assert broken.status_code == 500
        assert not IdempotencyRecord.objects.exists()
        assert not Event.objects.exists()
