"""What partners may report, and how fast codes can be tried."""

from typing import Any

import pytest

from rewards.journeys import reporting
from rewards.models import Activity
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient
from tests.rewards.occasions.conftest import Listen

pytestmark = pytest.mark.django_db


def event(event_type: str, external_id: str = "e1", **attributes: Any) -> dict[str, Any]:
    return {
        "kind": "event",
        "external_id": external_id,
        "type": event_type,
        "member": {"kind": "card", "value": "1001"},
        "occurred_at": "2026-06-01T12:00:00Z",
        "attributes": attributes,
    }


def _entered(code: str, external_id: str, card: str = "1001") -> dict[str, Any]:
    return event("code.entered", external_id, code=code) | {"member": {"kind": "card", "value": card}}


class TestReservedTypes:
    @pytest.mark.parametrize("event_type", ["member.birthday", "sale.returned", "referral.qualified"])
    def test_are_refused_naming_the_field(self, till: PartnerClient, shop: Shop, ada, event_type: str):
        response = till.post("/v1/events", event(event_type))

        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == "#/type"
        assert not Activity.objects.exists()

    @pytest.mark.parametrize(
        ("event_type", "name"), [("code.entered", "code"), ("store.checked_in", "store")]
    )
    def test_of_partners_need_what_they_are_about(
        self, till: PartnerClient, shop: Shop, ada, event_type: str, name: str
    ):
        refused = till.post("/v1/events", event(event_type))
        taken = till.post("/v1/events", event(event_type, **{name: "berlin-1"}))

        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == f"#/attributes/{name}"
        assert taken.status_code == 201


class TestCodes:
    def test_count_once_for_a_member_however_they_are_typed(
        self, till: PartnerClient, shop: Shop, ada, listen: Listen
    ):
        listen("code_entered", codes=["Summer 26"])

        codes = ["wrong", "SUMMER26", "summer 26"]
        answers = [
            till.post("/v1/events", event("code.entered", f"e{number}", code=code))
            for number, code in enumerate(codes)
        ]

        assert [answer.json()["points"] for answer in answers] == [0, 10, 0]

    def test_are_slowed_after_many_wrong_ones_and_tell_nothing(
        self, till: PartnerClient, shop: Shop, ada, listen: Listen
    ):
        listen("code_entered", codes=["right"])

        wrong = [
            till.post("/v1/events", event("code.entered", f"e{number}", code=f"guess-{number}"))
            for number in range(11)
        ]
        right = till.post("/v1/events", event("code.entered", "last", code="right"))

        assert [answer.status_code for answer in wrong] == [201] * 10 + [429]
        assert (right.status_code, right.json()["code"]) == (429, "too_many_codes")
        assert right.headers["Retry-After"] == "900"
        assert right.json()["detail"] == wrong[-1].json()["detail"]
        assert Activity.objects.count() == 10

    def test_are_slowed_for_a_partner_who_tries_them_with_ever_new_members(
        self, till: PartnerClient, shop: Shop, ada, listen: Listen, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(reporting, "WRONG_BY_PARTNER", 3)
        listen("code_entered", codes=["right"])
        cards = [f"n{number}" for number in range(4)]
        for card in cards:
            factories.IdentifierFactory.create(member__program=shop.program, kind="card", value=card)
        other = PartnerClient.of(
            factories.PartnerFactory.create(program=shop.program, key="app"), scopes=["events:write"]
        )

        wrong = [till.post("/v1/events", _entered("guess", f"e-{card}", card)) for card in cards]
        right = till.post("/v1/events", _entered("right", "last"))
        of_another = other.post("/v1/events", _entered("right", "last"))

        assert [answer.status_code for answer in wrong] == [201, 201, 201, 429]
        assert (right.status_code, right.json()["code"]) == (429, "too_many_codes")
        assert (of_another.status_code, of_another.json()["points"]) == (201, 10)

    def test_of_one_member_do_not_stop_all_the_others(
        self, till: PartnerClient, shop: Shop, ada, listen: Listen, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(reporting, "WRONG_BY_PARTNER", 11)
        listen("code_entered", codes=["right"])
        factories.IdentifierFactory.create(member__program=shop.program, kind="card", value="n1")
        for number in range(20):
            till.post("/v1/events", _entered("guess", f"e{number}", "n1"))

        right = till.post("/v1/events", _entered("right", "last"))

        assert (right.status_code, right.json()["points"]) == (201, 10)
