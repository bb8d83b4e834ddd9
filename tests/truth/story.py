"""The little world that the examples of the API's docs tell of."""

from datetime import timedelta
from decimal import Decimal

from members import reasons
from members.models import AttributeType, EventType, Member, Segment, WalletType
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop


def tell(shop: Shop) -> None:
    """Ada has points to spend, her friends are there; there are rewards, codes and a segment to fill."""
    program = shop.program
    reasons.set_up_usual(program)
    program.claim_days = 365
    program.save(update_fields=["claim_days"])
    WalletType.objects.update(transfers_to="anyone", checkout_points=100, checkout_amount=Decimal(1))
    _people(shop)
    _catalogue(shop)
    _campaigns(shop)
    Segment.objects.create(program=program, key="coffee-lovers", name="Coffee lovers", kind="list")
    EventType.objects.create(program=program, name="app.login", label="Login")
    AttributeType.objects.create(program=program, name="favourite_store", label="Favourite store")
    shop.later(days=-30).sells("first", "2000.00")


def _people(shop: Shop) -> None:
    ada = Member.objects.get(program=shop.program)
    factories.IdentifierFactory.create(member=ada, kind="email", value="ada@example.org")
    for kind, value, first_name in (("card", "2002", "Grace"), ("email", "charles@example.org", "Charles")):
        member = factories.MemberFactory.create(
            program=shop.program, first_name=first_name, enrolled_at=shop.at + timedelta(1)
        )
        factories.IdentifierFactory.create(member=member, kind=kind, value=value)


def _catalogue(shop: Shop) -> None:
    points = WalletType.objects.get(program=shop.program, key="points")
    known = {"program": shop.program, "wallet_type": points}
    factories.RewardFactory.create(key="free-coffee", price=500, has_voucher=True, **known)
    five = {"discount_kind": "amount", "discount_amount": Decimal(5)}
    factories.RewardFactory.create(key="five-off", name="Five off", price=500, **five, **known)


def _campaigns(shop: Shop) -> None:
    listening = {"trigger": {"kind": "code_entered", "codes": ["Summer 26"]}}
    summer = factories.CampaignFactory.create(program=shop.program, key="summer", name="Summer")
    campaigns.publish(
        summer,
        definition=factories.definition({"kind": "fixed_points", "points": 100}, **listening),
        by=None,
        at=shop.at,
        effective_at=shop.at - timedelta(days=9),
    )
    shop.program.refresh_from_db()
