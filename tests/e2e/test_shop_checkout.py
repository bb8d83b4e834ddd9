"""The guide for shops: its examples, run one after the other as a reader would."""

import json
import shutil
import subprocess
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import timezone
from msgspec.structs import replace as replace_struct

from loyalty.core.api.auth import SCOPES
from loyalty.core.models import Program
from members.ledger import verify
from members.models import Identifier, Member, WalletType
from members.references import MemberReference
from rewards.journeys import earning
from rewards.models import Activity, Checkout
from tests import factories, guides
from tests.cast import Shop, euros
from tests.clients import PartnerClient

CARD_20 = MemberReference(kind="card", value="20")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(shutil.which("curl") is None, reason="the examples need curl"),
]


@pytest.fixture
def demo(tmp_path: Path, shop: Shop, ada: Member, live_server) -> Path:
    """A folder in which a demo seems to run: card 20 has 1,000 points, 100 of which pay a dollar."""
    Program.objects.filter(pk=shop.program.pk).update(currency="USD")
    Identifier.objects.filter(member=ada).update(value="20")
    WalletType.objects.update(checkout_points=100, checkout_amount=Decimal("1.00"))
    factories.RewardFactory.create(
        program=shop.program,
        key="five-off",
        wallet_type=WalletType.objects.get(),
        discount_kind="amount",
        discount_amount=Decimal(5),
    )
    shop.program.refresh_from_db()
    today = replace(shop, at=timezone.now())
    sale = replace_struct(today.sale("receipt-1", "1.00"), member=CARD_20, amount=euros("1000.00", "USD"))
    earning.record(sale, **today._where())
    key = PartnerClient.of(
        factories.PartnerFactory.create(program=shop.program, key="shop"), scopes=SCOPES
    ).key
    keys = [{"name": "everything", "key": key}]
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "demo.json").write_text(json.dumps({"address": live_server.url, "api_keys": keys}))
    return tmp_path


def test_runs_as_it_is_written(demo: Path):
    guide = guides.read("shop-checkout")

    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", guide.script],
        cwd=demo, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert len(guide.answers) == 7
    assert guide.differences(done.stdout) == []
    assert f'"transaction_id": "{Activity.objects.get(kind="sale", amount="8.40").pk}"' in done.stdout
    assert sorted(Checkout.objects.values_list("status", flat=True)) == ["abandoned", *["confirmed"] * 2]
    assert Activity.objects.filter(kind="sale").count() == 2
    assert Activity.objects.filter(kind="undone").count() == 1
    assert list(verify.run()) == []
