"""The guides for apps and CRMs: their commands, run one after the other as a reader would."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from django.utils import timezone
from msgspec.structs import replace as replace_struct

from integrations import credentials
from integrations.demo import setting
from integrations.demo.partners import LIVE
from integrations.models import CredentialKind
from loyalty.core.api.auth import SCOPES
from loyalty.core.api.guides import FOLDER
from loyalty.core.models import Program
from members.ledger import verify
from members.models import Identifier, Member, WalletType
from members.references import MemberReference
from rewards.journeys import earning
from rewards.models import Redemption
from tests import factories
from tests.cast import Shop, euros
from tests.clients import PartnerClient

CARD_17 = MemberReference(kind="card", value="17")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="needs curl and bash"),
]


@pytest.fixture
def demo(tmp_path: Path, shop: Shop, ada: Member, base_rule, live_server) -> Path:
    """A folder in which a demo seems to run: its app, with its scopes, and card 17 with a purchase."""
    Program.objects.filter(pk=shop.program.pk).update(currency="USD")
    Identifier.objects.filter(member=ada).update(value="17")
    factories.RewardFactory.create(
        program=shop.program, key="coffee", wallet_type=WalletType.objects.get(), price=150
    )
    shop.program.refresh_from_db()
    today = replace(shop, at=timezone.now())
    sale = replace_struct(today.sale("receipt-1", "1.00"), member=CARD_17, amount=euros("1000.00", "USD"))
    earning.record(sale, **today._where())
    partner = factories.PartnerFactory.create(program=shop.program, key="web-shop")
    scopes, for_crm = [system.scopes for system in LIVE if system.key_name in ("app", "crm")]
    client, secret = credentials.issue(
        partner=partner, name="app", scopes=scopes, by=None, kind=CredentialKind.OAUTH_CLIENT
    )
    keys = [
        {"name": "app", "client_id": client.client_id, "key": secret},
        {"name": "crm", "key": PartnerClient.of(partner, scopes=for_crm).key},
        {"name": "everything", "key": PartnerClient.of(partner, scopes=SCOPES).key},
    ]
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "demo.json").write_text(json.dumps({"address": live_server.url, "api_keys": keys}))
    return tmp_path


def run(guide: str, *, within: Path) -> str:
    script = "\n".join(re.findall(r"```bash\n(.*?)```", (FOLDER / guide).read_text(), re.DOTALL))
    done = subprocess.run(
        ["bash", "-eu", "-c", script],
        cwd=within, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "/v1/docs/problems/" not in done.stdout
    return done.stdout


def test_that_of_an_app_runs_as_it_is_written(demo: Path):
    told = run("app-guide.md", within=demo)

    codes = Redemption.objects.order_by("pk").values_list("voucher__code", flat=True)
    assert len(codes) == 2
    assert all(told.count(code) == 2 for code in codes), "where it was redeemed, and in the wallet"
    assert "('A point for each euro', 1000, ['gave 1,000 points: " in told
    assert "'waiting')" in told
    assert list(verify.run()) == []


def test_that_of_graphql_runs_as_it_is_written(demo: Path):
    told = run("graphql.md", within=demo)

    assert '"errors"' not in told
    assert told.count('"available": 1000') == 2
    assert '"description": "Purchase: A point for each euro"' in told


def test_that_of_a_crm_runs_as_it_is_written(demo: Path, shop: Shop):
    setting.prepare_for_crm(shop.program)

    told = run("crm.md", within=demo).splitlines()

    assert told[1] == "1 members"
    assert told[3:8] == [
        "['tea']",
        "412 It was changed meanwhile",
        "newsletter True",
        "{'newsletter': True}",
        "[200, 404]",
    ]
    assert told[8:10] == ["list 1", "True"]
    assert "('review.posted', ['stars'])" in told[10]
    assert told[11].startswith("[(201, None), (422, [{")
    assert "'pointer': '#/items/1/attributes/stars'" in told[11]
    assert told[12:14] == ["[]", "[]"] or told[13] == "[]"
    assert told[14:] == ["active", "True", "erased []"]
    assert Member.objects.get(status="active").attributes["churn_risk"] == 7
