"""
Who may call what: every operation of the API, with every kind of credential.

An operation that is not in the table fails the tests: say what it answers to whom.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from django.db.models import F, Model
from django.test import Client
from django.utils import timezone

from integrations import credentials
from integrations.models import AccessToken, Credential
from loyalty.core.api import checks
from loyalty.core.api.auth import ANY_SCOPE, SCOPES
from loyalty.core.models import Event, IdempotencyRecord
from members import reasons
from members.models import Entry, Member, Segment, WalletType
from members.references import MemberReference
from rewards.deciding.activities import NOBODY
from rewards.happenings import inviting
from rewards.journeys import claiming
from rewards.models import Activity, Checkout, Redemption, Referral, ReferralCode, Voucher, VoucherUse
from rewards.redeeming import vouchers
from tests.cast import Shop
from tests.clients import PartnerClient
from tests.factories import IdentifierFactory, MemberFactory, PartnerFactory, RewardFactory
from tests.protected import PROTECTED_FIELDS

EFFECTS: tuple[type[Model], ...] = (
    Member,
    Entry,
    Activity,
    Redemption,
    VoucherUse,
    Checkout,
    Referral,
    ReferralCode,
    Event,
    IdempotencyRecord,
)


class Case(NamedTuple):
    """How an operation is called, and what the right key and another program's key are answered."""

    address: str
    body: dict[str, Any] | None
    right: int
    outsider: int


CARD = {"kind": "card", "value": "1001"}
SALE = {
    "kind": "sale",
    "external_id": "receipt-2",
    "occurred_at": "2026-06-01T12:00:00Z",
    "member": CARD,
    "amount": {"amount": "1.00", "currency": "EUR"},
}
BASKET = {"member": CARD, "amount": {"amount": "1.00", "currency": "EUR"}}
CLAIM = {**BASKET, "external_id": "receipt-0"}
GOODS_BACK = {"external_id": "return-1", "occurred_at": "2026-06-01T12:00:00Z"}
ONE = "/v1/transactions/<transaction_id:transaction_id>"
EVENT = {
    "kind": "event",
    "external_id": "login-1",
    "occurred_at": "2026-06-01T12:00:00Z",
    "type": "app.login",
    "member": CARD,
}
CODE = {"external_id": "code-1", "occurred_at": "2026-06-01T12:00:00Z", "code": "SUN"}
GOODS = {"lines": [{"id": "1", "sku": "beans", "amount": {"amount": "5.00", "currency": "EUR"}}]}
PURCHASE = {
    "external_id": "order-1",
    "payments": [{"method": "card", "amount": {"amount": "5.00", "currency": "EUR"}}],
}
PAYMENT = {"member": CARD, "wallet_type": "points", "points": 10}
ADJUSTMENT = {**PAYMENT, "reason": "goodwill"}
BERT = {"kind": "card", "value": "3003"}
TRANSFER = {"sender": CARD, "recipient": BERT, "wallet_type": "points", "points": 10}
MERGE = {"duplicate": BERT}
MANY = {"items": [CARD]}
PENDING = {"member": CARD, "transaction_id": "01976c1e-5d7a-7000-8000-77d0c1f9a2e6"}
NEWCOMER = {"identifiers": [{"kind": "card", "value": "2002"}]}

TABLE = {
    "GET /v1/whoami": Case("/v1/whoami", None, 200, 200),
    "GET /v1/status": Case("/v1/status", None, 200, 200),
    "GET /v1/feed": Case("/v1/feed", None, 200, 200),
    # The program of the table is a live one.
    "GET /v1/sandbox/clock": Case("/v1/sandbox/clock", None, 409, 409),
    "POST /v1/sandbox/clock/move": Case("/v1/sandbox/clock/move", {"by": "P1D"}, 409, 409),
    "POST /v1/sandbox/reset": Case("/v1/sandbox/reset", {"confirm": "coffee"}, 409, 409),
    "GET /v1/event-catalogue": Case("/v1/event-catalogue", None, 200, 200),
    "POST /v1/sandbox/sample-events": Case("/v1/sandbox/sample-events", {"type": "points.earned"}, 409, 409),
    "POST /v1/sandbox/sample-data": Case("/v1/sandbox/sample-data", {}, 409, 409),
    "GET /v1/members": Case("/v1/members", None, 200, 200),
    "POST /v1/members": Case("/v1/members", NEWCOMER, 201, 201),
    "GET /v1/members/<str:reference>": Case("/v1/members/card:1001", None, 200, 404),
    "GET /v1/members/<str:reference>/status": Case("/v1/members/card:1001/status", None, 200, 404),
    "POST /v1/members/batch": Case("/v1/members/batch", {"items": [NEWCOMER]}, 207, 207),
    "PATCH /v1/members/<str:reference>": Case("/v1/members/card:1001", {"last_name": "King"}, 200, 404),
    "POST /v1/members/<str:reference>/block": Case(
        "/v1/members/card:1001/block", {"reason": "fraud"}, 200, 404
    ),
    "POST /v1/members/<str:reference>/unblock": Case("/v1/members/card:1001/unblock", {}, 409, 404),
    "GET /v1/members/<str:reference>/consents": Case("/v1/members/card:1001/consents", None, 200, 404),
    "POST /v1/members/<str:reference>/consents": Case(
        "/v1/members/card:1001/consents", {"purpose": "newsletter", "granted": True}, 201, 404
    ),
    "GET /v1/members/<str:reference>/consents/history": Case(
        "/v1/members/card:1001/consents/history", None, 200, 404
    ),
    "POST /v1/members/<str:reference>/erase": Case("/v1/members/card:1001/erase", {}, 200, 404),
    "GET /v1/members/<str:reference>/export": Case("/v1/members/card:1001/export", None, 200, 404),
    "GET /v1/members/<str:reference>/identifiers": Case("/v1/members/card:1001/identifiers", None, 200, 404),
    "POST /v1/members/<str:reference>/identifiers": Case(
        "/v1/members/card:1001/identifiers", {"kind": "card", "value": "1002"}, 201, 404
    ),
    "DELETE /v1/members/<str:reference>/identifiers/<str:identifier>": Case(
        "/v1/members/card:1001/identifiers/card:1001", None, 409, 404
    ),
    "GET /v1/members/<str:reference>/entries": Case("/v1/members/card:1001/entries", None, 200, 404),
    "GET /v1/members/<str:reference>/balance": Case("/v1/members/card:1001/balance", None, 200, 404),
    "GET /v1/members/<str:reference>/activities": Case("/v1/members/card:1001/activities", None, 200, 404),
    "GET /v1/members/<str:reference>/badges": Case("/v1/members/card:1001/badges", None, 200, 404),
    "GET /v1/members/<str:reference>/challenges": Case("/v1/members/card:1001/challenges", None, 200, 404),
    "GET /v1/members/<str:reference>/rewards": Case("/v1/members/card:1001/rewards", None, 200, 404),
    "GET /v1/members/<str:reference>/redemptions": Case("/v1/members/card:1001/redemptions", None, 200, 404),
    "GET /v1/members/<str:reference>/vouchers": Case("/v1/members/card:1001/vouchers", None, 200, 404),
    "GET /v1/members/<str:reference>/tiers": Case("/v1/members/card:1001/tiers", None, 200, 404),
    "GET /v1/members/<str:reference>/segments": Case("/v1/members/card:1001/segments", None, 200, 404),
    "GET /v1/tiers": Case("/v1/tiers", None, 200, 200),
    "GET /v1/segments": Case("/v1/segments", None, 200, 200),
    "GET /v1/segments/<str:key>": Case("/v1/segments/vip", None, 200, 404),
    "GET /v1/segments/<str:key>/members": Case("/v1/segments/vip/members", None, 200, 404),
    "POST /v1/segments/<str:key>/members": Case("/v1/segments/vip/members", MANY, 207, 404),
    "POST /v1/segments/<str:key>/members/remove": Case("/v1/segments/vip/members/remove", MANY, 207, 404),
    "POST /v1/points/adjustments": Case("/v1/points/adjustments", ADJUSTMENT, 201, 404),
    "POST /v1/points/transfers": Case("/v1/points/transfers", TRANSFER, 201, 422),
    "POST /v1/members/<str:reference>/merge": Case("/v1/members/card:1001/merge", MERGE, 201, 404),
    "POST /v1/points/pending/activate": Case("/v1/points/pending/activate", PENDING, 409, 404),
    "POST /v1/points/pending/cancel": Case("/v1/points/pending/cancel", PENDING, 409, 404),
    "POST /v1/points/holds": Case("/v1/points/holds", PAYMENT, 201, 422),
    "GET /v1/points/holds/<str:hold_id>": Case("/v1/points/holds/{hold}", None, 200, 404),
    "POST /v1/points/holds/<str:hold_id>/settle": Case("/v1/points/holds/{hold}/settle", {}, 200, 404),
    "POST /v1/points/holds/<str:hold_id>/release": Case("/v1/points/holds/{hold}/release", {}, 200, 404),
    "POST /v1/points/spend": Case("/v1/points/spend", PAYMENT, 201, 422),
    "POST /v1/transactions": Case("/v1/transactions", SALE, 201, 404),
    "POST /v1/transactions/preview": Case("/v1/transactions/preview", BASKET, 200, 404),
    "GET /v1/transactions/<transaction_id:transaction_id>": Case("/v1/transactions/{sale}", None, 200, 404),
    "POST /v1/transactions/batch": Case("/v1/transactions/batch", {"items": [SALE]}, 207, 207),
    "POST /v1/events/batch": Case("/v1/events/batch", {"items": [EVENT]}, 207, 207),
    "GET /v1/event-types": Case("/v1/event-types", None, 200, 200),
    "POST /v1/transactions/claim": Case("/v1/transactions/claim", CLAIM, 201, 404),
    "GET /v1/transactions": Case("/v1/transactions", None, 200, 200),
    f"POST {ONE}/returns": Case("/v1/transactions/{sale}/returns", GOODS_BACK, 201, 404),
    f"POST {ONE}/cancel": Case("/v1/transactions/{sale}/cancel", {}, 200, 404),
    f"POST {ONE}/correct": Case(
        "/v1/transactions/{sale}/correct", {**BASKET, "external_id": "receipt-3"}, 201, 404
    ),
    "POST /v1/events": Case("/v1/events", EVENT, 201, 404),
    "GET /v1/checkouts": Case("/v1/checkouts", None, 200, 200),
    "POST /v1/checkouts": Case("/v1/checkouts", {"member": CARD, **GOODS}, 201, 404),
    "GET /v1/checkouts/<str:checkout_id>": Case("/v1/checkouts/{checkout}", None, 200, 404),
    "PUT /v1/checkouts/<str:checkout_id>": Case("/v1/checkouts/{checkout}", GOODS, 200, 404),
    "POST /v1/checkouts/<str:checkout_id>/confirm": Case(
        "/v1/checkouts/{checkout}/confirm", PURCHASE, 200, 404
    ),
    "POST /v1/checkouts/<str:checkout_id>/abandon": Case("/v1/checkouts/{checkout}/abandon", {}, 200, 404),
    "GET /v1/campaigns": Case("/v1/campaigns", None, 200, 200),
    "GET /v1/campaigns/<str:key>": Case("/v1/campaigns/base", None, 200, 404),
    "POST /v1/campaigns/simulate": Case("/v1/campaigns/simulate", BASKET, 200, 404),
    "GET /v1/campaigns/<str:key>/performance": Case("/v1/campaigns/base/performance", None, 200, 404),
    # The campaign of the table listens to sales.
    "GET /v1/campaigns/<str:key>/codes": Case("/v1/campaigns/base/codes", None, 404, 404),
    "POST /v1/members/<str:reference>/codes": Case("/v1/members/card:1001/codes", CODE, 201, 404),
    "GET /v1/referrals": Case("/v1/referrals", None, 200, 200),
    "POST /v1/referrals": Case("/v1/referrals", {"member": CARD}, 201, 404),
    "POST /v1/referrals/accept": Case("/v1/referrals/accept", {"code": "SESAMEXY", "friend": BERT}, 201, 404),
    "GET /v1/referrals/<str:referral_id>": Case("/v1/referrals/{referral}", None, 200, 404),
    "GET /v1/rewards": Case("/v1/rewards", None, 200, 200),
    "GET /v1/rewards/<str:reward_key>": Case("/v1/rewards/coffee", None, 200, 404),
    "POST /v1/redemptions/preview": Case(
        "/v1/redemptions/preview", {"member": CARD, "reward": "coffee"}, 200, 404
    ),
    "GET /v1/redemptions": Case("/v1/redemptions", None, 200, 200),
    "GET /v1/redemptions/<str:redemption_id>": Case("/v1/redemptions/{redemption}", None, 200, 404),
    "POST /v1/redemptions/hold": Case("/v1/redemptions/hold", {"member": CARD, "reward": "coffee"}, 201, 404),
    "POST /v1/redemptions/<str:redemption_id>/confirm": Case(
        "/v1/redemptions/{redemption}/confirm", {}, 200, 404
    ),
    "POST /v1/redemptions/<str:redemption_id>/cancel": Case(
        "/v1/redemptions/{redemption}/cancel", {}, 200, 404
    ),
    "POST /v1/redemptions/<str:redemption_id>/fulfil": Case(
        "/v1/redemptions/{redemption}/fulfil", {}, 409, 404
    ),
    "POST /v1/redemptions/<str:redemption_id>/return": Case(
        "/v1/redemptions/{redemption}/return", {}, 409, 404
    ),
    "GET /v1/vouchers": Case("/v1/vouchers", None, 200, 200),
    "GET /v1/vouchers/<str:voucher_id>": Case("/v1/vouchers/{voucher}", None, 200, 404),
    "POST /v1/vouchers/check": Case("/v1/vouchers/check", {"code": "SESAME"}, 200, 404),
    "POST /v1/vouchers/use": Case("/v1/vouchers/use", {"code": "SESAME", "external_id": "r1"}, 201, 404),
    "POST /v1/vouchers/rollback": Case(
        "/v1/vouchers/rollback", {"code": "SESAME", "external_id": "r0"}, 200, 404
    ),
    "POST /v1/vouchers/<str:voucher_id>/void": Case("/v1/vouchers/{voucher}/void", {}, 200, 404),
    "POST /v1/redemptions": Case("/v1/redemptions", {"member": CARD, "reward": "coffee"}, 201, 404),
}
OPERATIONS = sorted(TABLE)
CREDENTIALS = {"api_key": PartnerClient.of, "token": PartnerClient.of_oauth}
ENOUGH = {f"{method} {route}": enough for method, route, enough in checks.operations()}


@pytest.fixture
def call(ada: Member, shop: Shop, points: Any) -> Callable[[str, Client], Any]:
    """Call an operation with that client; there are a sale, two holds, a voucher and a reward."""
    RewardFactory.create(program=shop.program, key="coffee", wallet_type=points, price=500)
    sale = shop.sells("receipt-1", "1000.00")
    today_sale = shop.sale("receipt-0", "1.00", member=NOBODY, occurred_at=timezone.now())
    claiming.keep(today_sale, program=shop.program, source="till", at=timezone.now())
    reasons.set_up_usual(shop.program)
    Segment.objects.create(program=shop.program, key="vip", name="VIP", kind="list")
    IdentifierFactory.create(member__program=shop.program, value="3003")
    WalletType.objects.update(transfers_to="anyone")
    today = replace(shop, at=timezone.now())
    held = today.holds(100)
    checkout = today.checks_out("5.00")
    RewardFactory.create(program=shop.program, key="tea", wallet_type=points, price=10)
    reserved = today.reserves("tea")
    voucher = today.redeems("tea").voucher_code
    Voucher.objects.filter(code=voucher).update(code="SESAME", uses_allowed=2)
    inviting.invite(MemberReference("card", "1001"), program=shop.program, at=today.at)
    ReferralCode.objects.update(code="SESAMEXY")
    friend = MemberFactory.create(program=shop.program)
    referral = Referral.objects.create(
        program=shop.program, member=ada, friend=friend, registered_at=friend.enrolled_at
    )
    used = vouchers.use("SESAME", external_id="r0", program=shop.program, source="till-2", at=today.at)

    def run(operation: str, client: Client) -> Any:
        case = TABLE[operation]
        address = case.address.format(
            sale=sale.id,
            hold=held.hold.id,
            redemption=reserved.pk,
            voucher=used.voucher_id,
            checkout=checkout.pk,
            referral=referral.pk,
        )
        method = operation.partition(" ")[0]
        if method != "POST":
            headers = {"If-Match": "*"} if method in ("PATCH", "PUT") else {}
            return client.generic(method, address, json.dumps(case.body), "application/json", headers=headers)
        if isinstance(client, PartnerClient):
            return client.post(address, case.body)
        return client.post(address, case.body, "application/json", headers={"Idempotency-Key": "k"})

    return run


@pytest.fixture
def refused(call: Callable[[str, Client], Any]) -> Callable[[str, Client], Any]:
    """Call an operation and see that nothing has changed by it."""

    def run(operation: str, client: Client) -> Any:
        before = [model._default_manager.count() for model in EFFECTS]
        response = call(operation, client)
        assert [model._default_manager.count() for model in EFFECTS] == before
        assert response.headers["Content-Type"] == "application/problem+json"
        return response

    return run


def test_every_operation_is_in_the_table():
    assert set(TABLE) == set(ENOUGH)


@pytest.mark.parametrize("operation", OPERATIONS)
class TestOperation:
    @pytest.mark.parametrize("credential", CREDENTIALS)
    def test_answers_the_right_credential(self, operation, credential, call, program):
        scope = ENOUGH[operation][0]
        partner = PartnerFactory.create(program=program, key="till-2")
        client = CREDENTIALS[credential](partner, scopes=[] if scope == ANY_SCOPE else [scope])

        assert call(operation, client).status_code == TABLE[operation].right

    @pytest.mark.parametrize("credential", CREDENTIALS)
    def test_refuses_a_credential_that_lacks_its_scope(self, operation, credential, call, program):
        enough = ENOUGH[operation]
        partner = PartnerFactory.create(program=program, key="till-2")
        client = CREDENTIALS[credential](partner, scopes=set(SCOPES) - set(enough))

        response = call(operation, client)

        assert response.status_code == (TABLE[operation].right if enough == (ANY_SCOPE,) else 403)
        assert enough == (ANY_SCOPE,) or response.json()["scope"] == enough[0]

    def test_answers_every_scope_that_is_enough(self, operation, call, program):
        partner = PartnerFactory.create(program=program, key="till-2")
        for scope in ENOUGH[operation][1:]:
            client = PartnerClient.of(partner, scopes=[scope])

            assert call(operation, client).status_code == TABLE[operation].right

    def test_shows_another_programs_key_nothing(self, operation, call, outsider):
        entries = Entry.objects.count()

        response = call(operation, outsider)

        assert response.status_code == TABLE[operation].outsider
        assert b"Lovelace" not in response.content
        assert Entry.objects.count() == entries

    def test_refuses_whoever_has_no_key(self, operation, refused):
        assert refused(operation, Client()).status_code == 401

    @pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer rk_live_", "Basic dGlsbDp0aWxs", "Bearer"])
    def test_refuses_what_is_no_key(self, operation, refused, header):
        assert refused(operation, Client(headers={"Authorization": header})).status_code == 401

    def test_refuses_a_revoked_key(self, operation, refused, till):
        credentials.revoke(till.credential, by=None, at=timezone.now())

        assert refused(operation, till).status_code == 401

    def test_refuses_a_token_of_a_revoked_client(self, operation, refused, program):
        app = PartnerClient.of_oauth(PartnerFactory.create(program=program, key="app"), scopes=SCOPES)
        credentials.revoke(app.credential, by=None, at=timezone.now())

        assert refused(operation, app).status_code == 401

    def test_refuses_an_expired_token(self, operation, refused, program):
        app = PartnerClient.of_oauth(PartnerFactory.create(program=program, key="app"), scopes=SCOPES)
        AccessToken.objects.update(
            created_at=F("created_at") - timedelta(hours=1), expires_at=F("expires_at") - timedelta(hours=1)
        )

        assert refused(operation, app).status_code == 401

    def test_refuses_an_expired_key(self, operation, refused, till):
        long_ago = timezone.now() - timedelta(days=2)
        Credential.objects.filter(pk=till.credential.pk).update(
            created_at=long_ago, expires_at=long_ago + timedelta(days=1)
        )

        assert refused(operation, till).status_code == 401

    def test_refuses_a_partner_that_is_switched_off(self, operation, refused, till):
        till.credential.partner.is_active = False
        till.credential.partner.save()

        assert refused(operation, till).status_code == 401

    def test_refuses_a_member_of_staff_with_a_session(self, operation, refused, client, django_user_model):
        client.force_login(django_user_model.objects.create_superuser("root@example.org", "pass-word-1234"))

        assert refused(operation, client).status_code == 401


@pytest.mark.parametrize("operation", [name for name in OPERATIONS if TABLE[name].body is not None])
class TestBody:
    def test_sets_nothing_that_is_not_the_callers_to_say(self, operation, refused, till, monkeypatch):
        case = TABLE[operation]
        for field in PROTECTED_FIELDS:
            assert field not in (case.body or {}), "protected fields are in no body"
            monkeypatch.setitem(TABLE, operation, case._replace(body={**(case.body or {}), field: "1"}))

            response = refused(operation, till)

            assert response.status_code == 422, field
            assert response.json()["errors"][0]["pointer"] == f"#/{field}"
