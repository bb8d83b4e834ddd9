from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from loyalty.core.api import counters
from loyalty.core.api.auth import SCOPES
from loyalty.core.api.counters import Counters
from loyalty.core.models import Event, Program
from members.models import Member, Wallet
from rewards.journeys import claiming
from rewards.models import Activity, UnclaimedSale
from rewards.planning import campaigns
from rewards.redeeming import guessing
from tests import factories
from tests.clients import PartnerClient
from tests.races import at_once

pytestmark = pytest.mark.usefixtures("base_rule", "ladder")

ADA = {"kind": "card", "value": "1001"}
GRACE = {"kind": "card", "value": "2002"}


@pytest.fixture
def yesterday() -> datetime:
    return timezone.now() - timedelta(days=1)


@pytest.fixture
def app(program: Program) -> PartnerClient:
    """Another partner of the program, where members bring their receipts."""
    return PartnerClient.of(factories.PartnerFactory.create(program=program, key="app"), scopes=SCOPES)


@pytest.fixture
def grace(program: Program) -> Member:
    grace: Member = factories.MemberFactory.create(program=program, first_name="Grace")
    factories.IdentifierFactory.create(member=grace, kind="card", value="2002")
    return grace


@pytest.fixture
def sale(yesterday: datetime) -> dict[str, Any]:
    return {
        "kind": "sale",
        "external_id": "r1",
        "occurred_at": yesterday.isoformat(),
        "amount": {"amount": "12.50", "currency": "EUR"},
        "store": "mitte",
        "lines": [{"id": "1", "sku": "beans", "amount": {"amount": "12.50", "currency": "EUR"}}],
    }


def receipt(member: dict[str, str] = ADA, paid: str = "12.50", **more: Any) -> dict[str, Any]:
    return {"member": member, "external_id": "r1", "amount": {"amount": paid, "currency": "EUR"}} | more


def refused(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def available(member: Member) -> int:
    return Wallet.objects.get(member=member).available


class TestKeep:
    def test_accepts_a_sale_of_nobody_and_gives_nothing_yet(self, till, sale):
        answer = till.post("/v1/transactions", sale)

        body = answer.json()
        assert answer.status_code == 202
        assert (body["kind"], body["status"], body["transaction_id"]) == ("sale", "unclaimed", None)
        until = datetime.fromisoformat(body["claimable_until"]) - datetime.fromisoformat(sale["occurred_at"])
        assert until == timedelta(days=30)
        assert not Activity.objects.exists()
        assert not Event.objects.exclude(type="campaign.started").exists()

    def test_keeps_it_once(self, till, sale):
        first = till.post("/v1/transactions", sale, idempotency_key="k1")

        assert till.post("/v1/transactions", sale, idempotency_key="k1").json() == first.json()
        assert till.post("/v1/transactions", sale, idempotency_key="k2").json() == first.json()
        other = till.post("/v1/transactions", sale | {"store": "nord"})
        assert refused(other) == (409, "already_reported")
        assert UnclaimedSale.objects.count() == 1

    def test_refuses_the_number_of_a_sale_that_has_a_member(self, till, ada, sale):
        till.post("/v1/transactions", sale | {"member": ADA})

        assert refused(till.post("/v1/transactions", sale)) == (409, "already_reported")
        assert not UnclaimedSale.objects.exists()

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"amount": {"amount": "1.00", "currency": "USD"}}, "#/amount/currency"),
            ({"occurred_at": "2126-06-01T12:00:00Z"}, "#/occurred_at"),
            ({"lines": [{"id": "1"}]}, "#/lines/0/sku"),
        ],
    )
    def test_names_what_is_wrong(self, till, sale, change, pointer):
        answer = till.post("/v1/transactions", sale | change)

        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
        assert not UnclaimedSale.objects.exists()

    def test_takes_three_statements(self, till, sale, django_assert_num_queries):
        till.post("/v1/transactions", sale)

        # The key, what is known of the number, the row; and in a test the savepoint around it.
        with django_assert_num_queries(5):
            till.post("/v1/transactions", sale | {"external_id": "r2"})


class TestClaim:
    def test_books_the_sale_for_whoever_has_the_receipt(self, till, app, ada, sale):
        till.post("/v1/transactions", sale)

        answer = app.post("/v1/transactions/claim", receipt())

        body = answer.json()
        assert (answer.status_code, body["points"], body["external_id"]) == (201, 12, "r1")
        activity = Activity.objects.get()
        assert (activity.source, str(activity.pk)) == ("till", body["id"])
        assert available(ada) == 12
        again = till.post("/v1/transactions", sale)
        assert (again.status_code, again.json()["status"]) == (202, "claimed")
        assert again.json()["transaction_id"] == body["id"]

    def test_answers_the_same_member_with_the_first_result(self, till, app, ada, sale):
        till.post("/v1/transactions", sale)
        first = app.post("/v1/transactions/claim", receipt(), idempotency_key="k1")

        replayed = app.post("/v1/transactions/claim", receipt(), idempotency_key="k1")
        again = app.post("/v1/transactions/claim", receipt({"kind": "id", "value": str(ada.pk)}))

        assert first.json() == replayed.json() == again.json()
        assert available(ada) == 12

    def test_earns_by_the_rules_of_when_it_happened(self, till, app, program, ada, sale, yesterday):
        campaigns.publish(
            factories.CampaignFactory.create(program=program, key="new"),
            definition=factories.definition({"kind": "fixed_points", "points": 500}),
            by=None,
            at=yesterday,
            effective_at=yesterday + timedelta(hours=1),
        )
        till.post("/v1/transactions", sale)

        assert app.post("/v1/transactions/claim", receipt()).json()["points"] == 12

    def test_is_for_who_joined_since_too(self, till, app, sale):
        till.post("/v1/transactions", sale)
        app.post("/v1/members", {"identifiers": [{"kind": "card", "value": "3003"}]})

        answer = app.post("/v1/transactions/claim", receipt({"kind": "card", "value": "3003"}))

        assert (answer.status_code, answer.json()["points"]) == (201, 12)

    def test_is_refused_to_a_second_member(self, till, app, ada, grace, sale):
        till.post("/v1/transactions", sale)
        app.post("/v1/transactions/claim", receipt())

        assert refused(app.post("/v1/transactions/claim", receipt(GRACE))) == (409, "receipt_claimed")
        assert not Wallet.objects.filter(member=grace, available__gt=0).exists()

    def test_is_refused_if_the_till_has_told_whose_it_was(self, till, app, ada, grace, sale):
        till.post("/v1/transactions", sale)
        till.post("/v1/transactions", sale | {"member": ADA})

        assert refused(app.post("/v1/transactions/claim", receipt(GRACE))) == (409, "receipt_claimed")
        assert available(ada) == 12

    @pytest.mark.parametrize(
        "wrong", [{"external_id": "r2"}, {"amount": {"amount": "12.51", "currency": "EUR"}}]
    )
    def test_needs_both_number_and_amount(self, till, app, ada, sale, wrong):
        till.post("/v1/transactions", sale)

        assert refused(app.post("/v1/transactions/claim", receipt() | wrong)) == (404, "unknown_receipt")
        assert not Activity.objects.exists()

    def test_is_refused_after_the_programs_days(self, till, app, program, ada, sale):
        till.post("/v1/transactions", sale)
        Program.objects.filter(pk=program.pk).update(claim_days=1)

        assert refused(app.post("/v1/transactions/claim", receipt())) == (409, "receipt_too_old")

    def test_asks_for_the_store_if_two_have_such_a_receipt(self, till, app, ada, sale):
        till.post("/v1/transactions", sale)
        app.post("/v1/transactions", sale | {"store": "nord"})

        unclear = app.post("/v1/transactions/claim", receipt())
        clear = app.post("/v1/transactions/claim", receipt(store="nord"))

        assert refused(unclear) == (409, "receipt_not_unique")
        assert clear.status_code == 201
        assert Activity.objects.get().source == "app"

    def test_lets_nobody_guess(self, till, app, ada, grace, sale):
        till.post("/v1/transactions", sale)
        for number in range(claiming.TRIES_OF_A_MEMBER):
            wrong = app.post("/v1/transactions/claim", receipt(external_id=f"x{number}"))
            assert refused(wrong) == (404, "unknown_receipt")

        right = app.post("/v1/transactions/claim", receipt())

        assert refused(right) == (429, "too_many_claims")
        assert int(right.headers["Retry-After"]) == guessing.FORGOTTEN_AFTER_SECONDS
        assert app.post("/v1/transactions/claim", receipt(GRACE)).status_code == 201

    def test_lets_no_partner_guess_for_many(self, till, app, ada, sale, monkeypatch):
        monkeypatch.setattr(claiming, "TRIES_OF_A_PARTNER", 1)
        till.post("/v1/transactions", sale)
        app.post("/v1/transactions/claim", receipt(external_id="x"))

        assert refused(app.post("/v1/transactions/claim", receipt())) == (429, "too_many_claims")
        assert till.post("/v1/transactions/claim", receipt()).status_code == 201

    def test_lets_nobody_guess_while_redis_is_away_either(self, till, app, ada, sale, monkeypatch):
        monkeypatch.setattr(counters, "calls", Counters("redis://127.0.0.1:1/0"))
        till.post("/v1/transactions", sale)
        for number in range(claiming.TRIES_OF_A_MEMBER):
            app.post("/v1/transactions/claim", receipt(external_id=f"x{number}"))

        answer = app.post("/v1/transactions/claim", receipt())

        assert refused(answer) == (429, "too_many_claims")
        assert not Activity.objects.exists()

    def test_applies_the_return_that_came_before_it(self, till, app, ada, sale, yesterday):
        till.post("/v1/transactions", sale)
        back = {
            "kind": "return",
            "external_id": "b1",
            "occurred_at": (yesterday + timedelta(hours=1)).isoformat(),
            "sale_external_id": "r1",
        }
        assert till.post("/v1/transactions", back).status_code == 202

        app.post("/v1/transactions/claim", receipt())

        assert available(ada) == 0

    def test_shows_another_program_nothing(self, till, outsider, sale):
        till.post("/v1/transactions", sale)
        program = outsider.credential.partner.program
        factories.IdentifierFactory.create(
            member=factories.MemberFactory.create(program=program), value="1001"
        )

        assert refused(outsider.post("/v1/transactions/claim", receipt())) == (404, "unknown_receipt")

    def test_takes_six_statements(self, till, app, ada, sale, django_assert_num_queries):
        till.post("/v1/transactions", sale)
        till.post("/v1/transactions", sale | {"external_id": "r2"})
        app.post("/v1/transactions/claim", receipt())

        # The key, the member, the receipt, the sale, the plan; and in a test the savepoint around it.
        with django_assert_num_queries(7):
            app.post("/v1/transactions/claim", receipt(external_id="r2"))


class TestForget:
    def test_deletes_what_nobody_can_claim_any_more(self, till, app, program, ada, sale):
        for number, days in (("r1", 1), ("r2", 59), ("r3", 61)):
            moment = (timezone.now() - timedelta(days=days)).isoformat()
            till.post("/v1/transactions", sale | {"external_id": number, "occurred_at": moment})
        app.post("/v1/transactions/claim", receipt())

        assert claiming.forget(program, at=timezone.now()) == 1

        assert set(UnclaimedSale.objects.values_list("external_id", flat=True)) == {"r1", "r2"}


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_one_of_several_members_gets_it(self, till, app, program, ada, grace, sale):
        till.post("/v1/transactions", sale)

        answers = at_once(
            4,
            lambda client: PartnerClient(key=app.key, credential=app.credential).post(
                "/v1/transactions/claim", receipt(GRACE if client % 2 else ADA)
            ),
        )

        won = {answer.json()["member_id"] for answer in answers if answer.status_code == 201}
        assert len(won) == 1
        assert {answer.status_code for answer in answers} == {201, 409}
        assert Activity.objects.count() == 1
        assert sum(wallet.available for wallet in Wallet.objects.all()) == 12
