"""The program that is measured: many members, fifty running campaigns, a key, a webhook, a reward."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import batched, count
from typing import Any
from uuid import uuid4

import orjson
from django.utils import timezone

from integrations import credentials, webhooks
from integrations.models import Partner
from integrations.models.quota import MOST
from loyalty.core.models import Program
from members.enrolment import Enrolment, enrol_many
from members.models import Tier, TierLadder, WalletType
from members.references import MemberReference
from rewards.deciding.activities import Money, Sale
from rewards.journeys import earning
from rewards.models import Campaign, Reward
from rewards.planning import campaigns
from tests.bench.load import Request

CAMPAIGNS = 50
SCOPES = ("transactions:write", "members:read", "redemptions:write", "points:hold")


@dataclass(frozen=True)
class Bench:
    """What the requests need to know."""

    program: Program
    members: int
    key: str


def make(*, members: int) -> Bench:
    """A new program, filled through the same operations as any."""
    now = timezone.now()
    program = Program.objects.create(key=f"bench-{uuid4().hex[:8]}", name="Bench", currency="EUR")
    points = WalletType.objects.create(
        program=program,
        key="points",
        name="Points",
        point_value=Decimal("0.01"),
        expiry_rule="months",
        expires_after=12,
    )
    _ladder(program, points)
    _campaigns(program, now)
    Reward.objects.create(program=program, key="coffee", name="Coffee", wallet_type=points, price=20)
    partner = Partner.objects.create(program=program, key="till", name="Tills")
    credential, key = credentials.issue(partner=partner, name="Bench", scopes=SCOPES, by=None)
    credentials.limit(credential, per_minute=MOST, per_hour=MOST, by=None)
    webhooks.subscribe(partner, url="http://127.0.0.1:9000/nobody", event_types=["tier.upgraded"])
    program.refresh_from_db()
    _members(program, members, now)
    return Bench(program=program, members=members, key=key)


def _ladder(program: Program, points: WalletType) -> None:
    ladder = TierLadder.objects.create(program=program, key="status", name="Status", wallet_type=points)
    for key, threshold in [("basic", 0), ("bronze", 2_000), ("silver", 8_000), ("gold", 20_000)]:
        Tier.objects.create(ladder=ladder, key=key, name=key.title(), threshold=threshold)


def _campaigns(program: Program, now: datetime) -> None:
    for number in range(CAMPAIGNS):
        campaign = Campaign.objects.create(
            program=program, key=f"campaign-{number:02}", name=f"Campaign {number}"
        )
        campaigns.publish(
            campaign,
            definition=_definition(number),
            by=None,
            at=now,
            effective_at=now - timedelta(days=1000),
        )


def _definition(number: int) -> dict[str, Any]:
    """
    Of five shapes, as marketers make them.

    The first gives the base points, the second a bonus to most sales; the others wait for something
    else, so that a sale is booked as one grant and one bonus, as in the yardstick.
    """
    every: list[list[dict[str, Any]]] = [
        [{"fact": "sale.amount", "operator": "gte", "value": str(250 + number)}],
        [{"fact": "sale.categories", "operator": "has_any", "value": [f"garden-{number}", "toys"]}],
        [
            {"fact": "sale.skus", "operator": "has_any", "value": [f"Z{number}", "Z0"]},
            {"fact": "sale.source", "operator": "in", "value": ["till", "web"]},
        ],
        [
            {"fact": "moment.weekday", "operator": "in", "value": ["saturday", "sunday"]},
            {"fact": "sale.amount", "operator": "gte", "value": str(250 + number)},
        ],
        [{"fact": "member.balance", "operator": "gte", "value": 1_000_000 + number}],
    ]
    bonus = [{"fact": "sale.amount", "operator": "gte", "value": "50.00"}]
    conditions = {0: [], 1: bonus}.get(number, every[number % 5])
    effect: dict[str, Any] = {"kind": "fixed_points", "wallet_type": "points", "points": 10}
    if number == 0:
        effect = {"kind": "points_per_unit", "wallet_type": "points", "points": "1", "per": "1.00"}
    return {
        "trigger": {"kind": "sale"},
        "conditions": {"all": conditions},
        "effects": [effect],
        "schedule": {"starts_at": None, "ends_at": None},
    }


def _members(program: Program, members: int, now: datetime) -> None:
    for numbers in batched(range(members), 5_000):
        enrol_many(
            [
                Enrolment(identifiers=[("card", card(number))], enrolled_at=now - timedelta(days=60))
                for number in numbers
            ],
            program=program,
            actor="system:bench",
            at=now,
        )
        earning.record_many(
            [sale(f"seed-{number}", number, now - timedelta(days=30)) for number in numbers],
            program=program,
            source="seed",
            actor="system:bench",
            at=now,
        )


def card(number: int) -> str:
    return f"M{number:09}"


def sale(external_id: str, member: int, at: datetime, amount: str = "150.00") -> Sale:
    return Sale(
        external_id=external_id,
        occurred_at=at,
        member=MemberReference(kind="card", value=card(member)),
        amount=Money(amount=amount, currency="EUR"),
    )


BATCH = 500
"""How many sales a batch has."""

LINES = [
    {"id": "1", "sku": "A1", "amount": {"amount": "10.50", "currency": "EUR"}, "category": "food"},
    {
        "id": "2",
        "sku": "B2",
        "quantity": "2",
        "amount": {"amount": "10.50", "currency": "EUR"},
        "category": "home",
    },
    {"id": "3", "sku": "C3", "amount": {"amount": "3.99", "currency": "EUR"}, "category": "food"},
]


def spread(bench: Bench, step: int) -> int:
    """Spread over all members, never the same one twice in a row."""
    return step * 2654435761 % bench.members


def sales(bench: Bench, client: int) -> Iterator[Request]:
    """`POST /v1/transactions` with three lines."""
    run = uuid4().hex
    for step in count(client * 7919):
        yield _post("/v1/transactions", _receipt(bench, run, step), f"{run}-{step}")


def batches(bench: Bench, client: int) -> Iterator[Request]:
    """`POST /v1/transactions/batch` of `BATCH` such sales."""
    run = uuid4().hex
    for steps in batched(count(client * 7919), BATCH):
        body = {"items": [_receipt(bench, run, step) for step in steps]}
        yield Request("/v1/transactions/batch", orjson.dumps(body))


def _receipt(bench: Bench, run: str, step: int) -> dict[str, Any]:
    return {
        "kind": "sale",
        "external_id": f"{run}-{step}",
        "occurred_at": timezone.now().isoformat(),
        "member": {"kind": "card", "value": card(spread(bench, step))},
        "amount": {"amount": f"{5 + step % 195}.{step % 100:02}", "currency": "EUR"},
        "lines": LINES,
    }


def previews(bench: Bench, client: int) -> Iterator[Request]:
    """`POST /v1/transactions/preview` of the same basket, which is not sold."""
    for step in count(client * 7919):
        member = {"kind": "card", "value": card(spread(bench, step))}
        amount = {"amount": f"{5 + step % 195}.{step % 100:02}", "currency": "EUR"}
        body = {"member": member, "amount": amount, "lines": LINES}
        yield Request("/v1/transactions/preview", orjson.dumps(body))


def redemptions(bench: Bench, client: int) -> Iterator[Request]:
    """`POST /v1/redemptions` of a reward of 20 points."""
    run = uuid4().hex
    for step in count(client * 7919):
        body = {"member": {"kind": "card", "value": card(spread(bench, step))}, "reward": "coffee"}
        yield _post("/v1/redemptions", body, f"{run}-{step}")


def holds(bench: Bench, client: int) -> Iterator[Request]:
    """`POST /v1/points/holds` of a point, as at the beginning of a checkout."""
    return _payments(bench, client, "/v1/points/holds")


def spends(bench: Bench, client: int) -> Iterator[Request]:
    """`POST /v1/points/spend` of a point."""
    return _payments(bench, client, "/v1/points/spend")


def _payments(bench: Bench, client: int, path: str) -> Iterator[Request]:
    run = uuid4().hex
    for step in count(client * 7919):
        member = {"kind": "card", "value": card(spread(bench, step))}
        yield _post(path, {"member": member, "wallet_type": "points", "points": 1}, f"{run}-{step}")


def statuses(bench: Bench, client: int) -> Iterator[Request]:
    """`GET /v1/members/{reference}/status`."""
    for step in count(client * 7919):
        yield Request(f"/v1/members/card:{card(spread(bench, step))}/status")


def nothing(bench: Bench, client: int) -> Iterator[Request]:
    """An empty Django view: what the server itself costs."""
    while True:
        yield Request("/healthz")


def _post(path: str, body: dict[str, Any], key: str) -> Request:
    return Request(path, orjson.dumps(body), f"Idempotency-Key: {key}\r\n")
