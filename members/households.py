"""Members who share their points: who is in a household, and what they have together."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import ClassVar
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Struct

from loyalty.core.db import Moved, settled, violated
from loyalty.core.errors import DomainError, Extra, NotFound
from loyalty.core.ids import new_id
from loyalty.core.models import Program
from members import details, references, terms, transfers
from members.ledger import store
from members.ledger.operations import InsufficientPoints
from members.ledger.plan import Plan
from members.ledger.state import Account, LotState, WalletState
from members.models import Household, HouseholdMember, Member, MemberStatus, TransferScope
from members.terms import WalletTerms
from members.transfers import Move, TransferNotAllowed, Transferred


class AlreadyInHousehold(DomainError):
    """The member is in a household, and one is in one at most."""

    code: ClassVar[str] = "already_in_household"
    title = gettext_lazy("The member is in a household already")


class HouseholdIsFull(DomainError):
    """The household has as many members as the program lets one have."""

    code: ClassVar[str] = "household_full"
    title = gettext_lazy("The household is full")
    extras = {
        "limit": Extra(6, gettext_lazy("How many members a household may have")),
    }


class NotInHousehold(DomainError):
    """The member is in no household, or not in this one."""

    code: ClassVar[str] = "not_in_household"
    title = gettext_lazy("The member is not in the household")


def found(*, head: Member, name: str = "", actor: str, at: datetime) -> Household:
    """
    Begin a household; its first member is its head.

    :raises AlreadyInHousehold: if the member is in one
    :raises members.references.MemberIsBlocked: if the member is blocked (or merged, or erased)
    """
    with transaction.atomic():
        _check_member(head)
        household = Household.objects.create(program_id=head.program_id, name=name, founded_at=at)
        _settle_in(household, head, is_head=True, actor=actor, at=at)
    return household


def join(household: Household, *, member: Member, actor: str, at: datetime) -> None:
    """
    Take a member into a household.

    :raises NotFound: if the household is another program's, or dissolved
    :raises AlreadyInHousehold: if the member is in one
    :raises HouseholdIsFull: if the program admits no more to one
    :raises members.references.MemberIsBlocked: if the member is blocked (or merged, or erased)
    """
    with transaction.atomic():
        _check_member(member)
        program = member.program
        present = Household.objects.select_for_update().filter(
            pk=household.pk, program=program, dissolved_at__isnull=True
        )
        if not present:
            raise NotFound(_("There is no such household in this program."))
        if HouseholdMember.objects.filter(household=household).count() >= program.household_size:
            detail = _("A household has at most {number} members.").format(number=program.household_size)
            raise HouseholdIsFull(detail, limit=program.household_size)
        _settle_in(household, member, is_head=False, actor=actor, at=at)


def _check_member(member: Member) -> None:
    """Hold the member, who cannot be merged or blocked meanwhile, and refuse who is."""
    present = details.hold(member)
    member.status, member.merged_into_id = present.status, present.merged_into_id
    if member.status == MemberStatus.MERGED:
        raise references.merged(member.pk)
    if member.status != MemberStatus.ACTIVE:
        raise references.MemberIsBlocked(_("Only active members are in households."))


def _settle_in(household: Household, member: Member, *, is_head: bool, actor: str, at: datetime) -> None:
    try:
        with transaction.atomic():
            HouseholdMember.objects.create(
                program_id=household.program_id,
                household=household,
                member=member,
                is_head=is_head,
                joined_at=at,
            )
    except IntegrityError as error:
        if violated(error) == "a_member_is_in_one_household":
            raise AlreadyInHousehold(
                _("{member} is in a household already.").format(member=member)
            ) from error
        raise
    details.tell_changed(member, fields=["household"], actor=actor, at=at)


def leave(member: Member, *, actor: str, at: datetime) -> None:
    """
    Take a member out of their household. The longest there follows a head who leaves; the last ends it.

    :raises NotInHousehold: if the member is in none
    """
    with transaction.atomic():
        # Places change under their members' locks only, so this one stays as it is read.
        details.hold(member)
        place = place_of(member)
        household = Household.objects.select_for_update().get(pk=place.household_id)
        place.delete()
        details.tell_changed(member, fields=["household"], actor=actor, at=at)
        _close_ranks(household, at=at)


def place_of(member: Member) -> HouseholdMember:
    """:raises NotInHousehold: if the member is in none"""
    place = HouseholdMember.objects.filter(member=member).select_related("household").first()
    if place is None:
        raise NotInHousehold(_("{member} is in no household.").format(member=member))
    return place


def _close_ranks(household: Household, *, at: datetime) -> None:
    rest = HouseholdMember.objects.filter(household=household)
    heir = rest.order_by("-is_head", "joined_at", "pk").first()
    if heir is None:
        household.dissolved_at = at
        household.save(update_fields=["dissolved_at"])
    elif not heir.is_head:
        rest.filter(pk=heir.pk).update(is_head=True)


def dissolve(household: Household, *, actor: str, at: datetime) -> None:
    """
    End a household: all leave it, each with the points that they have.

    All of them are held before the household is, as by each who joins or leaves: if somebody has joined
    until then, it begins again with them.
    """

    def attempt(_is_locking: bool) -> None:
        with transaction.atomic():
            places = HouseholdMember.objects.filter(household=household)
            known = set(places.values_list("member_id", flat=True))
            details.hold_all(known)
            present = Household.objects.select_for_update().get(pk=household.pk)
            leaving = [place.member for place in places.select_related("member").order_by("member_id")]
            if not {member.pk for member in leaving} <= known:
                raise Moved
            places.delete()
            for member in leaving:
                details.tell_changed(member, fields=["household"], actor=actor, at=at)
            _close_ranks(present, at=at)

    settled(attempt, races=())


def hand_over(duplicate: Member, *, to: Member, actor: str, at: datetime) -> None:
    """
    Give a duplicate's place to the member it is merged into; both are held.

    Who has a place of their own keeps it, and the duplicate just leaves. In one household the duplicate's
    being its head goes along.
    """
    place = HouseholdMember.objects.filter(member=duplicate).select_related("household").first()
    if place is None:
        return
    own = HouseholdMember.objects.filter(member=to).first()
    if own is None:
        HouseholdMember.objects.filter(pk=place.pk).update(member=to)
    else:
        leave(duplicate, actor=actor, at=at)
        if place.is_head and own.household_id == place.household_id:
            lead(to)
    details.tell_changed(to, fields=["household"], actor=actor, at=at)


def lead(member: Member) -> None:
    """
    Make a member the head of their household.

    :raises NotInHousehold: if the member is in none
    """
    with transaction.atomic():
        details.hold(member)
        place = place_of(member)
        Household.objects.select_for_update().get(pk=place.household_id)
        HouseholdMember.objects.filter(household=place.household_id, is_head=True).update(is_head=False)
        HouseholdMember.objects.filter(pk=place.pk).update(is_head=True)


def share(member: Member, *, shares_points: bool) -> None:
    """
    Let others in the household redeem with the member's points, or not any more.

    :raises NotInHousehold: if the member is in none
    """
    with transaction.atomic():
        details.hold(member)
        HouseholdMember.objects.filter(pk=place_of(member).pk).update(shares_points=shares_points)


class Pool(Struct, frozen=True, kw_only=True):
    """What a member can redeem of one kind of points: their own, and what the others share of theirs."""

    wallet_type: str
    name: str
    own: int
    shared: int

    @property
    def points(self) -> int:
        return self.own + self.shared


def pooled(member: Member, *, at: datetime) -> list[Pool]:
    """The spendable points of a member and of those who share theirs with them, by kind."""
    program = member.program
    places = list(HouseholdMember.objects.beside(member))
    accounts = _accounts(program, {member.pk, *(place.member_id for place in places)})
    own, others = _split(member.pk, accounts, places)
    return [
        Pool(
            wallet_type=kind.key,
            name=kind.name,
            own=_spendable([own], kind, at=at) if own else 0,
            shared=_spendable(others, kind, at=at) if kind.transfers_to != TransferScope.NOBODY else 0,
        )
        for kind in terms.of(program).wallet_types.values()
        if kind.is_spendable
    ]


def _accounts(program: Program, member_ids: Iterable[UUID]) -> list[Account]:
    """With their open lots."""
    loaded = store.load(program.pk, [("id", str(member_id)) for member_id in sorted(set(member_ids))])
    accounts = [account for account in loaded if account is not None]
    return store.with_open_lots(accounts, keeps_due=terms.of(program).keeps_due)


def _split(
    member_id: UUID, accounts: Sequence[Account], places: Iterable[HouseholdMember]
) -> tuple[Account | None, list[Account]]:
    """The member's account, and those of the others who share and may."""
    sharing = {place.member_id for place in places if place.shares_points}
    own = next((account for account in accounts if account.member_id == member_id), None)
    others = [
        account
        for account in accounts
        if account.member_id != member_id
        and account.member_id in sharing
        and account.status == MemberStatus.ACTIVE
    ]
    return own, others


def _spendable(accounts: Iterable[Account], kind: WalletTerms, *, at: datetime) -> int:
    wallets = (account.wallet_of(kind.id) for account in accounts)
    return sum(wallet.spendable(at) for wallet in wallets if wallet)


def draw(
    *,
    member_id: UUID,
    kind: WalletTerms,
    points: int,
    program: Program,
    source: str,
    actor: str,
    at: datetime,
) -> list[Transferred]:
    """
    Bring what a member lacks for so many points from the others of the household who share theirs.

    What expires first in the whole household comes first. Each gives by a transfer without fee;
    minimum and monthly limit are for what members send by themselves. Nothing is brought if the
    member has enough. To be called in the transaction that spends the points.

    :raises TransferNotAllowed: if these points cannot be passed on
    :raises members.ledger.operations.InsufficientPoints: if all together have fewer
    """
    mates = HouseholdMember.objects.filter(
        household__in=HouseholdMember.objects.filter(member=member_id).values("household")
    )
    locked = {member_id, *mates.values_list("member_id", flat=True)}
    store.lock(locked)
    # Whoever has joined since then is not held, and gives nothing yet.
    places = list(mates.filter(member__in=locked))
    accounts = _accounts(program, locked)
    own, others = _split(member_id, accounts, places)
    assert own is not None, "a member who spends has an account"
    missing = points - _spendable([own], kind, at=at)
    if missing <= 0:
        return []
    if kind.transfers_to == TransferScope.NOBODY:
        detail = _("{points} cannot be passed on to others.").format(points=kind.name)
        raise TransferNotAllowed(detail, pointer="#/from_household")
    if (shared := _spendable(others, kind, at=at)) < missing:
        held = points - missing + shared
        detail = _("The household has {held} points, not {points}.").format(held=held, points=points)
        raise InsufficientPoints(detail, available=held)
    household_id = places[0].household_id
    writing = transfers.Writing(program=program, kind=kind, source=source, actor=actor, at=at)
    plan = Plan([own, *others])
    done = []
    into = own.wallet_or_new(kind.id, program_id=program.pk)
    for account, share_of_it in shares(others, kind=kind, points=missing, at=at):
        move = Move(
            id=new_id(),
            sender=account.wallet_or_new(kind.id, program_id=program.pk),
            recipient=plan.wallets.get(into.id, into),
            points=share_of_it,
            fee=0,
            household_id=household_id,
        )
        done.append(writing.add(move, plan))
    writing.write(plan)
    return done


def shares(
    others: Sequence[Account], *, kind: WalletTerms, points: int, at: datetime
) -> list[tuple[Account, int]]:
    """How many points each gives, so that those which expire first in all their wallets go first."""
    lots = [
        (_order(wallet, lot), lot.available, account.member_id)
        for account in others
        if (wallet := account.wallet_of(kind.id))
        for lot in wallet.lots_to_spend(at)
    ]
    given: Counter[UUID] = Counter()
    for _expiry, available, member_id in sorted(lots, key=itemgetter(0)):
        taken = min(available, points)
        given[member_id] += taken
        points -= taken
    return [(account, given[account.member_id]) for account in others if given[account.member_id]]


def _order(wallet: WalletState, lot: LotState) -> tuple[bool, float, datetime, UUID]:
    """Soonest expiry first, never last; then the oldest: as within one wallet."""
    expires_at = wallet.expiry_of(lot)
    return (expires_at is None, expires_at.timestamp() if expires_at else 0.0, lot.earned_at, lot.id)
