"""The calls of docs/partners/till-integration.md run as they stand there, and its table holds all codes."""

import os
import re
import shutil
import subprocess
from datetime import timedelta
from itertools import chain
from typing import Any, Final

import pytest
from django.utils import timezone

from loyalty.core.api import operation_pages, problem
from loyalty.core.api.guides import FOLDER
from members.models import Wallet
from rewards.models import Activity, VoucherUse
from rewards.planning import campaigns
from tests import factories, guides
from tests.clients import PartnerClient

SCOPES: Final = [
    "members:read",
    "redemptions:write",
    "transactions:read",
    "transactions:write",
    "vouchers:use",
]
OPERATIONS: Final = {
    "GET /v1/members/{reference}/status",
    "GET /v1/transactions",
    "GET /v1/transactions/{transaction_id}",
    "POST /v1/redemptions/hold",
    "POST /v1/redemptions/{redemption_id}/cancel",
    "POST /v1/redemptions/{redemption_id}/confirm",
    "POST /v1/transactions",
    "POST /v1/transactions/batch",
    "POST /v1/transactions/claim",
    "POST /v1/transactions/preview",
    "POST /v1/transactions/{transaction_id}/cancel",
    "POST /v1/transactions/{transaction_id}/correct",
    "POST /v1/transactions/{transaction_id}/returns",
    "POST /v1/vouchers/check",
    "POST /v1/vouchers/rollback",
    "POST /v1/vouchers/use",
}
"""What the guide tells a till to call."""
RETRY: Final = {429, 500, 503}
STOP: Final = {401, 403}


@pytest.fixture
def member():
    """Of a program like the demo: a point for each dollar, 50 for $75, a coffee for 150."""
    program = factories.ProgramFactory.create(currency="USD")
    points = factories.WalletTypeFactory.create(
        program=program, key="points", name="Points", expiry_rule="days", expires_after=7
    )
    factories.RewardFactory.create(
        program=program, wallet_type=points, key="coffee", name="Coffee on the house", price=150
    )
    member = factories.MemberFactory.create(program=program, first_name="Mia")
    factories.IdentifierFactory.create(member=member, value="17")
    publish(program, "dollar-points", "A point for every dollar", dollar_points())
    publish(program, "big-basket", "50 points for a big basket", big_basket())
    return member


def publish(program: Any, key: str, name: str, definition: dict[str, Any]) -> None:
    campaigns.publish(
        factories.CampaignFactory.create(program=program, key=key, name=name),
        definition=definition,
        by=None,
        at=timezone.now(),
        effective_at=timezone.now() - timedelta(hours=1),
    )


def dollar_points() -> dict[str, Any]:
    return factories.definition({"kind": "points_per_unit", "points": "1", "per": "1.00"})


def big_basket() -> dict[str, Any]:
    amount = {"fact": "sale.amount", "operator": "gte", "value": "75.00"}
    return factories.definition({"kind": "fixed_points", "points": 50}, conditions={"all": [amount]})


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="needs curl and bash")
@pytest.mark.django_db(transaction=True)
def test_each_call_succeeds_with_the_answer_that_is_shown(live_server: Any, member):
    till = PartnerClient.of(factories.PartnerFactory.create(program=member.program), scopes=SCOPES)
    sold = till.post(
        "/v1/transactions",
        {
            "kind": "sale",
            "external_id": "before",
            "occurred_at": timezone.now().isoformat(),
            "member": {"kind": "card", "value": "17"},
            "amount": {"amount": "550.00", "currency": "USD"},
        },
    )
    guide = guides.read("till-integration")
    script = 'set -eo pipefail\ncurl() { command curl --fail-with-body "$@"; }\n' + guide.script

    ran = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "URL": live_server.url, "KEY": till.key},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert sold.json()["points"] == 600
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    assert len(guide.answers) == 10
    assert guide.differences(ran.stdout) == []
    # 600, and 46, of which 20 came back; 12 claimed; 5 sold and returned; the mistake is gone; a coffee.
    assert Wallet.objects.get(member=member).available == 600 + 46 - 20 + 12 - 150
    assert Activity.objects.filter(kind="undone").count() == 2
    assert VoucherUse.objects.count() == 1


class TestCodes:
    def test_are_told_once_each_and_none_that_a_till_never_meets(self):
        every = chain.from_iterable(operation_pages.topics().values())
        called = [one for one in every if f"{one.method} {one.path}" in OPERATIONS]

        told = [code for codes, _status, _till in rows() for code in codes]

        assert len(called) == len(OPERATIONS)
        assert sorted(told) == sorted({code for one in called for code in one.problems})

    def test_are_told_with_their_status(self):
        known = {kind.code: kind.status for kind in problem.known()}

        told = {code: status for codes, status, _till in rows() for code in codes}

        assert told == {code: known[code] for code in told}

    def test_are_told_with_what_their_status_asks_for(self):
        """The short table goes by the status alone: both have to say the same."""
        for codes, status, till in rows():
            later = status in RETRY or codes == ["request_in_progress"]
            expected = {"retry"} if later else {"stop"} if status in STOP else {"ask", "drop"}
            assert till in expected, codes


def rows() -> list[tuple[list[str], int, str]]:
    """Codes, status, and what a till does."""
    text = (FOLDER / "till-integration.md").read_text()
    found = re.findall(r"^\| (`[^|]*) \| (\d{3}) \| (\w+) \|", text, re.MULTILINE)
    return [(re.findall(r"`(\w+)`", codes), int(status), till) for codes, status, till in found]
