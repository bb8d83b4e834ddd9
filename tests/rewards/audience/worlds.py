"""Random members with all that conditions can ask of them, in the database and as the engine's facts."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from hypothesis import strategies as st

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from members.models import Member, MemberTier, Segment, SegmentMember, Tier, Wallet
from rewards.engine import history
from rewards.engine.conditions import Node, leaves
from rewards.engine.facts import ActivityFacts, Facts, MemberFacts, Moment
from rewards.models import Activity
from tests import factories

ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland", "UTC"]
# Around 29 February, the days on which clocks change, and the new year.
MOMENTS = [
    datetime(2026, 2, 28, 23, 30, tzinfo=UTC),
    datetime(2026, 3, 1, 0, 30, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2027, 1, 1, 4, 59, tzinfo=UTC),
    datetime(2028, 2, 28, 23, 30, tzinfo=UTC),
    datetime(2028, 2, 29, 12, 0, tzinfo=UTC),
]
BIRTHS = [
    date(2000, 2, 29),
    date(1999, 2, 28),
    date(1996, 3, 1),
    date(1990, 10, 25),
    date(2026, 12, 31),
    date(2020, 1, 1),
]
DAYS = [1, 30, 365]
NAMES = ["x", "y"]
TIERS = ["basic", "gold"]
SEGMENTS = ["coffee", "tea"]

SCALARS: list[Any] = [
    *["", "a", "b", "A", "7", "7.50", "-1", "7.", "1e3", "7\n", "٧", "true", "\\", '"', "%"],
    *["2026-02-28", "2026-02-29", "2028-02-29", "0000-01-01", "2026-13-01", "2026-04-31", "20260101"],
    *[-1, 0, 1, 7, 8, 10**15, 7.5, 7.0, 1e-7, 1e22, -0.0],
    *[True, False, None],
]
VALUES: list[Any] = [
    *SCALARS,
    *[[], ["a"], ["a", "b"], ["7", 7], [1, True, None, "a"], [["a"]], [""]],
    *[{}, {"a": 1}, {"7": "a"}],
]
scalars = st.sampled_from(SCALARS)
values = st.one_of(scalars, st.lists(scalars, max_size=3), st.dictionaries(st.sampled_from("ab"), scalars))
OFFSETS: list[Any] = [
    *((days, microseconds) for days in (0, *DAYS) for microseconds in (-1, 0)),
    *[0, 1, 86_400, 40 * 86_400, -60],
]
AMOUNTS = ["0.00", "9.99", "10.00", "250.00"]
ENROLMENTS = [moment - timedelta(days=days) for moment in MOMENTS for days in (0, 1, 400)]
purchases = st.tuples(st.sampled_from(OFFSETS), st.sampled_from(AMOUNTS), st.booleans())


@dataclass
class Described:
    """A member before they are in any table."""

    status: str
    birth_date: date | None
    enrolled_at: datetime
    attributes: dict[str, Any]
    balances: tuple[int | None, int | None, int | None]
    tier: str | None
    segments: frozenset[str]
    purchases: list[Any]
    id: UUID = field(default_factory=new_id)


described = st.builds(
    Described,
    status=st.sampled_from(["active", "active", "active", "blocked"]),
    birth_date=st.one_of(st.none(), st.sampled_from(BIRTHS)),
    enrolled_at=st.sampled_from(
        [moment - timedelta(days=days) for moment in MOMENTS for days in (0, 1, 400)]
    ),
    attributes=st.dictionaries(st.sampled_from(NAMES), values),
    balances=st.tuples(*[st.one_of(st.none(), st.integers(0, 6))] * 3),
    tier=st.one_of(st.none(), st.sampled_from(TIERS)),
    segments=st.frozensets(st.sampled_from(SEGMENTS)),
    purchases=st.lists(purchases, max_size=3),
)


def everybody() -> list[Described]:
    """Members with each of the values at least once, beside different others."""
    births = [None, *BIRTHS]
    return [
        Described(
            status="active" if number % 8 else "blocked",
            birth_date=births[number % len(births)],
            enrolled_at=ENROLMENTS[number % len(ENROLMENTS)],
            attributes={"x": value, **({"y": VALUES[number * 7 % len(VALUES)]} if number % 3 else {})},
            balances=(number % 7 or None, number % 3 or None, number % 2),
            tier=[None, *TIERS][number % 3],
            segments=frozenset(SEGMENTS[: number % 3]) if number % 4 else frozenset(SEGMENTS[1:]),
            purchases=[
                (OFFSETS[(number + step) % len(OFFSETS)], AMOUNTS[(number + step) % 4], step % 2 == 1)
                for step in range(number % 4)
            ],
        )
        for number, value in enumerate(VALUES * 2)
    ]


class World:
    """A program with these members at that moment."""

    def __init__(self, members: list[Described], *, zone: str, at: datetime, has_ladder: bool) -> None:
        self.at, self.zone, self.members, self.has_ladder = at, ZoneInfo(zone), members, has_ladder
        self.program = factories.ProgramFactory.create(time_zone=zone)
        types = [
            factories.WalletTypeFactory.create(program=self.program, key=key, is_spendable=is_spendable)
            for key, is_spendable in [("points", True), ("stars", True), ("status", False)]
        ]
        tiers = self._ladder(types[2]) if has_ladder else {}
        self._write(types, tiers)
        self.program = Program.objects.get(pk=self.program.pk)

    def _ladder(self, wallet_type: Any) -> dict[str, Tier]:
        ladder = factories.TierLadderFactory.create(program=self.program, wallet_type=wallet_type)
        return {
            key: factories.TierFactory.create(ladder=ladder, key=key, threshold=position * 100)
            for position, key in enumerate(TIERS)
        }

    def _write(self, types: list[Any], tiers: dict[str, Tier]) -> None:
        Member.objects.bulk_create(
            Member(
                id=one.id,
                program=self.program,
                status=one.status,
                birth_date=one.birth_date,
                enrolled_at=one.enrolled_at,
                attributes=one.attributes,
            )
            for one in self.members
        )
        Wallet.objects.bulk_create(
            Wallet(program=self.program, member_id=one.id, type=wallet_type, available=available)
            for one in self.members
            for wallet_type, available in zip(types, one.balances, strict=True)
            if available is not None
        )
        MemberTier.objects.bulk_create(
            MemberTier(
                program=self.program,
                member_id=one.id,
                ladder=tiers[one.tier].ladder,
                tier=tiers[one.tier],
                since=self.at,
            )
            for one in self.members
            if one.tier and tiers
        )
        for key in SEGMENTS:
            segment = Segment.objects.create(program=self.program, key=key, name=key, kind="list")
            SegmentMember.objects.bulk_create(
                SegmentMember(program=self.program, segment=segment, member_id=one.id, since=self.at)
                for one in self.members
                if key in one.segments
            )
        Activity.objects.bulk_create(
            Activity(
                program=self.program,
                member_id=one.id,
                source="till",
                external_id=f"{one.id}-{number}",
                kind="sale",
                amount=amount,
                returned_amount=amount if is_returned else 0,
                fingerprint=b"",
                occurred_at=self.moment_of(offset),
                recorded_at=self.at,
            )
            for one in self.members
            for number, (offset, amount, is_returned) in enumerate(one.purchases)
        )

    def moment_of(self, offset: Any) -> datetime:
        """So many seconds before the present, or around a local midnight so many days ago."""
        if isinstance(offset, int):
            return self.at - timedelta(seconds=offset)
        days, microseconds = offset
        midnight = datetime.combine(self.local.date() - timedelta(days=days), datetime.min.time(), self.zone)
        return midnight.astimezone(UTC) + timedelta(microseconds=microseconds)

    @property
    def local(self) -> datetime:
        return self.at.astimezone(self.zone)

    def facts(self, one: Described, node: Node | None) -> Facts:
        """What the engine would be told, worked out purchase by purchase."""
        points, stars, _status = one.balances
        return Facts(
            activity=ActivityFacts(kind="sale"),
            member=MemberFacts(
                tier=(one.tier or TIERS[0]) if self.has_ladder else "",
                balance=(points or 0) + (stars or 0),
                enrolled_date=one.enrolled_at.astimezone(self.zone).date(),
                birth_date=one.birth_date,
                attributes=orjson.loads(orjson.dumps(one.attributes)),
                segments=one.segments,
                history=self._history(one, {leaf.fact.asks for leaf in leaves(node) if leaf.fact.asks}),
            ),
            moment=Moment(local=self.local),
        )

    def _history(self, one: Described, asked: set[str]) -> dict[str, Any]:
        before = [
            (self.moment_of(offset), Decimal(0) if is_returned else Decimal(amount))
            for offset, amount, is_returned in one.purchases
            if self.moment_of(offset) < self.at
        ]
        last = max((moment for moment, _amount in before), default=None)
        told: dict[str, Any] = {
            "last": last.astimezone(self.zone).date().isoformat() if last else None,
            "first": not before,
        }
        for days in DAYS:
            since = history.start_of(days, self.local)
            within = [amount for moment, amount in before if moment >= since]
            told[history.key("purchases", days)] = len(within)
            told[history.key("spend", days)] = str(sum(within, Decimal(0)))
        return {key: told[key] for key in asked}
