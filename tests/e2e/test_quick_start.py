"""The quick start: its commands, run one after the other as a reader would."""

import json
import os
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from integrations import credentials
from integrations.models import CredentialKind
from loyalty.core.api.auth import SCOPES
from members.ledger import verify
from members.models import Identifier, Wallet
from rewards.models import Redemption
from rewards.planning import campaigns
from tests import factories, guides
from tests.clients import PartnerClient
from tests.servers import database_url, running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="needs curl and bash"),
]


@pytest.fixture
def partner():
    """A partner of a program like the demo: a point for each dollar, a coffee for 150."""
    program = factories.ProgramFactory.create(
        key="corner-market", name="Corner Market Rewards", currency="USD", time_zone="America/New_York"
    )
    points = factories.WalletTypeFactory.create(program=program, expiry_rule="days", expires_after=7)
    ladder = factories.TierLadderFactory.create(
        program=program, wallet_type=points, key="status", name="Status"
    )
    for tier, threshold in (("basic", 0), ("silver", 500)):
        factories.TierFactory.create(ladder=ladder, key=tier, name=tier.title(), threshold=threshold)
    factories.RewardFactory.create(
        program=program, wallet_type=points, key="coffee", name="Coffee on the house", price=150
    )
    campaigns.publish(
        factories.CampaignFactory.create(
            program=program, key="dollar-points", name="A point for every dollar"
        ),
        definition=factories.definition({"kind": "points_per_unit", "points": "1", "per": "1.00"}),
        by=None,
        at=timezone.now(),
        effective_at=timezone.now() - timedelta(hours=1),
    )
    return factories.PartnerFactory.create(program=program, key="tools", name="Everything, for trying out")


@pytest.mark.parametrize("kind", ["key", "client"])
def test_runs_as_it_is_written(partner, tmp_path: Path, kind):
    client = PartnerClient.of(partner, scopes=SCOPES)
    guide = guides.read("quick-start")
    named = {} if kind == "key" else client_of(partner)

    with running(database_url()) as server:
        keys = [{"name": "everything", "key": "none" if named else client.key}]
        (tmp_path / "var").mkdir()
        (tmp_path / "var" / "demo.json").write_text(json.dumps({"address": server.url, "api_keys": keys}))
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", guide.script],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], **named},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"/v1/docs/problems/(\w+)", done.stdout) == ["invalid_input"]
    assert len(guide.answers) == 9
    assert guide.differences(done.stdout) == []
    member = Identifier.objects.get(value__startswith="quick-").member
    assert Wallet.objects.get(member=member).available == 180
    assert Redemption.objects.get(member=member).status == "returned"
    assert list(verify.run()) == []


def client_of(partner) -> dict[str, str]:
    """An OAuth client of theirs, as the variables that the guide asks for."""
    credential, secret = credentials.issue(
        partner=partner, name="Quick start", scopes=SCOPES, by=None, kind=CredentialKind.OAUTH_CLIENT
    )
    return {"CLIENT_ID": credential.client_id, "CLIENT_SECRET": secret}
