"""
The live server against its own schema: schemathesis makes up calls, right and wrong ones and chains of them.

It finds a 500, an answer that is not described, a wrong call that is accepted, one that is right and refused,
a header that is said to be needed and is not. REGULARS_EXAMPLES says how many calls an operation gets in each
phase, for whoever has more time.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client

from loyalty.core.api.auth import SCOPES
from loyalty.core.models import Program, ProgramKind
from members.ledger import verify
from members.models import Member
from rewards.models import Voucher
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient
from tests.servers import database_url, running
from tests.truth import story

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

EXAMPLES = os.environ.get("REGULARS_EXAMPLES")
CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture
def key(shop: Shop, ada: Member) -> str:
    """Of a partner who may do everything in a sandbox where all is as the examples tell it."""
    Program.objects.update(kind=ProgramKind.SANDBOX, key="coffee-sandbox")
    shop.program.refresh_from_db()
    story.tell(shop)
    shop.redeems("free-coffee")
    Voucher.objects.update(code="7KQ4WZ9P2MXT")
    partner = factories.PartnerFactory.create(program=Program.objects.get(), key="till")
    return PartnerClient.of(partner, scopes=SCOPES).key


def for_python(schema: str) -> str:
    """It makes texts up by Python's expressions, to which `$` is also before a last line feed."""
    return re.sub(r'("pattern": ?"[^"]*\$)"', r'\1(?!\\\\n)"', schema)


def test_the_server_does_what_its_schema_says(ada, shop, key, tmp_path):
    schema = tmp_path / "openapi.json"
    schema.write_text(for_python(Client().get("/v1/openapi.json").text))
    command = [Path(sys.executable).with_name("st"), "--config-file", CONFIG, "run", schema, "--no-color"]
    command += ["--seed", "1", "--no-shrink", "--continue-on-failure"]
    command += ["--max-examples", EXAMPLES] if EXAMPLES else []

    with running(database_url(), API_CALLS_PER_MINUTE="1000000", API_CALLS_PER_HOUR="1000000") as server:
        command += ["--url", server.url, "--header", f"Authorization: Bearer {key}"]
        found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    assert found.returncode == 0, found.stdout[-20_000:]
    assert list(verify.run()) == []
