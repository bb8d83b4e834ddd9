"""Wallets, lots, entries and postings. Written by `members.ledger.store` alone."""

from datetime import datetime
from typing import Self

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.models.program import never_emptied
from loyalty.core.tenancy import TenantQuerySet
from members.models.member import Member
from members.models.wallet_type import WalletType


class Bucket(models.TextChoices):
    """Where points of a lot are. `issued` is the source of a grant: points come out of it only once."""

    ISSUED = "issued", _("Issued")
    PENDING = "pending", _("Pending")
    AVAILABLE = "available", _("Available")
    HELD = "held", _("Held")
    REDEEMED = "redeemed", _("Redeemed")
    EXPIRED = "expired", _("Expired")
    REVERSED = "reversed", _("Reversed")


class LotSource(models.TextChoices):
    """Why the points of a lot exist."""

    PURCHASE = "purchase", _("Purchase")
    BONUS = "bonus", _("Bonus")
    ADJUSTMENT = "adjustment", _("Adjustment")
    TRANSFER = "transfer", _("Received from a member")
    MERGE = "merge", _("Merged")


class EntryKind(models.TextChoices):
    EARN = "earn", _("Earned")
    UNLOCK = "unlock", _("Unlocked")
    SPEND = "spend", _("Spent")
    HOLD = "hold", _("Held")
    SETTLE = "settle", _("Settled")
    RELEASE = "release", _("Released")
    EXPIRE = "expire", _("Expired")
    REVERSE = "reverse", _("Taken back")
    RESTORE = "restore", _("Given back")
    ADJUST = "adjust", _("Adjusted")
    TRANSFER_IN = "transfer_in", _("Received")
    TRANSFER_OUT = "transfer_out", _("Passed on")
    MERGE = "merge", _("Merged")


class Wallet(models.Model):
    """
    One member's holding of one wallet type: sums that are kept, never computed on read.

    It is the lock: whoever changes a member's points or tiers holds the wallets in id order, or
    writes only if their versions have not moved. See Note [The lock] in `members.ledger.store`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    member = models.ForeignKey(
        Member, models.PROTECT, db_index=False, related_name="wallets", verbose_name=_("member")
    )
    type = models.ForeignKey(
        WalletType, models.PROTECT, db_index=False, related_name="wallets", verbose_name=_("type")
    )
    pending = models.BigIntegerField(_("pending"), default=0)
    available = models.BigIntegerField(_("available"), default=0)
    held = models.BigIntegerField(_("held"), default=0)
    debt = models.BigIntegerField(
        _("owed"), default=0, db_comment="Taken back but not there any more: paid from what comes in next"
    )
    lifetime_earned = models.BigIntegerField(
        _("ever earned"), default=0, db_comment="Without what came from another member"
    )
    lifetime_spent = models.BigIntegerField(
        _("ever spent"), default=0, db_comment="Without what was given back, or passed on to another member"
    )
    version = models.BigIntegerField(default=0, db_comment="Grows with each plan that is written")
    entry_count = models.BigIntegerField(default=0, db_comment="Number of the newest entry")
    head_hash = models.BinaryField(
        max_length=32, default=bytes, db_comment="Hash of the newest entry; empty before the first"
    )
    lapses_at = models.DateTimeField(
        _("lapses at"),
        null=True,
        db_comment="When the lots go that live as long as the member is active; activities move it",
    )

    objects = TenantQuerySet["Wallet"].as_manager()

    class Meta:
        verbose_name = _("wallet")
        verbose_name_plural = _("wallets")
        constraints = [
            models.UniqueConstraint(name="one_wallet_per_member_and_type", fields=["member", "type"]),
            *[
                models.CheckConstraint(
                    name=f"a_wallet_never_has_negative_{name}", condition=Q(**{f"{name}__gte": 0})
                )
                for name in ("pending", "available", "held", "debt", "lifetime_earned", "lifetime_spent")
            ],
            models.CheckConstraint(
                name="a_wallet_in_debt_has_nothing_to_spend", condition=Q(debt__lte=0) | Q(available=0)
            ),
        ]
        indexes = [
            models.Index(name="wallets_by_program_and_type", fields=["program", "type"]),
            # Thousands lapse at the same midnight: in the order in which a run goes through them.
            models.Index(
                name="wallets_that_lapse_by_type",
                fields=["type", "lapses_at", "id"],
                condition=Q(lapses_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.available} {self.type}"


class LotQuerySet(TenantQuerySet["Lot"]):
    def open(self) -> Self:
        """Lots that still hold points for the member."""
        return self.filter(Q(available__gt=0) | Q(pending__gt=0) | Q(held__gt=0))

    def due(self, moment: datetime) -> Self:
        """Lots with available points whose time is over at that moment."""
        return self.filter(available__gt=0, expires_at__lte=moment)


class Lot(models.Model):
    """
    One grant of points with its own dates: a balance sheet by bucket, always in balance.

    Points never leave a lot; postings move them between its buckets.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    member = models.ForeignKey(
        Member, models.PROTECT, db_constraint=False, db_index=False, related_name="lots"
    )
    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="lots", verbose_name=_("wallet"))
    points = models.BigIntegerField(_("points"))
    pending = models.BigIntegerField(_("pending"), default=0)
    available = models.BigIntegerField(_("available"), default=0)
    held = models.BigIntegerField(_("held"), default=0)
    redeemed = models.BigIntegerField(_("redeemed"), default=0)
    expired = models.BigIntegerField(_("expired"), default=0)
    reversed = models.BigIntegerField(_("reversed"), default=0)
    earned_at = models.DateTimeField(_("earned at"))
    source = models.CharField(_("granted as"), max_length=10, choices=LotSource, default=LotSource.PURCHASE)
    unlocks_at = models.DateTimeField(_("unlocks at"), null=True)
    unlock_event = models.CharField(
        _("unlocked by"), max_length=60, blank=True, default="", db_comment="Event type that ends the waiting"
    )
    cancels_at = models.DateTimeField(
        _("cancelled at"), null=True, db_comment="When pending points go, if their event has not come"
    )
    expires_at = models.DateTimeField(
        _("expires at"), null=True, db_comment="First moment at which the points are gone"
    )
    lapses = models.BooleanField(
        _("lives while the member is active"), default=False, db_comment="Goes at the wallet's lapses_at"
    )
    origin_id = models.UUIDField(
        null=True, db_comment="members_lot.id: whence the points came, if from another member's wallet"
    )
    campaign_version_id = models.UUIDField(null=True, db_comment="rewards_campaignversion.id: who granted it")
    activity_id = models.UUIDField(null=True, db_comment="rewards_activity.id: for what it was granted")

    objects = LotQuerySet.as_manager()

    class Meta:
        verbose_name = _("lot")
        verbose_name_plural = _("lots")
        constraints = [
            models.CheckConstraint(
                name="the_buckets_of_a_lot_add_up",
                condition=Q(
                    points=F("pending")
                    + F("available")
                    + F("held")
                    + F("redeemed")
                    + F("expired")
                    + F("reversed")
                ),
            ),
            models.CheckConstraint(name="a_lot_has_points", condition=Q(points__gt=0)),
            models.CheckConstraint(name="a_lot_has_a_known_source", condition=Q(source__in=LotSource.values)),
            models.CheckConstraint(
                name="a_lot_lapses_or_has_its_own_date",
                condition=Q(lapses=False) | Q(expires_at__isnull=True),
            ),
            *[
                models.CheckConstraint(
                    name=f"a_lot_never_has_negative_{name}", condition=Q(**{f"{name}__gte": 0})
                )
                for name in ("pending", "available", "held", "redeemed", "expired", "reversed")
            ],
        ]
        indexes = [
            models.Index(
                name="open_lots_of_a_wallet",
                fields=["wallet", "expires_at", "id"],
                condition=Q(available__gt=0) | Q(pending__gt=0) | Q(held__gt=0),
            ),
            models.Index(name="lots_due", fields=["expires_at", "wallet"], condition=Q(available__gt=0)),
            models.Index(
                name="lots_to_unlock",
                fields=["unlocks_at", "wallet"],
                condition=Q(pending__gt=0, unlocks_at__isnull=False),
            ),
            models.Index(
                name="lots_to_cancel",
                fields=["cancels_at", "wallet"],
                condition=Q(pending__gt=0, cancels_at__isnull=False),
            ),
            models.Index(
                name="lots_from_elsewhere", fields=["origin_id"], condition=Q(origin_id__isnull=False)
            ),
            models.Index(
                name="lots_of_an_activity", fields=["activity_id"], condition=Q(activity_id__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.points} ({self.earned_at:%Y-%m-%d})"


class Entry(models.Model):
    """
    Why points moved: one line of a member's statement, written once and for good.

    `hash` covers the entry's content, its postings and the wallet's previous hash; there is no
    personal data in it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    member = models.ForeignKey(
        Member, models.PROTECT, db_constraint=False, db_index=False, related_name="entries"
    )
    wallet = models.ForeignKey(
        Wallet, models.PROTECT, db_index=False, related_name="entries", verbose_name=_("wallet")
    )
    number = models.BigIntegerField(db_comment="1, 2, 3 … in each wallet")
    kind = models.CharField(_("kind"), max_length=12, choices=EntryKind)
    cause = models.CharField(
        _("cause"),
        max_length=120,
        # By bytes, so that all that one run booked is found by the beginning of its causes.
        db_collation="C",
        db_comment="What it was booked for, as sale:<id>:earn:<wallet type>",
    )
    points = models.BigIntegerField(
        _("points"), db_comment="Effect on what the member has (pending, available and held together)"
    )
    pending_after = models.BigIntegerField(_("pending after"))
    available_after = models.BigIntegerField(_("balance after"))
    held_after = models.BigIntegerField(_("held after"))
    debt_after = models.BigIntegerField(_("debt after"), default=0)
    actor = models.CharField(_("by"), max_length=80, db_comment="partner:<key>, staff:<id> or system:<job>")
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    effective_at = models.DateTimeField(
        _("on"), db_comment="When it counts, by the partner's clock or the program's"
    )
    recorded_at = models.DateTimeField(
        _("recorded at"), db_comment="When it was written, by the program's clock"
    )
    hash = models.BinaryField(max_length=32)

    objects = TenantQuerySet["Entry"].as_manager()

    class Meta:
        verbose_name = _("entry")
        verbose_name_plural = _("points statement")
        constraints = [
            models.UniqueConstraint(name="one_booking_per_cause", fields=["program", "cause"]),
            # With what a balance of the past is read from, so that the index alone answers.
            models.UniqueConstraint(
                name="entries_are_numbered_in_a_row",
                fields=["wallet", "number"],
                include=["recorded_at", "pending_after", "available_after", "held_after", "debt_after"],
            ),
        ]
        indexes = [models.Index(name="entries_by_day", fields=["program", "recorded_at"])]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            never_emptied(),
            pgtrigger.Trigger(
                name="closed_periods_stay_closed",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=(
                    "IF EXISTS (SELECT 1 FROM members_periodlock l WHERE l.program_id = NEW.program_id"
                    " AND l.ends_at > NEW.recorded_at AND l.reopened_at IS NULL) THEN"
                    " RAISE EXCEPTION 'entry % lies in a closed period: %', NEW.cause, NEW.recorded_at"
                    " USING ERRCODE = 'check_violation', CONSTRAINT = 'a_closed_period_stays_as_it_is';"
                    " END IF; RETURN NEW;"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.points:+,}" if self.points else str(self.get_kind_display())


class Posting(models.Model):
    """
    Points of one lot, moved from one bucket to another, once and for good.

    One row names both sides, so an unbalanced posting cannot be stored.
    A mistake is undone by a second posting that goes the other way.
    """

    program_path = "member__program"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey(Member, models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    entry = models.ForeignKey(Entry, models.PROTECT, related_name="postings", verbose_name=_("entry"))
    lot = models.ForeignKey(Lot, models.PROTECT, related_name="postings", verbose_name=_("lot"))
    source = models.CharField(_("from"), max_length=10, choices=Bucket)
    destination = models.CharField(_("to"), max_length=10, choices=Bucket)
    points = models.BigIntegerField(_("points"))
    old_expires_at = models.DateTimeField(
        null=True, db_comment="What the lot's expires_at was, if this posting moved it"
    )
    new_expires_at = models.DateTimeField(
        null=True, db_comment="The lot's expires_at from here on, if this posting moved it"
    )

    objects = TenantQuerySet["Posting"].as_manager()

    class Meta:
        verbose_name = _("posting")
        verbose_name_plural = _("postings")
        constraints = [
            models.CheckConstraint(name="a_posting_moves_points", condition=Q(points__gt=0)),
            models.CheckConstraint(
                name="a_posting_goes_somewhere_else", condition=~Q(source=F("destination"))
            ),
            models.CheckConstraint(
                name="nothing_is_posted_back_to_issued", condition=~Q(destination="issued")
            ),
            models.CheckConstraint(
                name="a_posting_knows_its_buckets",
                condition=Q(source__in=Bucket.values) & Q(destination__in=Bucket.values),
            ),
            models.CheckConstraint(
                name="a_posting_that_had_a_date_gives_one",
                condition=Q(old_expires_at__isnull=True) | Q(new_expires_at__isnull=False),
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            never_emptied(),
        ]

    def __str__(self) -> str:
        return f"{self.points} {self.source} → {self.destination}"
