from typing import Any

import pytest

from loyalty.core.models import Event
from members.models import Entry, Member, Wallet
from rewards import campaigns
from rewards.models import Activity
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient

pytestmark = pytest.mark.usefixtures("base_rule", "ladder")


def sale(external_id: str = "receipt-1", paid: str = "12.99", **more: Any) -> dict[str, Any]:
    body = {
        "kind": "sale",
        "external_id": external_id,
        "occurred_at": "2026-06-01T12:00:00+02:00",
        "member": {"kind": "card", "value": "1001"},
        "amount": {"amount": paid, "currency": "EUR"},
    }
    return body | more


def nothing_happened() -> bool:
    told = Event.objects.exclude(type="campaign.started")
    return not (told.exists() or Activity.objects.exists() or Entry.objects.exists())


class TestRecord:
    def test_answers_with_points_balance_and_tier(self, till: PartnerClient, ada: Member):
        answer = till.post("/v1/transactions", sale())

        body = answer.json()
        assert answer.status_code == 201
        assert (body["points"], body["tier"], body["member_id"]) == (12, "basic", str(ada.pk))
        assert body["wallets"] == [{"type": "points", "available": 12, "pending": 0, "held": 0}]
        assert body["awards"][0]["campaign"] == "base"

    def test_takes_three_statements(self, till: PartnerClient, ada: Member, django_assert_num_queries):
        till.post("/v1/transactions", sale())

        # The key, the sale, the plan; and in a test the savepoint around the plan.
        with django_assert_num_queries(5):
            till.post("/v1/transactions", sale("receipt-2"))

    def test_answers_the_same_call_from_what_is_stored(self, till: PartnerClient, ada: Member):
        first = till.post("/v1/transactions", sale(), idempotency_key="k1")

        again = till.post("/v1/transactions", sale(), idempotency_key="k1")

        assert again.headers["Idempotent-Replayed"] == "true"
        assert (again.status_code, again.json()) == (201, first.json())
        assert Wallet.objects.get(member=ada).available == 12

    def test_answers_the_same_sale_under_another_key_with_the_first_result(
        self, till: PartnerClient, ada: Member
    ):
        first = till.post("/v1/transactions", sale(), idempotency_key="k1")

        again = till.post("/v1/transactions", sale(), idempotency_key="k2")

        assert (again.status_code, again.json()) == (201, first.json())
        assert Activity.objects.count() == 1

    def test_refuses_a_key_that_was_used_for_another_sale(self, till: PartnerClient, ada: Member):
        till.post("/v1/transactions", sale(), idempotency_key="k1")

        answer = till.post("/v1/transactions", sale("receipt-2"), idempotency_key="k1")

        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
        assert Activity.objects.count() == 1

    def test_keeps_the_key_of_a_repeat(self, till: PartnerClient, ada: Member):
        till.post("/v1/transactions", sale(), idempotency_key="k1")
        till.post("/v1/transactions", sale(), idempotency_key="k2")

        answer = till.post("/v1/transactions", sale("receipt-2"), idempotency_key="k2")

        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
        assert Activity.objects.count() == 1

    def test_takes_texts_as_long_as_it_says(self, till: PartnerClient, ada: Member):
        longest = {"external_id": "x" * 100, "store": "s" * 60}

        assert till.post("/v1/transactions", sale() | longest).status_code == 201
        assert till.post("/v1/transactions", sale() | {"store": "s" * 61}).status_code == 422

    def test_refuses_a_repeated_sale_with_another_amount(self, till: PartnerClient, ada: Member):
        till.post("/v1/transactions", sale())

        answer = till.post("/v1/transactions", sale(paid="13.99"))

        assert (answer.status_code, answer.json()["code"]) == (409, "already_reported")
        assert Wallet.objects.get(member=ada).available == 12

    @pytest.mark.parametrize(
        ("change", "status", "code", "pointer"),
        [
            ({"member": {"kind": "card", "value": "9999"}}, 404, "unknown_member", "#/member/value"),
            ({"member": {"kind": "id", "value": "no uuid"}}, 404, "unknown_member", "#/member/value"),
            ({"member": {"kind": "name", "value": "Ada"}}, 422, "invalid_input", "#/member/kind"),
            ({"member": {"value": "1001"}}, 422, "invalid_input", "#/member/kind"),
            ({"amount": {"amount": "-1.00", "currency": "EUR"}}, 422, "invalid_input", "#/amount/amount"),
            ({"amount": {"amount": "1e9", "currency": "EUR"}}, 422, "invalid_input", "#/amount/amount"),
            ({"amount": {"amount": "NaN", "currency": "EUR"}}, 422, "invalid_input", "#/amount/amount"),
            ({"amount": {"amount": "9" * 30, "currency": "EUR"}}, 422, "invalid_input", "#/amount/amount"),
            ({"amount": {"amount": "1.234", "currency": "EUR"}}, 422, "invalid_input", "#/amount/amount"),
            ({"amount": {"amount": 12.5, "currency": "EUR"}}, 422, "invalid_input", "#/amount/amount"),
            ({"amount": {"amount": "1.00", "currency": "USD"}}, 422, "invalid_input", "#/amount/currency"),
            ({"occurred_at": "2126-06-01T12:00:00Z"}, 422, "invalid_input", "#/occurred_at"),
            ({"occurred_at": "1926-06-01T12:00:00Z"}, 422, "invalid_input", "#/occurred_at"),
            ({"occurred_at": "2026-06-01T12:00:00"}, 422, "invalid_input", "#/occurred_at"),
            ({"occurred_at": "yesterday"}, 422, "invalid_input", "#/occurred_at"),
            ({"external_id": ""}, 422, "invalid_input", "#/external_id"),
            ({"external_id": "x" * 101}, 422, "invalid_input", "#/external_id"),
            ({"external_id": "a\0b"}, 422, "invalid_input", "#/external_id"),
            ({"points": 1_000_000}, 422, "invalid_input", "#/points"),
            ({"kind": "gift"}, 422, "invalid_input", "#/kind"),
            ({"lines": [{"id": "1"}]}, 422, "invalid_input", "#/lines/0/sku"),
            ({"lines": "none"}, 422, "invalid_input", "#/lines"),
        ],
    )
    def test_names_what_is_wrong_and_changes_nothing(
        self, till: PartnerClient, ada: Member, change, status, code, pointer
    ):
        answer = till.post("/v1/transactions", sale() | change)

        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (status, code)
        assert answer.headers["Content-Type"] == "application/problem+json", problem
        assert problem["errors"][0]["pointer"] == pointer
        assert nothing_happened()

    @pytest.mark.parametrize(
        "body", [b"", b"no json", b'{"kind":', b"[1, 2]", b'{"kind": "\xff"}', b"[" * 5000]
    )
    def test_refuses_a_body_that_is_no_sale(self, till: PartnerClient, ada: Member, body: bytes):
        answer = till.post("/v1/transactions", body)

        assert answer.status_code in (400, 415, 422)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert nothing_happened()

    def test_cannot_reach_another_programs_member(self, outsider: PartnerClient, ada: Member):
        for member in ({"kind": "id", "value": str(ada.pk)}, {"kind": "card", "value": "1001"}):
            body = sale(member=member)
            body["amount"]["currency"] = outsider.credential.partner.program.currency

            answer = outsider.post("/v1/transactions", body)

            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_member")
        assert nothing_happened()

    def test_takes_a_return(self, till: PartnerClient, ada: Member):
        till.post("/v1/transactions", sale(paid="100.00"))
        body = {
            "kind": "return",
            "external_id": "return-1",
            "occurred_at": "2026-06-02T12:00:00+02:00",
            "sale_external_id": "receipt-1",
            "amount": {"amount": "40.00", "currency": "EUR"},
        }

        answer = till.post("/v1/transactions", body)
        again = till.post("/v1/transactions", body)

        assert (answer.status_code, answer.json()["points"]) == (201, -40)
        assert again.json() == answer.json()
        assert Wallet.objects.get(member=ada).available == 60


class TestRead:
    def test_says_what_each_campaign_gave_and_why_the_others_did_not(
        self, till: PartnerClient, ada: Member, shop: Shop, program
    ):
        campaigns.publish(
            factories.CampaignFactory.create(program=program, key="big", name="Big baskets"),
            definition=factories.definition(
                {"kind": "fixed_points", "points": 50},
                conditions={"all": [{"fact": "sale.amount", "operator": "gte", "value": "15.00"}]},
            ),
            by=None,
            at=shop.at,
            effective_at=shop.later(days=-1).at,
        )
        booked = till.post("/v1/transactions", sale()).json()

        answer = till.get(f"/v1/transactions/{booked['id']}")

        verdicts = {verdict["campaign"]: verdict for verdict in answer.json()["verdicts"]}
        assert answer.status_code == 200
        assert {name: answer.json()[name] for name in booked} == booked
        assert (verdicts["base"]["matched"], verdicts["base"]["points"]) == (True, 12)
        assert verdicts["big"]["matched"] is False
        assert "2.01 short" in " ".join(verdicts["big"]["reasons"])

    def test_does_not_show_another_programs(self, till: PartnerClient, outsider: PartnerClient, ada: Member):
        booked = till.post("/v1/transactions", sale()).json()

        assert outsider.get(f"/v1/transactions/{booked['id']}").status_code == 404


class TestTransactionId:
    def test_may_be_in_capitals(self, till, ada, base_rule):
        booked = till.post("/v1/transactions", sale()).json()

        assert till.get(f"/v1/transactions/{booked['id'].upper()}").json()["id"] == booked["id"]

    def test_of_another_form_is_not_found(self, till):
        response = till.get("/v1/transactions/receipt-4711")

        assert response.status_code == 404
        assert response.json()["code"] == "not_found"

    def test_of_another_form_asks_for_a_key_like_any_other(self, client):
        assert client.get("/v1/transactions/receipt-4711").status_code == 401
