"""Members invite friends with a code of their own; a friend who enters it was brought by them."""

import secrets
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core import audit
from loyalty.core.db import violated
from loyalty.core.errors import DomainError, InvalidInput
from loyalty.core.models import Program, User
from members import references
from members.models import Member, MemberStatus
from members.references import MemberReference, member_of
from rewards import redeeming
from rewards.happenings import referrals
from rewards.models import Activity, ActivityKind, Referral, ReferralCode, ReferralStatus
from rewards.models.referral_code import CODE_LENGTH
from rewards.redeeming import guessing

WRONG_BY_CREDENTIAL: Final = 100
WRONG_BY_FRIEND: Final = 10
_ATTEMPTS: Final = 5


class UnknownReferralCode(DomainError):
    """Nobody who invites has that code: it is mistyped, disabled, or its member is no member any more."""

    code: ClassVar[str] = "unknown_referral_code"
    status: ClassVar[int] = 404
    title = gettext_lazy("No such referral code")


class TooManyReferralCodes(DomainError):
    """Too many codes that there are not were tried: wait as `Retry-After` says, whatever the code is."""

    code: ClassVar[str] = "too_many_referral_codes"
    status: ClassVar[int] = 429
    title = gettext_lazy("Too many referral codes were tried")


class ReferralCodeIsDisabled(DomainError):
    """Staff have disabled the member's code: nobody is brought by it, and the member gets no other."""

    code: ClassVar[str] = "referral_code_disabled"
    title = gettext_lazy("The referral code is disabled")


class SelfReferral(DomainError):
    """The code is the friend's own, or that of a second membership of the same person."""

    code: ClassVar[str] = "self_referral"
    title = gettext_lazy("Members cannot bring themselves")


class AlreadyReferred(DomainError):
    """Somebody else brought that friend, or a referral of theirs was refused: it stays at that."""

    code: ClassVar[str] = "already_referred"
    title = gettext_lazy("The friend was brought already")


class NotANewcomer(DomainError):
    """The friend bought something before, or was a member before whoever is said to have brought them."""

    code: ClassVar[str] = "not_a_newcomer"
    title = gettext_lazy("The friend is no newcomer")


def invite(asked: MemberReference, *, program: Program, at: datetime) -> ReferralCode:
    """
    The code by which a member invites; it is made when it is first asked for, and stays the same.

    :raises UnknownMember: if there is no such member; also as `member_of()`
    :raises ReferralCodeIsDisabled: if staff have disabled it
    """
    (found,) = references.known(program.pk, [asked])
    member_id = member_of(found, asked).member_id
    for _attempt in range(_ATTEMPTS):
        if known := ReferralCode.objects.of(program).filter(member=member_id).first():
            return _good(known)
        # Of two who ask at once, or if the code is another's, one writes nothing and looks again.
        ReferralCode.objects.bulk_create(
            [ReferralCode(program=program, member_id=member_id, code=_new_code(), made_at=at)],
            ignore_conflicts=True,
        )
    return ReferralCode.objects.of(program).get(member=member_id)


def _good(known: ReferralCode) -> ReferralCode:
    if known.disabled_at:
        raise ReferralCodeIsDisabled(_("The member’s code was disabled: they cannot invite."))
    return known


@transaction.atomic
def disable(code: ReferralCode, *, reason: str, by: User, at: datetime) -> None:
    """
    Have nobody be brought by a code any more; whom it brought stays brought.

    :raises InvalidInput: without a reason
    :raises ReferralCodeIsDisabled: if it is so already
    """
    reason = reason.strip()[:200]
    if not reason:
        raise InvalidInput(_("Say why the code is to be disabled."))
    rows = ReferralCode.objects.filter(pk=code.pk, disabled_at__isnull=True)
    if not rows.update(disabled_at=at, disabled_reason=reason):
        raise ReferralCodeIsDisabled
    audit.note(code, by=by, text=_("Disabled: %(reason)s") % {"reason": reason})


@transaction.atomic
def enable(code: ReferralCode, *, by: User) -> None:
    """Let members be brought by a code again; one that is good stays so."""
    rows = ReferralCode.objects.filter(pk=code.pk, disabled_at__isnull=False)
    if rows.update(disabled_at=None, disabled_reason=""):
        audit.note(code, by=by, text=_("Enabled again."))


def _new_code() -> str:
    return "".join(secrets.choice(redeeming.CODE_ALPHABET) for _ in range(CODE_LENGTH))


@transaction.atomic
def accept(code: str, *, friend: MemberReference, program: Program, asked_by: str) -> Referral:
    """
    Note who brought a friend; the same again is the referral that there is.

    It waits for the friend's first purchase, as one that is known from a registration does. `asked_by` is
    whose wrong codes are counted, beside the friend's.

    :raises UnknownReferralCode: if nobody invites by that code
    :raises TooManyReferralCodes: if the friend or the credential tried too many wrong ones
    :raises SelfReferral: if both are the same person
    :raises AlreadyReferred: if it was somebody else who brought the friend
    :raises NotANewcomer: if the friend was there before
    """
    (found,) = references.known(program.pk, [friend])
    newcomer = Member.objects.of(program).get(pk=member_of(found, friend, pointer="#/friend").member_id)
    limits = {asked_by: WRONG_BY_CREDENTIAL, f"member:{newcomer.pk}": WRONG_BY_FRIEND}
    with guessing.slowed_down(limits, wrong=UnknownReferralCode, refusal=TooManyReferralCodes):
        member = _inviter(code, program)
    if known := Referral.objects.of(program).filter(friend=newcomer).first():
        return _same(known, member)
    _check(member, newcomer)
    try:
        with transaction.atomic():
            return Referral.objects.create(
                program=program, member=member, friend=newcomer, registered_at=newcomer.enrolled_at
            )
    except IntegrityError as error:
        if violated(error) != "rewards_referral_friend_id_key":
            raise
        return _same(Referral.objects.of(program).get(friend=newcomer), member)


def _inviter(code: str, program: Program) -> Member:
    """Whose code it is, typed in any case and with blanks; after a merge, who has what was theirs."""
    typed = "".join(code.split()).upper()
    good = ReferralCode.objects.of(program).filter(code=typed, disabled_at__isnull=True)
    known = good.select_related("member__merged_into").first()
    member = referrals.survivor(known.member) if known else None
    if member is None or member.status != MemberStatus.ACTIVE:
        raise UnknownReferralCode(_("Nobody invites by that code."), pointer="#/code")
    return member


def _same(known: Referral, member: Member) -> Referral:
    is_the_same = referrals.survivor(known.member).pk == member.pk
    if known.status == ReferralStatus.REFUSED or not is_the_same:
        raise AlreadyReferred(_("It is known already who brought this friend."), pointer="#/friend")
    return known


def _check(member: Member, friend: Member) -> None:
    reason = referrals.why_not(member, friend)
    if reason == "self_referral":
        raise SelfReferral(_("Nobody can bring themselves."), pointer="#/code")
    bought = Activity.objects.of(friend.program).filter(member=friend, kind=ActivityKind.SALE)
    if reason or bought.exists():
        raise NotANewcomer(_("The friend was there before."), pointer="#/friend")


def find(program: Program, referral_id: UUID | None) -> Referral | None:
    """A referral of the program by its id."""
    return Referral.objects.of(program).filter(pk=referral_id).first() if referral_id else None
