"""The staff that looks, and what it must never see."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.test import Client

from integrations.models import Call, Credential, Delivery, WebhookEndpoint
from loyalty.core.models import Approval, Assignment, Event, Program, Role
from members import adjustments, holds
from members.models import (
    Adjustment,
    AdjustmentLimit,
    AttributeType,
    EventType,
    ExpiryRun,
    Hold,
    LedgerCheck,
    ReasonCode,
    Segment,
    WalletType,
)
from members.references import MemberReference
from rewards.models import Badge, Challenge, Checkout, PrizeDraw, ReferralCode, UnclaimedSale, WaitingReturn
from tests import factories
from tests.cast import Shop
from tests.clients import staff


@pytest.fixture
def marketer(program: Program) -> Client:
    return staff(program, Role.MARKETER)


@pytest.fixture
def support(program: Program) -> Client:
    return staff(program, Role.SUPPORT)


@pytest.fixture
def operator(program: Program) -> Client:
    return staff(program, Role.OPERATOR)


@pytest.fixture
def administrator(program: Program) -> Client:
    return staff(program, Role.ADMINISTRATOR)


@pytest.fixture
def elsewhere(db: None) -> dict[str, Any]:
    """Objects of another program, one of each kind that its staff sees."""
    program = factories.ProgramFactory.create(key="elsewhere", name="Elsewhere")
    member = factories.MemberFactory.create(program=program, first_name="Foreign", last_name="Person")
    factories.IdentifierFactory.create(member=member, value="9001")
    partner = factories.PartnerFactory.create(program=program, name="Foreign tills")
    endpoint = WebhookEndpoint.objects.create(
        partner=partner, url="https://foreign.example.org/", secret=b"x"
    )
    event = Event.objects.create(program=program, type="campaign.started", occurred_at=factories.NOON)
    wallet_type = factories.WalletTypeFactory.create(program=program, name="Foreign points")
    reason = ReasonCode.objects.create(program=program, key="foreign", label="Foreign reason")
    limit = AdjustmentLimit.objects.create(
        program=program, role="partner", points_per_adjustment=10, points_per_day=10
    )
    program.refresh_from_db()
    adjust = partial(
        adjustments.adjust,
        program=program,
        member_id=member.pk,
        wallet_type="points",
        reason="foreign",
        by=None,
        actor="partner:till",
        at=factories.NOON,
    )
    credential = Credential.objects.create(
        partner=partner, name="Foreign key", digest=b"f", prefix="rk_live_foreign"
    )
    return {
        "integrations.call": Call.objects.create(
            called_at=factories.NOON,
            program=program,
            partner=partner,
            credential=credential,
            operation="foreign_operation",
            status=200,
            duration_ms=1,
            object_ids=[],
            request_id="foreign-request",
            is_replay=False,
            is_deprecated=False,
        ),
        "members.ledgercheck": LedgerCheck.objects.create(
            program=program, actor="staff:1", asked_at=factories.NOON
        ),
        "program": program,
        "members.reasoncode": reason,
        "members.segment": Segment.objects.create(program=program, key="foreign", name="Foreign segment"),
        "members.attributetype": AttributeType.objects.create(
            program=program, name="foreign", label="Foreign attribute"
        ),
        "members.eventtype": EventType.objects.create(program=program, name="foreign", label="Foreign event"),
        "members.adjustmentlimit": limit,
        "members.adjustment": Adjustment.objects.get(pk=adjust(points=10).id),
        "core.approval": Approval.objects.get(pk=adjust(points=11).id),
        "members.hold": Hold.objects.get(
            pk=holds.place(
                member=MemberReference("id", str(member.pk)),
                wallet_type=wallet_type.key,
                points=1,
                program=program,
                source="till",
                actor="partner:till",
                at=factories.NOON,
            ).hold.id
        ),
        "members.member": member,
        "members.wallettype": wallet_type,
        "members.tierladder": factories.TierLadderFactory.create(
            program=program, name="Foreign", wallet_type=wallet_type
        ),
        "members.expiryrun": ExpiryRun.objects.create(
            program=program,
            wallet_type=wallet_type,
            through=factories.NOON,
            actor="system:expiry",
            started_at=factories.NOON,
        ),
        "rewards.campaign": factories.CampaignFactory.create(program=program, name="Foreign rule"),
        "rewards.reward": factories.RewardFactory.create(
            program=program, name="Foreign gift", wallet_type=wallet_type
        ),
        "rewards.badge": Badge.objects.create(program=program, key="foreign", name="Foreign badge"),
        "rewards.challenge": Challenge.objects.create(
            program=program, key="foreign", name="Foreign challenge", goal=1
        ),
        "rewards.prizedraw": PrizeDraw.objects.create(
            program=program, key="foreign", name="Foreign draw", closes_at=factories.NOON
        ),
        "rewards.unclaimedsale": UnclaimedSale.objects.create(
            program=program,
            source="foreign-till",
            external_id="foreign-receipt",
            amount="1.00",
            body={},
            fingerprint=b"",
            occurred_at=factories.NOON,
            recorded_at=factories.NOON,
        ),
        "rewards.referralcode": ReferralCode.objects.create(
            program=program, member=member, code="FOREIGNX", made_at=factories.NOON
        ),
        "rewards.checkout": Checkout.objects.create(
            program=program,
            member=member,
            source=partner.key,
            basket={},
            quote={
                "lines": [],
                **dict.fromkeys(
                    ("subtotal", "discount", "paid_with_points", "total"),
                    {"amount": "0.00", "currency": "EUR"},
                ),
            },
            total=0,
            opened_at=factories.NOON,
            expires_at=factories.NOON + timedelta(hours=1),
        ),
        "rewards.waitingreturn": WaitingReturn.objects.create(
            program=program,
            source=partner.key,
            external_id="foreign-return",
            sale_external_id="foreign-sale",
            body={},
            fingerprint=b"f",
            occurred_at=factories.NOON,
            recorded_at=factories.NOON,
        ),
        "integrations.partner": partner,
        "integrations.webhookendpoint": endpoint,
        "integrations.credential": credential,
        "integrations.delivery": Delivery.objects.create(
            endpoint=endpoint, event_number=event.number, next_attempt_at=factories.NOON
        ),
        "core.event": event,
        "core.assignment": Assignment.objects.create(
            user=factories.UserFactory.create(email="foreign@example.org"),
            program=program,
            role=Role.MARKETER,
        ),
    }


@pytest.fixture
def year(shop: Shop, program: Program) -> Program:
    """Thirty members with a purchase each, one of them with many, and a redemption."""
    for number in range(30):
        member = factories.MemberFactory.create(
            program=program, first_name=f"Nr {number}", last_name="Lovett"
        )
        factories.IdentifierFactory.create(member=member, value=f"card-{number}")
    ada = factories.MemberFactory.create(program=program)
    factories.IdentifierFactory.create(member=ada, value="1001")
    for number in range(20):
        shop.later(hours=number).sells(f"r-{number}", "60.00")
    factories.RewardFactory.create(
        program=program, key="coffee", wallet_type=WalletType.objects.get(program=program)
    )
    shop.later(days=2).redeems("coffee")
    for number in range(15):
        shop.later(days=2).holds(number + 1)
    return program
