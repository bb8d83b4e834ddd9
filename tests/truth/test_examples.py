"""Each example of the docs is a call that works in the little world that they tell of."""

from typing import Any, Final

import jsonschema
import pytest

from loyalty.core.api import docs
from loyalty.core.api.auth import SCOPES
from loyalty.core.models import Program, ProgramKind
from members.ledger import verify
from members.models import Identifier, Member, WalletType
from rewards.models import ReferralCode, Voucher
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient
from tests.truth import story

type Schema = dict[str, Any]

IN_PATHS: Final = {"reference": "card:1001", "reward_key": "free-coffee", "identifier": "card:1001"}
KEYS: Final = {"/v1/campaigns": "summer", "/v1/segments": "coffee-lovers"}

SCHEMA: Final[Schema] = docs.spoken()
BY_ID: Final = {
    operation["operationId"]: (method, path, operation)
    for path, methods in SCHEMA["paths"].items()
    for method, operation in methods.items()
}


class Partner:
    """Calls operations as their examples show it."""

    def __init__(self, client: PartnerClient) -> None:
        self.client = client
        self.answer: Any = {}

    def calls(self, operation_id: str) -> None:
        method, path, operation = BY_ID[operation_id]
        address = path.format_map({name: self._named(path, name) for name in in_path(operation)})
        response = self._send(method, address, self._fitting(example(operation.get("requestBody", {}))))
        assert response.status_code < 300, response.content
        if response.content:
            self.answer = response.json()
            described = operation["responses"][str(response.status_code)]
            check(self.answer, described)
            assert outcomes(self.answer) == outcomes(example(described)), response.content
        # Codes are made up by chance; the examples know some.
        Voucher.objects.update(code="7KQ4WZ9P2MXT")
        ReferralCode.objects.update(code="K7WM2QXD")

    def _send(self, method: str, address: str, body: Any) -> Any:
        if method == "post":
            return self.client.post(address, body)
        if method in ("put", "patch"):
            return self.client.edit(method.upper(), address, body)
        return self.client.generic(method.upper(), address)

    def _named(self, path: str, parameter: str) -> str:
        if parameter == "key":
            return KEYS[path.partition("/{")[0]]
        if parameter == "voucher_id":
            return str(Voucher.objects.get().pk)
        return IN_PATHS.get(parameter) or str(self.answer["id"])

    def _fitting(self, body: Any) -> Any:
        """With what no example can know: an id that was given a moment ago, the present total."""
        if isinstance(body, dict) and "transaction_id" in body:
            return body | {"transaction_id": self.answer["id"]}
        return body


def in_path(operation: Schema) -> list[str]:
    return [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"]


def example(described: Schema) -> Any:
    content = described.get("content", {}).get("application/json")
    return next(iter(content["examples"].values()))["value"] if content else None


def outcomes(body: Any) -> list[tuple[int, str | None]]:
    """Of a call with many items: the status of each, and why it was refused."""
    results = body.get("results", ())
    return [(result["status"], result.get("problem", {}).get("code")) for result in results]


def check(body: Any, described: Schema) -> None:
    """
    Hold an answer to its description.

    :raises jsonschema.ValidationError: if it is something else
    """
    schema = described["content"]["application/json"]["schema"] | {"components": SCHEMA["components"]}
    jsonschema.Draft202012Validator(schema).validate(body)


def points_wait(partner: Partner) -> None:
    """What is bought can be brought back for a year, and gives no points before."""
    points = WalletType.objects.get(key="points")
    points.pending_days = 365
    points.save()


def somebody_buys(partner: Partner) -> None:
    """And does not say who they are."""
    _method, path, operation = BY_ID["record_transaction"]
    sale = example(operation["requestBody"]) | {"member": None}
    del sale["member"]
    assert partner.client.post(path, sale).status_code == 202


def ada_leaves(partner: Partner) -> None:
    """Her card and her address are free."""
    Identifier.objects.all().delete()


BEFORE: Final = {
    "abandon_checkout": ("open_checkout",),
    "accept_referral": ("invite_friends",),
    "activate_pending_points": (points_wait, "record_transaction"),
    "cancel_pending_points": (points_wait, "record_transaction"),
    "cancel_redemption": ("redeem_reward",),
    "cancel_transaction": ("record_transaction",),
    "change_checkout": ("open_checkout",),
    "check_voucher": ("redeem_reward",),
    "claim_transaction": (somebody_buys,),
    "confirm_checkout": ("open_checkout",),
    "confirm_redemption": ("hold_reward",),
    "correct_transaction": ("record_transaction",),
    "fulfil_redemption": ("redeem_reward",),
    "read_checkout": ("open_checkout",),
    "read_hold": ("place_hold",),
    "read_redemption": ("redeem_reward",),
    "read_referral": ("invite_friends", "accept_referral"),
    "read_transaction": ("record_transaction",),
    "read_voucher": ("redeem_reward",),
    "register_member": (ada_leaves,),
    "register_members": (ada_leaves,),
    "release_hold": ("place_hold",),
    "remove_identifier": ("add_identifier",),
    "return_redemption": ("redeem_reward",),
    "return_transaction": ("record_transaction",),
    "roll_back_voucher": ("redeem_reward", "use_voucher"),
    "settle_hold": ("place_hold",),
    "unblock_member": ("block_member",),
    "use_voucher": ("redeem_reward",),
    "void_voucher": ("redeem_reward",),
}
"""What happens before. The answer of the last call has the id that the next one takes."""


@pytest.fixture
def partner(shop: Shop, ada: Member) -> Partner:
    """May do everything in a sandbox, where all is as the docs tell it."""
    Program.objects.update(kind=ProgramKind.SANDBOX, key="coffee-sandbox")
    shop.program.refresh_from_db()
    story.tell(shop)
    known = factories.PartnerFactory.create(program=shop.program, key="till")
    return Partner(PartnerClient.of(known, scopes=SCOPES))


@pytest.mark.parametrize("operation_id", sorted(BY_ID))
def test_works_as_it_is_shown(partner: Partner, operation_id: str):
    for before in BEFORE.get(operation_id, ()):
        partner.calls(before) if isinstance(before, str) else before(partner)

    partner.calls(operation_id)

    assert list(verify.run()) == []
