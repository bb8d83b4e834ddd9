from datetime import timedelta
from typing import Any

import pytest

from loyalty.core.api.auth import SCOPES
from loyalty.core.models import Program
from members.models import Member, Wallet
from rewards.models import Activity, Undoing
from tests import factories
from tests.cast import Shop, line
from tests.clients import PartnerClient

pytestmark = pytest.mark.usefixtures("base_rule", "ladder", "ada")

EUROS = {"amount": "10.00", "currency": "EUR"}


@pytest.fixture
def office(program: Program) -> PartnerClient:
    """Another partner of the same program."""
    return PartnerClient.of(factories.PartnerFactory.create(program=program, key="office"), scopes=SCOPES)


def available() -> int:
    return Wallet.objects.get(member__first_name="Ada").available


def refused(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


class TestList:
    @pytest.fixture(autouse=True)
    def history(self, ada: Member, shop: Shop) -> None:
        shop.sells("r1", "10.00", store="mitte")
        shop.later(hours=1).sells("r2", "20.00", store="nord")
        shop.later(hours=2).takes_back("b1", "r2", "5.00")
        shop.later(hours=3).hears_of("login-1", "app.login")

    def numbers(self, till: PartnerClient, query: str = "") -> list[str]:
        return [one["external_id"] for one in till.get(f"/v1/transactions{query}").json()["data"]]

    def test_shows_sales_and_returns_newest_first(self, till: PartnerClient):
        body = till.get("/v1/transactions").json()

        assert [one["external_id"] for one in body["data"]] == ["b1", "r2", "r1"]
        back, sale, _ = body["data"]
        assert (back["kind"], back["points"], back["sale_id"]) == ("return", -5, sale["id"])
        assert (sale["returned"], sale["store"]) == ({"amount": "5.00", "currency": "EUR"}, "nord")

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("?kind=return", ["b1"]),
            ("?kind=sale", ["r2", "r1"]),
            ("?store=mitte", ["r1"]),
            ("?external_id=r2", ["r2"]),
            ("?external_id=r9", []),
            ("?member=card:1001", ["b1", "r2", "r1"]),
            ("?member=card:9999", []),
            ("?occurred_from=2026-06-01T13:00:00Z", ["b1", "r2"]),
            ("?occurred_before=2026-06-01T13:00:00Z", ["r1"]),
            ("?status=booked&kind=sale", ["r2", "r1"]),
            ("?status=cancelled", []),
        ],
    )
    def test_is_filtered(self, till: PartnerClient, query: str, found: list[str]):
        assert self.numbers(till, query) == found

    def test_tells_mistakes_from_what_holds(self, till: PartnerClient):
        mistaken = Activity.objects.get(external_id="r1").pk
        till.post(f"/v1/transactions/{mistaken}/correct", {"external_id": "r1b", "amount": EUROS})
        corrected = Activity.objects.get(external_id="r1b").pk
        till.post(f"/v1/transactions/{corrected}/cancel", {})

        assert self.numbers(till, "?status=corrected") == ["r1"]
        assert self.numbers(till, "?status=cancelled") == ["r1b"]
        assert self.numbers(till, "?kind=sale") == ["r2", "r1b", "r1"]

    def test_goes_on_over_pages(self, till: PartnerClient):
        first = till.get("/v1/transactions?limit=2&member=card:1001").json()

        assert [one["external_id"] for one in till.get(first["next"]).json()["data"]] == ["r1"]

    def test_tells_late_reports_where_they_happened(self, till: PartnerClient, shop: Shop):
        shop.later(hours=4).sells("late", "10.00", occurred_at=shop.at + timedelta(minutes=30))

        assert self.numbers(till) == ["b1", "r2", "late", "r1"]

    def test_goes_on_between_sales_of_the_same_moment(self, till: PartnerClient, shop: Shop):
        for number in range(5):
            shop.sells(f"same-{number}", "10.00", occurred_at=shop.at - timedelta(days=1))
        query, seen = "/v1/transactions?limit=2&occurred_before=2026-06-01T12:00:00Z", []
        back = ""

        while query:
            page = till.get(query).json()
            seen += [one["external_id"] for one in page["data"]]
            query, back = page["next"], page["previous"]

        assert seen == ["same-4", "same-3", "same-2", "same-1", "same-0"]
        assert [one["external_id"] for one in till.get(back).json()["data"]] == ["same-2", "same-1"]

    @pytest.mark.parametrize("query", ["?stores=mitte", "?kind=event", "?occurred_from=today", "?member=ada"])
    def test_refuses_what_it_cannot_filter_by(self, till: PartnerClient, query: str):
        answer = till.get(f"/v1/transactions{query}")

        assert refused(answer) == (400, "invalid_filter")
        assert answer.json()["parameter"] == query[1:].partition("=")[0]

    def test_shows_another_program_nothing(self, outsider: PartnerClient):
        assert outsider.get("/v1/transactions?external_id=r1").json()["data"] == []

    def test_takes_two_statements(self, till: PartnerClient, django_assert_num_queries):
        with django_assert_num_queries(2):
            till.get("/v1/transactions?kind=sale&store=mitte")


class TestReturns:
    def test_returns_goods_of_what_another_partner_sold(
        self, till: PartnerClient, office: PartnerClient, shop: Shop
    ):
        sale = shop.sells("r1", "100.00", lines=(line("1", "60.00"), line("2", "40.00")))
        body = {"external_id": "b1", "occurred_at": "2026-06-02T12:00:00Z", "lines": [{"id": "2"}]}

        answer = office.post(f"/v1/transactions/{sale.id}/returns", body)
        again = office.post(f"/v1/transactions/{sale.id}/returns", body)

        assert (answer.status_code, answer.json()["points"]) == (201, -40)
        assert again.json() == answer.json()
        assert answer.json()["returned"]["sale_id"] == str(sale.id)
        assert available() == 60
        assert Activity.objects.get(kind="return").source == "office"

    def test_is_the_same_as_recording_a_return(self, till: PartnerClient, shop: Shop):
        sale = shop.sells("r1", "100.00")
        body = {"external_id": "b1", "occurred_at": "2026-06-02T12:00:00Z", "amount": EUROS}
        recorded = {**body, "kind": "return", "sale_external_id": "r1"}

        first = till.post("/v1/transactions", recorded)
        again = till.post(f"/v1/transactions/{sale.id}/returns", body)

        assert again.json() == first.json()
        assert available() == 90

    def test_refuses_more_than_is_left_and_returns_of_returns(self, till: PartnerClient, shop: Shop):
        sale = shop.sells("r1", "10.00")
        back = shop.later(minutes=1).takes_back("b1", "r1", "4.00")
        body = {"external_id": "b2", "occurred_at": "2026-06-02T12:00:00Z", "amount": EUROS}

        too_much = till.post(f"/v1/transactions/{sale.id}/returns", body)
        of_return = till.post(f"/v1/transactions/{back.id}/returns", body)

        assert refused(too_much) == (409, "returned_too_much")
        assert refused(of_return) == (409, "not_a_sale")
        assert available() == 6

    def test_takes_five_statements(self, till: PartnerClient, shop: Shop, django_assert_num_queries):
        sale = shop.sells("r1", "100.00")
        body = {"external_id": "b1", "occurred_at": "2026-06-02T12:00:00Z", "amount": EUROS}
        till.post(f"/v1/transactions/{sale.id}/returns", body)

        # The key, the sale by its id, the sale with its returns, the lots, the plan; and savepoints.
        with django_assert_num_queries(7):
            till.post(f"/v1/transactions/{sale.id}/returns", {**body, "external_id": "b2"})


class TestCancel:
    def test_answers_with_the_sale_as_it_is_now(self, till: PartnerClient, shop: Shop):
        sale = shop.sells("r1", "100.00")

        answer = till.post(f"/v1/transactions/{sale.id}/cancel", {"reason": "Training"})

        body = answer.json()
        assert answer.status_code == 200
        assert (body["id"], body["kind"], body["status"]) == (str(sale.id), "sale", "cancelled")
        assert body == till.get(f"/v1/transactions/{sale.id}").json()
        assert available() == 0

    def test_is_once_whatever_the_key(self, till: PartnerClient, shop: Shop):
        sale = shop.sells("r1", "100.00")

        first = till.post(f"/v1/transactions/{sale.id}/cancel", {}, idempotency_key="k1")
        replayed = till.post(f"/v1/transactions/{sale.id}/cancel", {}, idempotency_key="k1")
        again = till.post(f"/v1/transactions/{sale.id}/cancel", {}, idempotency_key="k2")

        assert replayed.headers["Idempotent-Replayed"] == "true"
        assert first.json() == replayed.json() == again.json()
        assert Undoing.objects.count() == 1

    def test_refuses_what_is_no_sale_or_was_returned(self, till: PartnerClient, shop: Shop):
        sale = shop.sells("r1", "100.00")
        back = shop.later(minutes=1).takes_back("b1", "r1", "40.00")
        event = shop.hears_of("login", "app.login")

        def cancel(number: object) -> tuple[int, str]:
            return refused(till.post(f"/v1/transactions/{number}/cancel", {}))

        assert cancel(sale.id) == (409, "transaction_has_returns")
        assert cancel(back.id) == (409, "not_a_sale")
        assert cancel(event.id) == cancel("nonsense") == (404, "not_found")
        assert available() == 60

    def test_takes_few_statements_for_all_that_it_does(
        self, till: PartnerClient, shop: Shop, django_assert_num_queries
    ):
        first, sale = shop.sells("r1", "100.00"), shop.sells("r2", "100.00")
        till.post(f"/v1/transactions/{first.id}/cancel", {})

        with django_assert_num_queries(27):
            till.post(f"/v1/transactions/{sale.id}/cancel", {})


class TestCorrect:
    def test_answers_with_the_sale_in_its_place(self, till: PartnerClient, shop: Shop):
        sale = shop.sells("r1", "100.00")

        answer = till.post(f"/v1/transactions/{sale.id}/correct", {"external_id": "r1b", "amount": EUROS})

        body = answer.json()
        assert (answer.status_code, body["points"], body["corrects"]) == (201, 10, str(sale.id))
        assert available() == 10
        right = till.get(f"/v1/transactions/{body['id']}").json()
        wrong = till.get(f"/v1/transactions/{sale.id}").json()
        assert (right["corrects"], right["status"]) == (str(sale.id), "booked")
        assert (wrong["corrected_by"], wrong["status"]) == (body["id"], "corrected")

    def test_is_once_whatever_the_key(self, till: PartnerClient, shop: Shop):
        sale = shop.sells("r1", "100.00")
        body = {"external_id": "r1b", "amount": EUROS}
        address = f"/v1/transactions/{sale.id}/correct"

        first = till.post(address, body, idempotency_key="k1")

        assert till.post(address, body, idempotency_key="k1").json() == first.json()
        assert till.post(address, body, idempotency_key="k2").json() == first.json()
        other = till.post(address, {**body, "external_id": "r1c"})
        assert refused(other) == (409, "transaction_undone")
        assert other.json()["corrected_by"] == first.json()["id"]
        assert available() == 10

    @pytest.mark.parametrize(
        ("change", "status", "pointer"),
        [
            ({"external_id": "r1"}, 409, "#/external_id"),
            ({"member": {"kind": "card", "value": "9999"}}, 404, "#/member/value"),
            ({"amount": {"amount": "1.00", "currency": "USD"}}, 422, "#/amount/currency"),
            ({"occurred_at": "2126-06-01T12:00:00Z"}, 422, "#/occurred_at"),
            ({"points": 5}, 422, "#/points"),
        ],
    )
    def test_changes_nothing_if_the_content_is_wrong(
        self, till: PartnerClient, shop: Shop, change: dict[str, Any], status: int, pointer: str
    ):
        sale = shop.sells("r1", "100.00")
        body = {"external_id": "r1b", "amount": EUROS} | change

        answer = till.post(f"/v1/transactions/{sale.id}/correct", body)

        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (status, pointer)
        assert available() == 100
        assert not Undoing.objects.exists()

    def test_takes_few_statements_for_all_that_it_does(
        self, till: PartnerClient, shop: Shop, django_assert_num_queries
    ):
        first, sale = shop.sells("r1", "100.00"), shop.sells("r2", "100.00")
        body = {"external_id": "r1b", "amount": EUROS}
        till.post(f"/v1/transactions/{first.id}/correct", body)

        with django_assert_num_queries(27):
            till.post(f"/v1/transactions/{sale.id}/correct", {**body, "external_id": "r2b"})


class TestLateAndOutOfOrder:
    """What arrives late, or before what it belongs to, ends in the same state."""

    def test_a_return_waits_for_its_sale(self, till: PartnerClient):
        back = {
            "kind": "return",
            "external_id": "b1",
            "occurred_at": "2026-06-02T12:00:00Z",
            "sale_external_id": "r1",
        }
        sale = {
            "kind": "sale",
            "external_id": "r1",
            "occurred_at": "2026-06-01T12:00:00Z",
            "member": {"kind": "card", "value": "1001"},
            "amount": EUROS,
        }

        assert till.post("/v1/transactions", back).status_code == 202
        assert till.post("/v1/transactions", sale).json()["points"] == 10

        assert available() == 0

    def test_a_sale_before_its_member_joined_is_booked_once_they_are_known(
        self, till: PartnerClient, program: Program, noon
    ):
        sale = {
            "kind": "sale",
            "external_id": "r1",
            "occurred_at": (noon - timedelta(days=2)).isoformat(),
            "member": {"kind": "card", "value": "3003"},
            "amount": EUROS,
        }

        unknown = till.post("/v1/transactions", sale)
        till.post("/v1/members", {"identifiers": [{"kind": "card", "value": "3003"}]})
        known = till.post("/v1/transactions", sale)

        assert refused(unknown) == (404, "unknown_member")
        assert (known.status_code, known.json()["points"]) == (201, 10)

    def test_a_sale_of_last_year_earns_by_the_rules_of_then(self, till: PartnerClient, shop: Shop, noon):
        sale = {
            "kind": "sale",
            "external_id": "r1",
            "member": {"kind": "card", "value": "1001"},
            "amount": EUROS,
        }

        last_year = till.post("/v1/transactions", sale | {"occurred_at": "2025-06-01T12:00:00Z"})
        before_all_rules = till.post(
            "/v1/transactions", sale | {"external_id": "r2", "occurred_at": "2001-06-01T12:00:00Z"}
        )

        assert last_year.json()["points"] == 10
        assert before_all_rules.json()["points"] == 0
