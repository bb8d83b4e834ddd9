"""The calls of docs/partners/till-integration.md run as they stand there."""

import os
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from members.models import Wallet
from rewards.models import Activity
from rewards.planning import campaigns
from tests import factories
from tests.clients import PartnerClient

GUIDE = Path(__file__).parents[3] / "docs" / "partners" / "till-integration.md"
SCOPES = ["members:read", "transactions:read", "transactions:write"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="needs curl and bash"),
]


@pytest.mark.django_db(transaction=True)
def test_each_call_of_the_guide_succeeds(live_server: Any):
    program = factories.ProgramFactory.create(currency="USD")
    factories.WalletTypeFactory.create(program=program)
    member = factories.MemberFactory.create(program=program)
    factories.IdentifierFactory.create(member=member, value="17")
    campaigns.publish(
        factories.CampaignFactory.create(program=program, key="base"),
        definition=factories.definition({"kind": "points_per_unit", "points": "1", "per": "1.00"}),
        by=None,
        at=timezone.now(),
        effective_at=timezone.now() - timedelta(hours=1),
    )
    till = PartnerClient.of(factories.PartnerFactory.create(program=program), scopes=SCOPES)
    blocks = re.findall(r"```bash\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    script = 'set -eo pipefail\ncurl() { command curl --fail-with-body "$@"; }\n' + "\n".join(blocks)

    ran = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "URL": live_server.url, "KEY": till.key},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    assert '"code": "unknown_member"' in ran.stdout
    # 46, of which 20 came back; 12 claimed; 5 sold and returned; the mistake is gone.
    assert Wallet.objects.get(member=member).available == 38
    assert Activity.objects.filter(kind="undone").count() == 2
