from typing import Any

import jsonschema
import pytest

from loyalty.core import events
from loyalty.core.models import Program
from members.models import AttributeKind, AttributeOwner, AttributeType, EventType, Member, Wallet
from rewards.models import Activity, UnclaimedSale, WaitingReturn
from tests.clients import PartnerClient

pytestmark = pytest.mark.usefixtures("base_rule", "ladder")

ADA = {"kind": "card", "value": "1001"}


def sale(external_id: str, paid: str = "10.00", **more: Any) -> dict[str, Any]:
    body = {
        "kind": "sale",
        "external_id": external_id,
        "occurred_at": "2026-06-01T12:00:00Z",
        "member": ADA,
        "amount": {"amount": paid, "currency": "EUR"},
    }
    return body | more


def back(external_id: str, of: str, **more: Any) -> dict[str, Any]:
    body = {
        "kind": "return",
        "external_id": external_id,
        "occurred_at": "2026-06-01T13:00:00Z",
        "sale_external_id": of,
    }
    return body | more


def event(external_id: str, event_type: str = "review.posted", **attributes: Any) -> dict[str, Any]:
    return {
        "external_id": external_id,
        "occurred_at": "2026-06-01T12:00:00Z",
        "type": event_type,
        "member": ADA,
        "attributes": attributes,
    }


def send(client: PartnerClient, address: str, *items: Any) -> list[dict[str, Any]]:
    answer = client.post(address, {"items": list(items)}, idempotency_key=None)
    assert answer.status_code == 207
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


class TestTransactions:
    def test_says_of_each_what_became_of_it(self, till: PartnerClient, ada: Member):
        nobody = sale("r3")
        del nobody["member"]
        results = send(
            till,
            "/v1/transactions/batch",
            sale("r1"),
            sale("r2", member={"kind": "card", "value": "9999"}),
            {"kind": "sale"},
            back("b1", "r1"),
            nobody,
            back("b2", "r9"),
            sale("r4", "7.00"),
        )

        assert [one["status"] for one in results] == [201, 404, 422, 201, 202, 202, 201]
        assert results[0]["body"]["points"] == 10
        assert results[1]["problem"]["errors"][0]["pointer"] == "#/items/1/member/value"
        assert results[2]["problem"]["code"] == "invalid_input"
        assert results[3]["body"]["points"] == -10
        assert Wallet.objects.get(member=ada).available == 7
        assert (UnclaimedSale.objects.count(), WaitingReturn.objects.count()) == (1, 1)

    def test_does_only_what_is_unfinished_when_it_is_sent_again(self, till: PartnerClient, ada: Member):
        sent = [sale("r1"), back("b1", "r1", amount={"amount": "4.00", "currency": "EUR"})]
        first = send(till, "/v1/transactions/batch", *sent)

        again = send(till, "/v1/transactions/batch", *sent, sale("r2"))

        assert again[:2] == first
        assert Activity.objects.count() == 3
        assert Wallet.objects.get(member=ada).available == 16

    def test_knows_a_double_within_the_call(self, till: PartnerClient, ada: Member):
        results = send(till, "/v1/transactions/batch", sale("r1"), sale("r1"), sale("r1", "11.00"))

        assert [one["status"] for one in results] == [201, 201, 409]
        assert results[0]["body"] == results[1]["body"]
        assert Wallet.objects.get(member=ada).available == 10

    def test_books_a_thousand_sales_in_six_statements(
        self, till: PartnerClient, ada: Member, django_assert_num_queries
    ):
        send(till, "/v1/transactions/batch", sale("first"))

        # The key, who is meant, the locks on those with and without points, what is known of them, the plan;
        # and in a test two savepoints around it.
        with django_assert_num_queries(10):
            results = send(till, "/v1/transactions/batch", *(sale(f"r{n}", "1.00") for n in range(1_000)))

        assert {one["status"] for one in results} == {201}
        assert Wallet.objects.get(member=ada).available == 1_010

    def test_takes_a_thousand_and_no_more(self, till: PartnerClient, ada: Member):
        answer = till.post("/v1/transactions/batch", {"items": [sale(f"r{n}") for n in range(1_001)]})

        assert answer.status_code == 422
        assert not Activity.objects.exists()


@pytest.fixture
def review(program: Program) -> EventType:
    """Reviews have stars and a kind, and may say when the visit was."""
    described = EventType.objects.create(program=program, name="review.posted", label="Review written")
    for name, kind, choices in (
        ("stars", AttributeKind.NUMBER, []),
        ("about", AttributeKind.TEXT, ["shop", "app"]),
        ("visited", AttributeKind.DATE, []),
        ("verified", AttributeKind.BOOLEAN, []),
    ):
        AttributeType.objects.create(
            program=program,
            owner=AttributeOwner.EVENT,
            event_type=described,
            name=name,
            label=name.title(),
            type=kind,
            choices=choices,
        )
    return described


class TestEvents:
    def test_says_of_each_what_became_of_it(self, till: PartnerClient, ada: Member, review):
        results = send(
            till,
            "/v1/events/batch",
            event("e1", stars=5),
            event("e2", stars="many"),
            event("e3", "points.earned"),
            event("e4", "code.entered"),
            event("e5", "app.login", anything="goes"),
        )

        assert [one["status"] for one in results] == [201, 422, 422, 422, 201]
        assert results[1]["problem"]["errors"][0]["pointer"] == "#/items/1/attributes/stars"
        assert results[2]["problem"]["errors"][0]["pointer"] == "#/items/2/type"
        assert set(Activity.objects.values_list("external_id", flat=True)) == {"e1", "e5"}

    def test_takes_three_statements(self, till: PartnerClient, ada, review, django_assert_num_queries):
        send(till, "/v1/events/batch", event("e0"))

        with django_assert_num_queries(5):
            send(till, "/v1/events/batch", *(event(f"e{n}", stars=n) for n in range(1, 100)))


class TestReport:
    @pytest.mark.parametrize(
        ("attributes", "fits"),
        [
            ({"stars": 5}, True),
            ({"stars": "4.5"}, True),
            ({"stars": True}, False),
            ({"stars": "five"}, False),
            ({"about": "shop"}, True),
            ({"about": "mall"}, False),
            ({"about": 1}, False),
            ({"visited": "2026-06-01"}, True),
            ({"visited": "2026-06-31"}, False),
            ({"verified": False}, True),
            ({"verified": "yes"}, False),
            ({"undeclared": "yes"}, True),
            ({}, True),
        ],
    )
    def test_holds_attributes_to_what_is_declared(self, till, ada, review, attributes, fits):
        answer = till.post("/v1/events", event("e1", **attributes))

        assert answer.status_code == (201 if fits else 422)
        if not fits:
            (name,) = attributes
            assert answer.json()["errors"][0]["pointer"] == f"#/attributes/{name}"
            assert not Activity.objects.exists()

    @pytest.mark.parametrize("event_type", ["member.birthday", *events.TYPES])
    def test_refuses_the_names_of_regulars_own_events(self, till, ada, event_type):
        answer = till.post("/v1/events", event("e1", event_type))

        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/type")

    def test_knows_at_once_what_is_declared_anew(self, till, ada, review):
        till.post("/v1/events", event("e1", mood="fine"))
        AttributeType.objects.create(
            program=review.program,
            owner=AttributeOwner.EVENT,
            event_type=review,
            name="mood",
            label="Mood",
            type=AttributeKind.BOOLEAN,
        )

        assert till.post("/v1/events", event("e2", mood="fine")).status_code == 422


class TestEventTypes:
    def test_are_listed_with_a_schema_that_events_can_be_held_to(self, till, review):
        body = till.get("/v1/event-types").json()

        known = {one["type"]: one for one in body["data"]}
        assert set(known) == {"code.entered", "review.posted", "store.checked_in"}
        validator = jsonschema.Draft202012Validator(known["review.posted"]["attributes"])
        assert validator.is_valid({"stars": 5, "about": "shop", "other": 1})
        assert not validator.is_valid({"about": "mall"})
        assert not validator.is_valid({"stars": True})
        needs_code = jsonschema.Draft202012Validator(known["code.entered"]["attributes"])
        assert not needs_code.is_valid({})

    def test_of_another_program_are_not_shown(self, outsider, review):
        names = [one["type"] for one in outsider.get("/v1/event-types").json()["data"]]

        assert "review.posted" not in names

    def test_take_one_statement(self, till, review, django_assert_num_queries):
        till.get("/v1/event-types")

        with django_assert_num_queries(1):
            till.get("/v1/event-types")
