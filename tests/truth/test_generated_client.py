"""
A till that is written with a client that a generator made of the schema alone.

The generator gives up at a schema that it does not understand, and warns of what it leaves out: neither
happens.
"""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from loyalty.core.api.auth import SCOPES
from loyalty.core.models import Program, ProgramKind
from members.ledger import verify
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient
from tests.servers import Server, database_url, running

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

NAME = "generated_client"
OPERATIONS = {
    "register": "members.register_member",
    "preview": "transactions.preview_transaction",
    "sell": "transactions.record_transaction",
    "status": "members.read_member_status",
    "redeem": "rewards.redeem_reward",
    "give_back": "transactions.return_transaction",
}
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def server(shop: Shop) -> Iterator[Server]:
    factories.RewardFactory.create(
        program=shop.program, key="coffee", wallet_type=shop.program.wallet_types.get(), price=20
    )
    Program.objects.update(kind=ProgramKind.SANDBOX)
    with running(database_url()) as server:
        yield server


def generate(schema: Path, folder: Path) -> None:
    command: list[str | Path] = [
        Path(sys.executable).with_name("openapi-python-client"),
        "generate",
        "--path",
        schema,
    ]
    command += ["--meta", "none", "--output-path", folder / NAME, "--fail-on-warning"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def generated(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The client's operations by short names, its bodies as `models`, and itself as `client`."""
    schema = tmp_path / "openapi.json"
    schema.write_bytes(httpx.get(f"{server.url}/v1/openapi.json", timeout=60).content)
    generate(schema, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    operations = {short: importlib.import_module(f"{NAME}.api.{name}") for short, name in OPERATIONS.items()}
    partner = factories.PartnerFactory.create(program=Program.objects.get(), key="till")
    key = PartnerClient.of(partner, scopes=SCOPES).key
    client = importlib.import_module(NAME).AuthenticatedClient(server.url, key)
    with client:
        yield SimpleNamespace(**operations, client=client, models=importlib.import_module(f"{NAME}.models"))
    for module in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[module]


class Till:
    """What a partner's engineer writes around the generated client."""

    def __init__(self, generated: Any) -> None:
        self.generated = generated
        self.client = generated.client
        self.models = generated.models
        self.card = self.models.MemberReference(kind=self.models.MemberReferenceKind.CARD, value="4711")

    def registers(self) -> Any:
        identifier = self.models.IdentifierBody(kind=self.models.IdentifierBodyKind.CARD, value="4711")
        body = self.models.Registration(identifiers=[identifier], first_name="Grace", last_name="Hopper")
        return self._keyed(self.generated.register, body, "register-4711")

    def previews(self) -> Any:
        body = self.models.Basket(member=self.card, amount=self._euros("100.00"), lines=self._lines())
        return self.generated.preview.sync(client=self.client, body=body)

    def sells(self, receipt: str = "receipt-1") -> Any:
        body = self.models.Sale(
            kind=self.models.SaleKind.SALE,
            external_id=receipt,
            occurred_at=NOW,
            member=self.card,
            amount=self._euros("100.00"),
            lines=self._lines(),
        )
        return self._keyed(self.generated.sell, body, f"sale-{receipt}")

    def reads_status(self) -> Any:
        return self.generated.status.sync("card:4711", client=self.client)

    def redeems(self, reward: str, key: str) -> Any:
        body = self.models.RedemptionRequest(member=self.card, reward=reward)
        return self._keyed(self.generated.redeem, body, key)

    def takes_back(self, sale: Any, line: str) -> Any:
        body = self.models.ReturnOfSale(
            external_id="return-1", occurred_at=NOW, lines=[self.models.ReturnedLine(id=line)]
        )
        return self._keyed(self.generated.give_back, body, "return-1", sale.id)

    def _keyed(self, operation: Any, body: Any, key: str, *path: Any) -> Any:
        return operation.sync(*path, client=self.client, body=body, idempotency_key=key)

    def _lines(self) -> list[Any]:
        line = self.models.Line
        return [
            line(id="1", sku="beans", amount=self._euros("60.00")),
            line(id="2", sku="cups", amount=self._euros("40.00")),
        ]

    def _euros(self, amount: str) -> Any:
        return self.models.Money(amount=amount, currency="EUR")


def test_serves_a_member_from_the_registration_to_a_return(generated: Any):
    till = Till(generated)

    member = till.registers()
    refused = till.redeems("coffee", "too-early")
    preview = till.previews()
    sale, repeated = till.sells(), till.sells()
    status = till.reads_status()
    redeemed = till.redeems("coffee", "redemption-1")
    returned = till.takes_back(sale, "2")
    after = till.reads_status()

    assert (member.first_name, member.status) == ("Grace", "active")
    assert isinstance(refused, generated.models.Problem)
    assert (refused.status, refused.code) == (409, "insufficient_points")
    assert (preview.points, preview.tier, preview.member_id) == (100, "basic", member.id)
    assert (sale.points, sale.external_id, sale.member_id) == (100, "receipt-1", member.id)
    assert repeated == sale
    assert [(wallet.type_, wallet.available) for wallet in status.wallets] == [("points", 100)]
    assert [reward.key for reward in status.rewards] == ["coffee"]
    assert (redeemed.points, redeemed.balance, redeemed.status) == (20, 80, "confirmed")
    assert (returned.points, returned.returned.sale_id) == (-40, sale.id)
    assert [line.id for line in returned.returned.lines] == ["2"]
    assert [wallet.available for wallet in after.wallets] == [40]
    assert list(verify.run()) == []
