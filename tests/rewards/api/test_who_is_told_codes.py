"""A voucher's code is money: who merely reads, or checks vouchers at a till, is never told it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from loyalty.core.api.auth import SCOPES
from members.models import Member, WalletType
from rewards.models import Activity, Campaign, Redemption, Voucher
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient
from tests.rewards.test_transactions_api import sale

pytestmark = pytest.mark.django_db

QUERY = """{
  members { nodes { vouchers { nodes { code codeEndsWith } } redemptions { nodes { voucher { code } } } } }
  redemptions { nodes { voucher { code } } }
}"""


@pytest.fixture
def code(
    till: PartnerClient, shop: Shop, ada: Member, points: WalletType, base_rule: Campaign, noon: datetime
) -> str:
    """Of the voucher that a campaign gave Ada for a purchase."""
    factories.RewardFactory.create(program=shop.program, wallet_type=points, key="coffee", has_voucher=True)
    gift = {"trigger": {"kind": "sale"}, "conditions": {"all": []}}
    campaigns.publish(
        factories.CampaignFactory.create(program=shop.program, key="gift"),
        definition=gift | {"effects": [{"kind": "reward", "reward": "coffee"}]},
        by=None,
        at=noon,
        effective_at=noon - timedelta(days=9),
    )
    booked = till.post("/v1/transactions", sale()).json()
    return str(booked["gifts"][0]["voucher_code"])


def reader(shop: Shop, *lacking: str) -> PartnerClient:
    """Somebody who may do everything but that."""
    partner = factories.PartnerFactory.create(program=shop.program, key="reader")
    return PartnerClient.of(partner, scopes=set(SCOPES) - set(lacking))


def answers(client: PartnerClient) -> dict[str, str]:
    """What every operation that reads answers, by its path, as far as there is something to read."""
    there: dict[str, Any] = {
        "transaction_id": Activity,
        "redemption_id": Redemption,
        "voucher_id": Voucher,
    }
    known = {name: str(model.objects.get().pk) for name, model in there.items()}
    known |= {"reference": "card:1001", "key": "gift", "reward_key": "coffee"}
    paths = client.get("/v1/openapi.json").json()["paths"]
    read = [path for path, methods in paths.items() if "get" in methods]
    found = [path for path in read if all(name in known for name in _places(path))]
    return {path: client.get(path.format(**known)).content.decode() for path in found}


def _places(path: str) -> list[str]:
    return [step[1:-1] for step in path.split("/") if step.startswith("{")]


def ask(client: PartnerClient) -> Any:
    return client.post("/graphql", {"query": QUERY}, idempotency_key=None).json()


class TestACode:
    def test_is_told_to_no_reader_who_may_neither_redeem_nor_export(self, shop: Shop, code: str):
        told = answers(reader(shop, "redemptions:write", "exports:read"))

        assert len(told) > 30
        assert [path for path, body in told.items() if code in body] == []

    def test_is_null_where_somebody_else_reads_what_it_was_given_for(self, shop: Shop, code: str):
        partner = factories.PartnerFactory.create(program=shop.program, key="crm")
        crm = PartnerClient.of(partner, scopes=["members:read"])

        (listed,) = crm.get("/v1/redemptions").json()["data"]

        assert (listed["reward"], listed["voucher"]["status"]) == ("coffee", "issued")
        assert listed["voucher"]["code"] is None
        assert crm.get(f"/v1/redemptions/{listed['id']}").json() == listed
        assert crm.get("/v1/members/card:1001/redemptions").json()["data"] == [listed]
        assert crm.post(f"/v1/redemptions/{listed['id']}/cancel", {}).status_code == 403

    def test_is_told_to_those_who_redeem(self, shop: Shop, code: str):
        told = answers(reader(shop, "exports:read"))

        assert [path for path, body in told.items() if code in body] == [
            "/v1/members/{reference}/redemptions",
            "/v1/redemptions",
            "/v1/redemptions/{redemption_id}",
            "/v1/transactions/{transaction_id}",
        ]

    def test_is_null_in_graphql_for_who_checks_vouchers(self, shop: Shop, code: str):
        answer = ask(reader(shop, "redemptions:write"))

        (member,) = answer["data"]["members"]["nodes"]
        untold = {"nodes": [{"voucher": {"code": None}}]}
        assert member["vouchers"] == {"nodes": [{"code": None, "codeEndsWith": code[-4:]}]}
        assert (member["redemptions"], answer["data"]["redemptions"]) == (untold, untold)
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"missing_scope"}

    def test_is_in_graphql_for_who_redeems(self, shop: Shop, code: str):
        (member,) = ask(reader(shop))["data"]["members"]["nodes"]

        assert member["vouchers"]["nodes"][0]["code"] == code
