"""A program's terms for points and tiers, read once and kept until they change."""

from bisect import bisect_right
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from loyalty.core.models import Program
from members import lifespan
from members.lifespan import Lifespan
from members.models import Tier, TierLadder, WalletType


class WalletTerms(Struct, frozen=True, kw_only=True):
    """A kind of points: may it be spent, and when does it expire?"""

    id: UUID
    key: str
    name: str
    is_spendable: bool
    lifespan: Lifespan
    pending_days: int = 0
    return_policy: str = "within_balance"
    keeps_due: bool = False
    """Points whose time is over stay usable until an expiry run takes them."""
    transfers_to: str = "nobody"
    transfer_minimum: int = 1
    transfer_monthly_limit: int | None = None
    transfer_fee_percent: Decimal = Decimal(0)
    checkout_points: int | None = None
    """So many points pay `checkout_amount` at a checkout; None if they do not pay there."""
    checkout_amount: Decimal | None = None


class Rung(Struct, frozen=True, kw_only=True):
    id: UUID
    key: str
    name: str
    threshold: int
    lifespan: Lifespan | None = None
    """Of spendable points that are earned on this rung; None leaves it to the kind of points."""


class LadderTerms(Struct, frozen=True, kw_only=True):
    """A ladder with its rungs from the lowest to the highest."""

    id: UUID
    key: str
    name: str = ""
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
    lapsing: dict[UUID, WalletTerms] = {}
    """The kinds of points that live by activity."""

    def of_type(self, type_id: UUID) -> WalletTerms:
        return next(known for known in self.wallet_types.values() if known.id == type_id)

    def day_of(self, moment: datetime) -> date:
        """The day that a moment falls on for the program's members."""
        return moment.astimezone(self.zone).date()

    def expires_at(
        self, wallet_type: WalletTerms, earned_at: datetime, own: Lifespan | None = None
    ) -> datetime | None:
        """
        The first moment at which points earned then are gone: the midnight that ends their last day.

        `own` is the rule of a tier or campaign, which goes before that of the kind of points. None
        for points that never expire, or that live as long as the member is active.
        """
        rule = own or wallet_type.lifespan
        return lifespan.ends_at(rule, earned_on=self.day_of(earned_at), zone=self.zone)

    def lapses_at(self, wallet_type: WalletTerms, active_at: datetime) -> datetime | None:
        """When points go that live by activity, if that was the last one; None for other kinds of points."""
        if not wallet_type.lifespan.is_by_activity:
            return None
        active_on = self.day_of(active_at)
        return lifespan.lapses_at(wallet_type.lifespan, active_on=active_on, zone=self.zone)


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
        lapsing={known.id: known for known in wallet_types.values() if known.lifespan.is_by_activity},
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
        lifespan=_lifespan(wallet_type),
        pending_days=wallet_type.pending_days,
        return_policy=wallet_type.return_policy,
        keeps_due=wallet_type.expiry_is_on_hold or wallet_type.expires_only_if_warned,
        transfers_to=wallet_type.transfers_to,
        transfer_minimum=wallet_type.transfer_minimum,
        transfer_monthly_limit=wallet_type.transfer_monthly_limit,
        transfer_fee_percent=wallet_type.transfer_fee_percent,
        checkout_points=wallet_type.checkout_points,
        checkout_amount=wallet_type.checkout_amount,
    )


def _lifespan(row: WalletType | Tier) -> Lifespan:
    return Lifespan(row.expiry_rule, row.expires_after or 0, row.expires_on_date)


def _rung(tier: Tier) -> Rung:
    return Rung(
        id=tier.pk,
        key=tier.key,
        name=tier.name,
        threshold=tier.threshold,
        lifespan=_lifespan(tier) if tier.expiry_rule else None,
    )


def _ladder_terms(ladder: TierLadder, tiers: list[Tier]) -> LadderTerms:
    rungs = tuple(map(_rung, tiers))
    return LadderTerms(
        id=ladder.pk,
        key=ladder.key,
        name=ladder.name,
        wallet_type_id=ladder.wallet_type_id,
        rungs=rungs,
        by_id={rung.id: rung for rung in rungs},
    )
