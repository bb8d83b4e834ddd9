"""
Sales of nobody, and whose they turn out to be: kept when they are reported, booked when they are claimed.

Who claims a receipt names its number and what was paid; both must be right. Numbers of receipts follow
each other, so that tries are counted, for a member and for whoever asks on their behalf.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import ClassVar, Final, Literal
from uuid import UUID

import msgspec
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Struct

from loyalty.core.clock import Moment
from loyalty.core.db import Batch, fetch, settled
from loyalty.core.errors import DomainError
from loyalty.core.ids import new_id
from loyalty.core.models import Program
from members.ledger import store
from members.references import MemberReference, member_of, reference
from rewards.deciding.activities import NOBODY, Money, Sale
from rewards.deciding.recorded import AlreadyReported, Also, Recorded, check_currency, read_recorded
from rewards.journeys import earning
from rewards.models import UnclaimedSale
from rewards.redeeming import guessing

TRIES_OF_A_MEMBER: Final = 10
TRIES_OF_A_PARTNER: Final = 300
KEPT_DAYS: Final = 30
"""How long what nobody can claim any more is kept, so that a repeat is known as one."""
AT_ONCE: Final = 5_000


class UnknownReceipt(DomainError):
    """No sale that can be claimed has that number and was paid with that amount."""

    code: ClassVar[str] = "unknown_receipt"
    status: ClassVar[int] = 404
    title = gettext_lazy("No such receipt")


class ReceiptTooOld(DomainError):
    """The purchase is longer ago than the program lets its members claim one."""

    code: ClassVar[str] = "receipt_too_old"
    title = gettext_lazy("The receipt can be claimed no more")


class ReceiptClaimed(DomainError):
    """The purchase was claimed by another member before, or booked for one."""

    code: ClassVar[str] = "receipt_claimed"
    title = gettext_lazy("The receipt was claimed before")


class ReceiptIsNotUnique(DomainError):
    """Several stores have a receipt of that number and amount: say which `store`."""

    code: ClassVar[str] = "receipt_not_unique"
    title = gettext_lazy("There are several such receipts")


class TooManyClaims(DomainError):
    """Too many receipts were claimed that are none: try again later, whatever the receipt is."""

    code: ClassVar[str] = "too_many_claims"
    status: ClassVar[int] = 429
    title = gettext_lazy("Too many receipts were tried")


class Kept(Struct, frozen=True, kw_only=True, tag_field="kind", tag="sale"):
    """A sale without a member: kept, and booked when a member claims it."""

    id: UUID
    status: Literal["unclaimed", "claimed"] = "unclaimed"
    external_id: str
    occurred_at: Moment
    recorded_at: Moment
    claimable_until: Moment
    transaction_id: UUID | None = None


class Receipt(Struct, frozen=True, kw_only=True):
    """What somebody has in hand: the number, what was paid, and the store if they can tell."""

    external_id: str
    amount: Money
    store: str = ""


# Keeping.

_FIND: Final = """
SELECT kept.id, kept.fingerprint, kept.recorded_at, kept.activity_id, done.id
FROM (VALUES ($3::text)) AS asked(external_id)
LEFT JOIN rewards_unclaimedsale kept ON kept.program_id = $1 AND kept.source = $2
     AND kept.external_id = asked.external_id
LEFT JOIN rewards_activity done ON done.program_id = $1 AND done.source = $2
     AND done.external_id = asked.external_id AND done.kind IN ('sale', 'undone')
LIMIT 1"""
_FIELDS: Final = (
    "id", "program", "source", "external_id", "store", "amount", "body", "fingerprint", "occurred_at",
    "recorded_at",
)  # fmt: skip


def keep(
    sale: Sale,
    *,
    program: Program,
    source: str,
    at: datetime,
    also: Callable[[Batch, Kept], None] | None = None,
) -> Kept:
    """
    Keep a sale of `NOBODY`, once. A repeat is answered with what has become of it.

    :raises InvalidInput: wrong currency, a time in the future, a line twice
    :raises AlreadyReported: if the external id was reported before, with other content or with a member
    """
    assert sale.member == NOBODY, "a sale with a member is booked"
    earning.check(sale, program=program, at=at)

    def attempt(is_locking: bool) -> Kept:
        ((kept_id, fingerprint, recorded_at, activity_id, done_id),) = fetch(
            _FIND, [program.pk, source, sale.external_id]
        )
        if kept_id is None and done_id is not None:
            raise AlreadyReported(
                _("“{number}” was reported before, with a member.").format(number=sale.external_id),
                pointer="#/external_id",
                first_id=str(done_id),
            )
        if kept_id is not None and fingerprint != sale.fingerprint:
            raise AlreadyReported(
                _("“{number}” was reported before, with other content.").format(number=sale.external_id),
                pointer="#/external_id",
                first_id=str(kept_id),
            )
        kept = Kept(
            id=kept_id or new_id(),
            status="claimed" if activity_id else "unclaimed",
            external_id=sale.external_id,
            occurred_at=sale.occurred_at.astimezone(UTC),
            recorded_at=(recorded_at or at).astimezone(UTC),
            claimable_until=_last_moment(sale.occurred_at, program).astimezone(UTC),
            transaction_id=activity_id,
        )
        if kept_id is None:
            _write(kept, sale, program, source, also)
        return kept

    return settled(attempt, races=("an_unclaimed_sale_is_kept_once",))


def _write(
    kept: Kept, sale: Sale, program: Program, source: str, also: Callable[[Batch, Kept], None] | None
) -> None:
    batch = Batch()
    row = (
        kept.id, program.pk, source, sale.external_id, sale.store, sale.amount.amount,
        msgspec.to_builtins(sale), sale.fingerprint, kept.occurred_at, kept.recorded_at,
    )  # fmt: skip
    batch.insert(UnclaimedSale, _FIELDS, [row])
    if also:
        also(batch, kept)
    batch.write()


def _last_moment(occurred_at: datetime, program: Program) -> datetime:
    return occurred_at + timedelta(days=program.claim_days)


# Claiming.


def claim(
    receipt: Receipt,
    *,
    member: MemberReference,
    program: Program,
    source: str,
    actor: str,
    at: datetime,
    also: Also | None = None,
) -> Recorded:
    """
    Book the sale of a receipt for whoever claims it, by the rules of when it happened.

    Claimed again by the same member, it is answered with the first result. `source` is who asks.

    :raises UnknownMember, MemberIsBlocked, MemberIsMerged: as for a sale
    :raises UnknownReceipt: if number and amount are not those of a sale that nobody has
    :raises ReceiptIsNotUnique: if they are those of several
    :raises ReceiptTooOld: if it was too long ago
    :raises ReceiptClaimed: if another member was quicker
    :raises TooManyClaims: after too many wrong ones
    """
    check_currency(receipt.amount, program, "#/amount/currency")
    (account,) = store.load(program.pk, [reference(member)])
    member_id = member_of(account, member).member_id
    tries = {f"member:{member_id}": TRIES_OF_A_MEMBER, f"partner:{program.pk}:{source}": TRIES_OF_A_PARTNER}
    with guessing.slowed_down(tries, wrong=UnknownReceipt, refusal=TooManyClaims):
        kept = _found(receipt, program)
    if kept.activity is not None:
        return _claimed_before(kept, member_id)
    if at >= _last_moment(kept.occurred_at, program):
        raise ReceiptTooOld(
            _("A purchase can be claimed for {days} days.").format(days=program.claim_days),
            pointer="#/external_id",
        )
    return _book(kept, member, program=program, actor=actor, at=at, also=also)


def _found(receipt: Receipt, program: Program) -> UnclaimedSale:
    rows = UnclaimedSale.objects.of(program).filter(
        external_id=receipt.external_id, amount=Decimal(receipt.amount.amount)
    )
    if receipt.store:
        rows = rows.filter(store=receipt.store)
    found = list(rows.select_related("activity").order_by("pk")[:2])
    if not found:
        raise UnknownReceipt(
            _("No purchase that can be claimed has this number and this amount."), pointer="#/external_id"
        )
    if len(found) > 1:
        raise ReceiptIsNotUnique(_("Several stores have such a receipt: say which."), pointer="#/store")
    return found[0]


def _book(
    kept: UnclaimedSale,
    member: MemberReference,
    *,
    program: Program,
    actor: str,
    at: datetime,
    also: Also | None,
) -> Recorded:
    sale = msgspec.structs.replace(msgspec.convert(kept.body, Sale), member=member)

    def claimed(batch: Batch, recorded: Recorded) -> None:
        batch.update(UnclaimedSale, ("id", "activity"), [(kept.pk, recorded.id)])
        if also:
            also(batch, recorded)

    try:
        return earning.record(sale, program=program, source=kept.source, actor=actor, at=at, also=claimed)
    except AlreadyReported as refusal:  # another member was quicker, or the till has told whose it was
        raise _taken() from refusal


def _claimed_before(kept: UnclaimedSale, member_id: UUID) -> Recorded:
    activity = kept.activity
    assert activity is not None, "it was asked for"
    if activity.member_id != member_id:
        raise _taken()
    (row,) = fetch(_RECORDED, [activity.pk])
    return read_recorded(row)


_RECORDED: Final = """
SELECT id, kind, external_id, member_id, occurred_at, recorded_at, points, awards::text, outcome::text
FROM rewards_activity WHERE id = $1"""


def _taken() -> ReceiptClaimed:
    return ReceiptClaimed(_("This purchase is somebody's already."), pointer="#/external_id")


# Forgetting.

_FORGET: Final = """
DELETE FROM rewards_unclaimedsale WHERE id IN (
    SELECT id FROM rewards_unclaimedsale
    WHERE program_id = $1 AND activity_id IS NULL AND occurred_at < $2 ORDER BY occurred_at LIMIT $3
    FOR UPDATE SKIP LOCKED)
RETURNING id"""


def forget(program: Program, *, at: datetime) -> int:
    """Delete what nobody can claim any more, some thousands at a time; how many those were."""
    until = at - timedelta(days=program.claim_days + KEPT_DAYS)
    forgotten = 0
    while rows := fetch(_FORGET, [program.pk, until, AT_ONCE]):
        forgotten += len(rows)
    return forgotten
