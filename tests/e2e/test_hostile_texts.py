"""
What a partner sends is text, on every page: no markup of theirs is ever part of one.

Each text that the API takes is sent with markup in it; then staff of each role follow the links of the
admin, some pages of each kind. A handler that ran would open a dialog; one that only the security policy
has stopped would be told on the console, which the visitor takes for a fault.
"""

import os
from collections import Counter, deque
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from django.urls import Resolver404, resolve
from django.utils import timezone

from integrations import calls
from loyalty.core.api.auth import SCOPES
from loyalty.core.models import Program, Role
from members import reasons
from members.models import AttributeType, EventType, Member, Segment, WalletType
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient
from tests.e2e.conftest import Visitor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.slow]

EVIL: Final = "\"'><img src=x onerror=alert(1)>{{7*7}}</script>"
SHORT: Final = '"><img src=x onerror=alert()>'
ROLES: Final = tuple(Role) if "REGULARS_PAGES_OF_EACH_KIND" in os.environ else (Role.ADMINISTRATOR,)
OF_EACH_KIND: Final = int(os.environ.get("REGULARS_PAGES_OF_EACH_KIND", "1"))
_NOT_FOLLOWED: Final = ("logout", "delete", "/static/", "csv", "download", "/v1/", "/i18n/", "/export")


class Partner:
    """Sends markup wherever the API takes a text, and expects each call to be taken."""

    def __init__(self, client: PartnerClient) -> None:
        self.client = client
        self.made = 0

    def sends(self, path: str, body: dict[str, Any], *, status: int = 201) -> Any:
        headers = {"x_request_id": SHORT, "user_agent": EVIL, "idempotency_key": f"{SHORT}{self.made}"}
        self.made += 1
        answer = self.client.post(path, body, **headers)
        assert answer.status_code == status, answer.content
        return answer.json()

    def named(self) -> str:
        """A text of its own for what must not come twice."""
        self.made += 1
        return f"{SHORT}{self.made}"

    def basket(self) -> dict[str, Any]:
        line: dict[str, Any] = {"id": SHORT[:20], "sku": EVIL[:60], "name": EVIL, "quantity": "1"}
        line |= {"amount": {"amount": "50.00", "currency": "EUR"}, "category": EVIL[:60], "brand": EVIL[:60]}
        return {"store": EVIL[:60], "lines": [line | {"department": EVIL[:60]}]}

    def sells(self, member: dict[str, str] | None, *, occurred_at: datetime) -> Any:
        sale: dict[str, Any] = {
            "kind": "sale",
            "external_id": self.named(),
            "occurred_at": occurred_at.isoformat(),
        }
        sale |= self.basket() | {"amount": {"amount": "50.00", "currency": "EUR"}}
        sale |= {"member": member} if member else {}
        return self.sends("/v1/transactions", sale, status=201 if member else 202)


@pytest.fixture
def partner(staffed: Program, points: WalletType, shop: Shop, ladder: Any, base_rule: Any) -> Partner:
    reasons.set_up_usual(staffed)
    EventType.objects.create(program=staffed, name="app.login", label="Login")
    AttributeType.objects.create(program=staffed, name="shop", label="Shop")
    Segment.objects.create(program=staffed, key="vip", name="VIP", kind="list")
    points.checkout_points, points.checkout_amount, points.transfers_to = 100, 1, "anyone"
    points.save()
    for key, has_voucher in [("coffee", True), ("mug", False)]:
        factories.RewardFactory.create(
            program=staffed, wallet_type=points, key=key, price=5, has_voucher=has_voucher
        )
    till = factories.PartnerFactory.create(program=staffed, key="till")
    return Partner(PartnerClient.of(till, scopes=SCOPES))


def everything_is_said(partner: Partner) -> None:
    """Members first, then what hangs on them."""
    now = timezone.now().astimezone(UTC)
    eve = {"kind": "external", "value": SHORT}
    bob = {"kind": "external", "value": f"{SHORT}b"}
    for who in (eve, bob):
        names = {"first_name": EVIL, "last_name": EVIL, "attributes": {"shop": EVIL}}
        partner.sends("/v1/members", {"identifiers": [who], **names})
    eves, bobs = (str(member.pk) for member in Member.objects.order_by("pk"))
    consent = {"purpose": "newsletter", "granted": True, "text_version": SHORT, "source": SHORT}
    partner.sends(f"/v1/members/{eves}/consents", consent | {"evidence": {"form": EVIL}})
    _shops(partner, eve, now)
    _redeems(partner, eve)
    login = {"kind": "event", "external_id": partner.named(), "occurred_at": now.isoformat()}
    partner.sends("/v1/events", login | {"type": "app.login", "member": eve})
    code = {"external_id": partner.named(), "occurred_at": now.isoformat(), "code": EVIL}
    partner.sends(f"/v1/members/{eves}/codes", code)
    moved = {"member": eve, "wallet_type": "points", "points": 9}
    partner.sends("/v1/points/adjustments", moved | {"reason": "goodwill", "note": EVIL})
    partner.sends("/v1/points/spend", moved | {"points": 1, "sale_external_id": partner.named()})
    partner.sends("/v1/points/holds", moved | {"lives_for_seconds": 900})
    partner.sends(
        "/v1/points/transfers", {"sender": eve, "recipient": bob, "wallet_type": "points", "points": 5}
    )
    partner.sends("/v1/segments/vip/members", {"items": [eve]}, status=207)
    partner.sends(f"/v1/members/{bobs}/block", {"reason": "lost_card", "note": EVIL}, status=200)


def _shops(partner: Partner, eve: dict[str, str], now: datetime) -> None:
    sale = partner.sells(eve, occurred_at=now)
    partner.sells(None, occurred_at=now)
    returned = {"external_id": partner.named(), "occurred_at": now.isoformat()}
    partner.sends(
        f"/v1/transactions/{sale['id']}/returns", returned | {"lines": [{"id": SHORT[:20], "quantity": "1"}]}
    )
    early: dict[str, Any] = {"kind": "return", "external_id": partner.named(), "occurred_at": now.isoformat()}
    early |= {"sale_external_id": partner.named(), "amount": {"amount": "1.00", "currency": "EUR"}}
    partner.sends("/v1/transactions", early, status=202)
    cancelled = partner.sells(eve, occurred_at=now)
    partner.sends(f"/v1/transactions/{cancelled['id']}/cancel", {"reason": EVIL}, status=200)
    for _ in range(3):
        partner.sells(eve, occurred_at=now)
    basket = partner.basket()
    checkout = partner.sends("/v1/checkouts", {"member": eve, **basket, "rewards": []})
    paid = {"external_id": partner.named(), "payments": [{"method": SHORT, "amount": checkout["total"]}]}
    partner.sends(f"/v1/checkouts/{checkout['id']}/confirm", paid, status=200)


def _redeems(partner: Partner, eve: dict[str, str]) -> None:
    bought = partner.sends("/v1/redemptions", {"member": eve, "reward": "coffee"})
    used = {"code": bought["voucher_code"], "external_id": partner.named()}
    partner.sends("/v1/vouchers/use", used | {"amount": {"amount": "2.80", "currency": "EUR"}})
    mug = partner.sends("/v1/redemptions", {"member": eve, "reward": "mug"})
    partner.sends(f"/v1/redemptions/{mug['id']}/fulfil", {"tracking": SHORT}, status=200)
    partner.sends(f"/v1/redemptions/{mug['id']}/return", {"reason": EVIL}, status=200)
    other = partner.sends("/v1/redemptions", {"member": eve, "reward": "mug"})
    partner.sends(f"/v1/redemptions/{other['id']}/cancel", {"reason": EVIL}, status=200)


@pytest.mark.parametrize("role", ROLES)
def test_what_partners_send_stays_text(partner: Partner, visitors: Any, role: Role) -> None:
    everything_is_said(partner)
    calls.log.flush()
    visitor = visitors(role)
    visitor.page.on("dialog", lambda dialog: visitor._note(f"a script ran: {dialog.message}"))
    visitor.logs_in(f"{role}@example.org")

    seen = follow(visitor, start="/", of_each_kind=OF_EACH_KIND)

    # A link to what the role may not open is no matter of this test.
    assert [told for told in visitor.complaints if "403 (Forbidden)" not in told] == []
    assert sum(seen.values()) > 10, seen


def follow(visitor: Visitor, *, start: str, of_each_kind: int) -> Counter[str]:
    """Go wherever links lead, to some pages of each kind; what was seen, by the names of the views."""
    seen: Counter[str] = Counter()
    known, waiting = {start}, deque([start])
    while waiting:
        path = waiting.popleft()
        if seen[name := _name(path)] >= of_each_kind or not name:
            continue
        seen[name] += 1
        visitor.page.goto(visitor.address + path)
        visitor.page.wait_for_load_state("load")
        assert visitor.page.locator("img[src=x]").count() == 0, path
        for link in visitor.page.eval_on_selector_all("a[href]", "all => all.map(one => one.href)"):
            found = urlsplit(link)
            target = found.path + (f"?{found.query}" if found.query else "")
            if visitor.address.endswith(found.netloc) and target not in known:
                known.add(target)
                waiting.append(target)
    return seen


def _name(path: str) -> str:
    if any(part in path for part in _NOT_FOLLOWED):
        return ""
    try:
        return resolve(path.partition("?")[0]).view_name
    except Resolver404:
        return ""
