"""A program's terms for points and tiers, read once and kept until they change."""

from bisect import bisect_right
from datetime import datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from msgspec import Struct

from loyalty.core.models import Program
from members.models import ExpiryRule, Tier, TierLadder, WalletType


class WalletTerms(Struct, frozen=True, kw_only=True):
    """A kind of points: may it be spent, and when does it expire?"""

    id: UUID
    key: str
    name: str
    is_spendable: bool
    expiry_rule: str
    expires_after: int | None


class Rung(Struct, frozen=True, kw_only=True):
    id: UUID
    key: str
    name: str
    threshold: int


class LadderTerms(Struct, frozen=True, kw_only=True):
    """A ladder with its rungs from the lowest to the highest."""

    id: UUID
    key: str
    wallet_type_id: UUID
    rungs: tuple[Rung, ...]

    def reached(self, progress: int) -> Rung:
        """The highest rung for that many points (the lowest one if none is reached)."""
        position = bisect_right([rung.threshold for rung in self.rungs], progress) - 1
        return self.rungs[max(position, 0)]

    def next_after(self, rung: Rung) -> Rung | None:
        return next((higher for higher in self.rungs if higher.threshold > rung.threshold), None)

    def rung(self, tier_id: UUID) -> Rung:
        return next(rung for rung in self.rungs if rung.id == tier_id)


class Terms(Struct, frozen=True, kw_only=True):
    zone: ZoneInfo
    wallet_types: dict[str, WalletTerms]
    ladders: tuple[LadderTerms, ...]

    def expires_at(self, wallet_type: WalletTerms, earned_at: datetime) -> datetime | None:
        """
        The first moment at which points earned then are gone: the midnight that ends their last day.

        Days and months are counted in the program's time zone; a month that is too short ends on
        its last day.
        """
        if wallet_type.expiry_rule == ExpiryRule.NEVER or wallet_type.expires_after is None:
            return None
        months = wallet_type.expiry_rule == ExpiryRule.MONTHS
        number = wallet_type.expires_after
        last_day = earned_at.astimezone(self.zone).date() + (
            relativedelta(months=number) if months else relativedelta(days=number)
        )
        return datetime.combine(last_day + timedelta(days=1), time(), tzinfo=self.zone)


_KEPT: Final[dict[UUID, tuple[int, Terms]]] = {}


def of(program: Program) -> Terms:
    """
    The program's terms; from memory unless its `rules_revision` has moved.

    The database moves it with every change of wallet types, ladders and tiers.
    """
    kept = _KEPT.get(program.pk)
    if kept and kept[0] == program.rules_revision:
        return kept[1]
    terms = _load(program)
    _KEPT[program.pk] = (program.rules_revision, terms)
    return terms


def _load(program: Program) -> Terms:
    types = WalletType.objects.filter(program=program)
    ladders = TierLadder.objects.filter(program=program).order_by("key")
    tiers = list(Tier.objects.filter(ladder__program=program).order_by("threshold"))
    return Terms(
        zone=ZoneInfo(program.time_zone),
        wallet_types={
            t.key: WalletTerms(
                id=t.pk,
                key=t.key,
                name=t.name,
                is_spendable=t.is_spendable,
                expiry_rule=t.expiry_rule,
                expires_after=t.expires_after,
            )
            for t in types
        },
        ladders=tuple(
            LadderTerms(
                id=ladder.pk,
                key=ladder.key,
                wallet_type_id=ladder.wallet_type_id,
                rungs=tuple(
                    Rung(id=t.pk, key=t.key, name=t.name, threshold=t.threshold)
                    for t in tiers
                    if t.ladder_id == ladder.pk
                ),
            )
            for ladder in ladders
        ),
    )
