from typing import Any

import pytest

from loyalty.core.models import Event
from members.models import Entry, Member, Wallet
from rewards.models import Activity, WaitingReturn
from rewards.planning import campaigns
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


def back(external_id: str = "return-1", sale_id: str = "receipt-1", **more: Any) -> dict[str, Any]:
    body = {
        "kind": "return",
        "external_id": external_id,
        "occurred_at": "2026-06-01T12:30:00+02:00",
        "sale_external_id": sale_id,
    }
    return body | more


def with_lines() -> dict[str, Any]:
    lines = [
        {"id": "1", "sku": "beans", "amount": {"amount": "60.00", "currency": "EUR"}, "quantity": "3"},
        {"id": "2", "sku": "mug", "amount": {"amount": "40.00", "currency": "EUR"}},
    ]
    return sale(paid="100.00", lines=lines)


class TestReturn:
    def test_says_what_came_back_and_what_was_taken(self, till: PartnerClient, ada: Member):
        till.post("/v1/transactions", with_lines())

        answer = till.post("/v1/transactions", back(lines=[{"id": "1", "quantity": "1"}]))

        body = answer.json()
        assert (answer.status_code, body["points"]) == (201, -20)
        assert body["returned"]["amount"] == {"amount": "20.00", "currency": "EUR"}
        assert body["returned"]["lines"] == [
            {"id": "1", "quantity": "1", "amount": {"amount": "20.00", "currency": "EUR"}}
        ]
        assert body["returned"]["taken"] == [
            {
                "wallet_type": "points",
                "points": 20,
                "owed": 20,
                "written_off": 0,
                "debt": 0,
                "campaigns": [{"campaign": "base", "points": 20}],
            }
        ]
        assert body["wallets"][0]["available"] == 80

    def test_is_read_again_with_all_of_it(self, till: PartnerClient, ada: Member):
        till.post("/v1/transactions", with_lines())
        body = till.post("/v1/transactions", back(lines=[{"id": "2"}])).json()

        read = till.get(f"/v1/transactions/{body['id']}").json()

        assert read["returned"] == body["returned"]
        assert (read["kind"], read["verdicts"]) == ("return", [])

    def test_tells_nothing_of_what_is_kept_for_later_returns(self, till: PartnerClient, ada: Member):
        sold = till.post("/v1/transactions", with_lines()).json()
        again = till.post("/v1/transactions", with_lines()).json()
        read = till.get(f"/v1/transactions/{sold['id']}").json()

        told = {"campaign", "version_id", "wallet_type", "points", "reason"}
        assert [set(award) for body in (sold, again, read) for award in body["awards"]] == [told] * 3

    @pytest.mark.parametrize(
        ("change", "status", "code", "pointer"),
        [
            ({"lines": []}, 422, "invalid_input", "#/lines"),
            ({"lines": [{"id": "9"}]}, 422, "invalid_input", "#/lines/0/id"),
            ({"lines": [{"id": "1"}, {"id": "1"}]}, 422, "invalid_input", "#/lines/1/id"),
            ({"lines": [{"id": "1", "quantity": "4"}]}, 409, "returned_too_much", "#/lines/0/quantity"),
            ({"lines": [{"id": "1", "quantity": "-1"}]}, 422, "invalid_input", "#/lines/0/quantity"),
            ({"lines": [{"id": "1", "sku": "x"}]}, 422, "invalid_input", "#/lines/0/sku"),
            (
                {"lines": [{"id": "1", "amount": {"amount": "60.01", "currency": "EUR"}}]},
                409, "returned_too_much", "#/lines/0/amount",
            ),
            (
                {"lines": [{"id": "1", "amount": {"amount": "1.00", "currency": "USD"}}]},
                422, "invalid_input", "#/lines/0/amount/currency",
            ),
            (
                {"lines": [{"id": "1"}], "amount": {"amount": "1.00", "currency": "EUR"}},
                422, "invalid_input", "#/amount",
            ),
            ({"amount": {"amount": "100.01", "currency": "EUR"}}, 409, "returned_too_much", "#/amount"),
            ({"occurred_at": "2026-05-01T12:00:00Z"}, 422, "invalid_input", "#/occurred_at"),
        ],
    )  # fmt: skip
    def test_refuses_what_cannot_be_and_takes_nothing(
        self, till: PartnerClient, ada: Member, change: dict[str, Any], status: int, code: str, pointer: str
    ):
        till.post("/v1/transactions", with_lines())

        answer = till.post("/v1/transactions", back(**change))

        body = answer.json()
        assert (answer.status_code, body["code"]) == (status, code)
        assert body["errors"][0]["pointer"] == pointer
        assert Wallet.objects.get(member=ada).available == 100
        assert not Activity.objects.filter(kind="return").exists()

    def test_takes_four_statements(self, till: PartnerClient, ada: Member, django_assert_num_queries):
        till.post("/v1/transactions", with_lines())
        till.post("/v1/transactions", back("b1", lines=[{"id": "2"}]))

        # The key, the sale with its returns, the lots, the plan; and in a test the savepoint around it.
        with django_assert_num_queries(6):
            till.post("/v1/transactions", back("b2", lines=[{"id": "1", "quantity": "1"}]))


class TestReturnBeforeItsSale:
    def test_waits_and_says_so(self, till: PartnerClient, ada: Member):
        answer = till.post("/v1/transactions", back())

        body = answer.json()
        assert (answer.status_code, body["status"], body["kind"]) == (202, "waiting", "return")
        assert (body["external_id"], body["sale_external_id"]) == ("return-1", "receipt-1")
        assert nothing_happened()
        read = till.get(f"/v1/transactions/{body['id']}")
        assert (read.status_code, read.json()["detail"]) == (404, "This return waits for its sale.")

    def test_is_answered_the_same_when_it_is_repeated(self, till: PartnerClient, ada: Member):
        first = till.post("/v1/transactions", back())

        again = till.post("/v1/transactions", back())

        assert (again.status_code, again.json()) == (202, first.json())
        assert WaitingReturn.objects.count() == 1

    def test_is_replayed_under_its_key(self, till: PartnerClient, ada: Member):
        first = till.post("/v1/transactions", back(), idempotency_key="k1")

        again = till.post("/v1/transactions", back(), idempotency_key="k1")

        assert again.headers["Idempotent-Replayed"] == "true"
        assert (again.status_code, again.json()) == (202, first.json())

    def test_is_refused_with_other_content(self, till: PartnerClient, ada: Member):
        till.post("/v1/transactions", back())

        answer = till.post("/v1/transactions", back(amount={"amount": "1.00", "currency": "EUR"}))

        assert (answer.status_code, answer.json()["code"]) == (409, "already_reported")

    def test_is_applied_under_its_id_when_the_sale_comes(self, till: PartnerClient, ada: Member):
        waits = till.post("/v1/transactions", back(lines=[{"id": "2"}])).json()

        sold = till.post("/v1/transactions", with_lines())

        assert sold.json()["points"] == 100
        assert Wallet.objects.get(member=ada).available == 60
        assert till.get(f"/v1/transactions/{waits['id']}").json()["points"] == -40
        again = till.post("/v1/transactions", back(lines=[{"id": "2"}]))
        assert (again.status_code, again.json()["id"]) == (201, waits["id"])

    def test_that_does_not_fit_the_sale_is_refused_and_says_why(self, till: PartnerClient, ada: Member):
        till.post("/v1/transactions", back(amount={"amount": "100.01", "currency": "EUR"}))

        sold = till.post("/v1/transactions", with_lines())

        assert sold.status_code == 201
        assert Wallet.objects.get(member=ada).available == 100
        again = till.post("/v1/transactions", back(amount={"amount": "100.01", "currency": "EUR"}))
        assert (again.status_code, again.json()["code"]) == (409, "return_refused")
        assert again.json()["detail"] == "Of this sale 100.00 EUR can still come back."

    def test_of_another_partner_is_not_touched(
        self, till: PartnerClient, outsider: PartnerClient, ada: Member
    ):
        outsider.post("/v1/transactions", back())

        till.post("/v1/transactions", with_lines())

        assert WaitingReturn.objects.get().status == "waiting"
        assert Wallet.objects.get(member=ada).available == 100

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"occurred_at": "2126-06-01T12:00:00Z"}, "#/occurred_at"),
            ({"occurred_at": "1926-06-01T12:00:00Z"}, "#/occurred_at"),
            ({"amount": {"amount": "1.00", "currency": "USD"}}, "#/amount/currency"),
        ],
    )
    def test_is_refused_at_once_if_no_sale_could_make_it_right(
        self, till: PartnerClient, ada: Member, change: dict[str, Any], pointer: str
    ):
        answer = till.post("/v1/transactions", back(**change))

        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
        assert not WaitingReturn.objects.exists()
