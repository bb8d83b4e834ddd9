"""The quick start: its commands, run one after the other as a reader would."""

import json
import os
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from django.utils import timezone

from integrations import credentials
from integrations.models import CredentialKind
from loyalty.core.api.auth import SCOPES
from loyalty.core.api.guides import FOLDER
from members.ledger import verify
from members.models import Identifier, Wallet
from rewards.models import Redemption
from rewards.planning import campaigns
from tests import factories
from tests.clients import PartnerClient
from tests.servers import database_url, running

BLOCK: Final = re.compile(r"```(bash|json answer)\n(.*?)```", re.DOTALL)
BETWEEN: Final = "=== next block ==="
NEW: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[0-9:.]+Z|(?<=quick-)\d+|(?<=http://127.0.0.1:)\d+"
)

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
    blocks = BLOCK.findall((FOLDER / "quick-start.md").read_text())
    script = f"\necho '{BETWEEN}'\n".join(told for kind, told in blocks if kind == "bash")
    named = {} if kind == "key" else client_of(partner)

    with running(database_url()) as server:
        keys = [{"name": "everything", "key": "none" if named else client.key}]
        (tmp_path / "var").mkdir()
        (tmp_path / "var" / "demo.json").write_text(json.dumps({"address": server.url, "api_keys": keys}))
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", script],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], **named},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"/v1/docs/problems/(\w+)", done.stdout) == ["invalid_input"]
    shown = {
        len([1 for kind, _told in blocks[:number] if kind == "bash"]) - 1: told
        for number, (kind, told) in enumerate(blocks)
        if kind == "json answer"
    }
    answers = done.stdout.split(BETWEEN)
    assert len(shown) == 9
    for number, told in shown.items():
        assert like(values(answers[number])) == like(values(told))
    member = Identifier.objects.get(value__startswith="quick-").member
    assert Wallet.objects.get(member=member).available == 180
    assert Redemption.objects.get(member=member).status == "returned"
    assert list(verify.run()) == []


def values(text: str) -> list[Any]:
    """The JSON values of a text, one after the other."""
    decoder, found, rest = json.JSONDecoder(), [], text.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        found.append(value)
        rest = rest[end:].strip()
    return found


def like(value: Any) -> Any:
    """The same with what is new in each run made alike: ids, moments, numbers of cards, codes, addresses."""
    match value:
        case dict():
            return {
                name: "a code" if name == "code" and not inner.islower() else like(inner)
                for name, inner in value.items()
            }
        case list():
            return [like(inner) for inner in value]
        case str():
            return NEW.sub("…", value)
    return value


def client_of(partner) -> dict[str, str]:
    """An OAuth client of theirs, as the variables that the guide asks for."""
    credential, secret = credentials.issue(
        partner=partner, name="Quick start", scopes=SCOPES, by=None, kind=CredentialKind.OAUTH_CLIENT
    )
    return {"CLIENT_ID": credential.client_id, "CLIENT_SECRET": secret}
