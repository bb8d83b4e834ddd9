"""Facts and campaigns as tests need them; by default Ada buys for €53.20 on a Saturday noon in Berlin."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from rewards.engine.evaluate import CompiledCampaign, compile_campaign
from rewards.engine.facts import ActivityFacts, Facts, LineFacts, MemberFacts, Moment

BERLIN = ZoneInfo("Europe/Berlin")
SATURDAY_NOON = datetime(2026, 6, 6, 12, 0, tzinfo=BERLIN)
LINES = (
    LineFacts(id="1", sku="espresso", amount=Decimal("30.00"), category="coffee", brand="Bella"),
    LineFacts(id="2", sku="sencha", amount=Decimal("20.00"), category="tea", department="drinks"),
    LineFacts(id="3", sku="mug", quantity=Decimal(2), amount=Decimal("3.20")),
)
ADA = MemberFacts(
    tier="silver",
    balance=120,
    enrolled_date=date(2026, 5, 7),
    birth_date=date(1990, 6, 6),
    attributes={"city": "Berlin", "children": 2, "newsletter": True, "score": "7.5", "height": 1.68},
)


def sale(amount: str = "53.20", **changes: Any) -> ActivityFacts:
    known = {"store": "mitte", "source": "till", "lines": LINES, "attributes": {}, "currency": "EUR"}
    return ActivityFacts(kind="sale", amount=Decimal(amount), **known | changes)


def event(event_type: str = "app.login", **attributes: Any) -> ActivityFacts:
    return ActivityFacts(kind="event", event_type=event_type, attributes=attributes, currency="EUR")


def facts(
    activity: ActivityFacts | None = None, *, member: MemberFacts = ADA, at: datetime = SATURDAY_NOON
) -> Facts:
    return Facts(activity=activity or sale(), member=member, moment=Moment(at))


def leaf(fact: Any, operator: Any, value: Any) -> dict[str, Any]:
    """A condition as somebody could have sent it, so of anything; like all that follows."""
    return {"fact": fact, "operator": operator, "value": value}


def per_unit(points: Any = "1", per: Any = "1.00", **more: Any) -> dict[str, Any]:
    return {"kind": "points_per_unit", "wallet_type": "points", "points": points, "per": per, **more}


def fixed(points: Any = 50, wallet_type: Any = "points") -> dict[str, Any]:
    return {"kind": "fixed_points", "wallet_type": wallet_type, "points": points}


def times(factor: Any = "2", wallet_type: str = "points") -> dict[str, Any]:
    return {"kind": "multiplier", "wallet_type": wallet_type, "factor": factor}


def definition(*effects: Any, **parts: Any) -> dict[str, Any]:
    return {"trigger": {"kind": "sale"}, "effects": list(effects or (fixed(),)), **parts}


def campaign(*effects: dict[str, Any], key: str = "welcome", **parts: Any) -> CompiledCampaign:
    return compile_campaign(
        version_id=uuid5(UUID(int=0), key),
        campaign_key=key,
        name=key.title(),
        definition=definition(*effects, **parts),
    )
