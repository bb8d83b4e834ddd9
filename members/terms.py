"""A program's terms for points and tiers, read once and kept until they change."""

from bisect import bisect_right
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
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
    expires_on_date: date | None = None
    pending_days: int = 0
    return_policy: str = "within_balance"
    keeps_due: bool = False
    """Points whose time is over stay usable until an expiry run takes them."""
    transfers_to: str = "nobody"
    transfer_minimum: int = 1
    transfer_monthly_limit: int | None = None
    transfer_fee_percent: Decimal = Decimal(0)


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
    by_id: dict[UUID, Rung]

    def reached(self, progress: int) -> Rung:
        """The highest rung for that many points (the lowest one if none is reached)."""
        position = bisect_right([rung.threshold for rung in self.rungs], progress) - 1
        return self.rungs[max(position, 0)]

    def next_after(self, rung: Rung) -> Rung | None:
        return next((higher for higher in self.rungs if higher.threshold > rung.threshold), None)

    def rung(self, tier_id: UUID) -> Rung:
        return self.by_id[tier_id]


class Terms(Struct, frozen=True, kw_only=True):
    zone: ZoneInfo
    wallet_types: dict[str, WalletTerms]
    ladders: tuple[LadderTerms, ...]
    keeps_due: frozenset[UUID] = frozenset()

    def of_type(self, type_id: UUID) -> WalletTerms:
        return next(known for known in self.wallet_types.values() if known.id == type_id)

    def expires_at(self, wallet_type: WalletTerms, earned_at: datetime) -> datetime | None:
        """
        The first moment at which points earned then are gone: the midnight that ends their last day.

        Days and months are counted in the program's time zone; a month that is too short ends on
        its last day.
        """
        if wallet_type.expiry_rule == ExpiryRule.NEVER or wallet_type.expires_after is None:
            return None
        earned_on = earned_at.astimezone(self.zone).date()
        return _end_of(earned_on, wallet_type.expiry_rule, wallet_type.expires_after, self.zone)


@lru_cache(maxsize=4096)
def _end_of(earned_on: date, rule: str, number: int, zone: ZoneInfo) -> datetime:
    life = relativedelta(months=number) if rule == ExpiryRule.MONTHS else relativedelta(days=number)
    return datetime.combine(earned_on + life + timedelta(days=1), time(), tzinfo=zone)


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
    tiers = list(Tier.objects.filter(ladder__program=program).order_by("threshold"))
    wallet_types = {t.key: _wallet_terms(t) for t in WalletType.objects.filter(program=program)}
    return Terms(
        zone=ZoneInfo(program.time_zone),
        wallet_types=wallet_types,
        keeps_due=frozenset(known.id for known in wallet_types.values() if known.keeps_due),
        ladders=tuple(
            _ladder_terms(ladder, rungs)
            for ladder in TierLadder.objects.filter(program=program).order_by("key")
            # A ladder that is still being set up has no rungs yet; nobody stands on it.
            if (rungs := [tier for tier in tiers if tier.ladder_id == ladder.pk])
        ),
    )


def _wallet_terms(wallet_type: WalletType) -> WalletTerms:
    return WalletTerms(
        id=wallet_type.pk,
        key=wallet_type.key,
        name=wallet_type.name,
        is_spendable=wallet_type.is_spendable,
        expiry_rule=wallet_type.expiry_rule,
        expires_after=wallet_type.expires_after,
        expires_on_date=wallet_type.expires_on_date,
        pending_days=wallet_type.pending_days,
        return_policy=wallet_type.return_policy,
        keeps_due=wallet_type.expiry_is_on_hold or wallet_type.expires_only_if_warned,
        transfers_to=wallet_type.transfers_to,
        transfer_minimum=wallet_type.transfer_minimum,
        transfer_monthly_limit=wallet_type.transfer_monthly_limit,
        transfer_fee_percent=wallet_type.transfer_fee_percent,
    )


def _ladder_terms(ladder: TierLadder, tiers: list[Tier]) -> LadderTerms:
    rungs = tuple(Rung(id=t.pk, key=t.key, name=t.name, threshold=t.threshold) for t in tiers)
    return LadderTerms(
        id=ladder.pk,
        key=ladder.key,
        wallet_type_id=ladder.wallet_type_id,
        rungs=rungs,
        by_id={rung.id: rung for rung in rungs},
    )
