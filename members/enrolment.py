"""People become members: one of them at a till, or thousands from a file."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core import clock, codes, db, events
from loyalty.core.db import Batch
from loyalty.core.errors import DomainError, InvalidInput
from loyalty.core.ids import new_id
from loyalty.core.models import Program
from members import attributes
from members.models import (
    Identifier,
    IdentifierKind,
    Member,
    MemberStatus,
    MemberTier,
    Tier,
    Wallet,
    WalletType,
)

Named = tuple[str, str]

MAXIMUM_LENGTH: Final = 254
EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
CLOCKS_DIFFER_BY: Final = timedelta(minutes=5)

_CONSTRAINT: Final = "an_identifier_names_one_member"
_ATTEMPTS: Final = 5
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164
_PHONE_DRESS: Final = re.compile(r"[\s()./-]+")


class IdentifierTaken(DomainError):
    """Another member of the program is known by one of these identifiers already."""

    code = "identifier_taken"
    status = 409
    title = gettext_lazy("The identifier belongs to another member")


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """Someone who is to become a member. `identifiers` are pairs of kind and value, as they were typed."""

    identifiers: Sequence[Named]
    enrolled_at: datetime
    first_name: str = ""
    last_name: str = ""
    birth_date: date | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


def enrol(
    *,
    program: Program,
    identifiers: Sequence[Named],
    at: datetime,
    actor: str,
    enrolled_at: datetime | None = None,
    first_name: str = "",
    last_name: str = "",
    birth_date: date | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Member:
    """
    Make someone a member, with empty wallets and at the foot of each ladder.

    :param at: the program's present; `enrolled_at` is when it happened, if that was earlier
    :param actor: who did it, as `partner:till`
    :raises IdentifierTaken: if somebody else is known by one of the identifiers
    :raises InvalidInput: if an identifier is none
    """
    enrolment = Enrolment(
        identifiers=identifiers,
        enrolled_at=enrolled_at or at,
        first_name=first_name,
        last_name=last_name,
        birth_date=birth_date,
        attributes=attributes or {},
    )
    (result,) = enrol_many([enrolment], program=program, at=at, actor=actor)
    if isinstance(result, DomainError):
        raise result
    return result


def enrol_many(
    enrolments: Sequence[Enrolment], *, program: Program, at: datetime, actor: str
) -> list[Member | DomainError]:
    """
    Make members of many, in one transaction: for each, in order, the member or why it is refused.

    Of two with the same identifier the first becomes a member.
    """
    for _attempt in range(_ATTEMPTS):
        try:
            with transaction.atomic():
                return _enrol_all(enrolments, program=program, at=at, actor=actor)
        except IntegrityError as error:
            # Somebody else enrolled one of them meanwhile: by the next look, that one is taken.
            if _CONSTRAINT not in str(error):
                raise
    raise IdentifierTaken(_("Others are registering the same members at this moment."))


def enrol_or_find(
    enrolments: Sequence[Enrolment], *, program: Program, at: datetime, actor: str
) -> list[tuple[Member, bool] | DomainError]:
    """
    Make members of many as `enrol_many()` does: for each, in order, the member and whether they are new.

    Somebody whose identifiers are all known, and as one member's, is that member: so the same people can
    be sent again, and nothing is done twice.
    """
    results = enrol_many(enrolments, program=program, at=at, actor=actor)
    refused = [
        normalized
        for enrolment, result in zip(enrolments, results, strict=True)
        if isinstance(result, IdentifierTaken)
        and not isinstance(normalized := _normalized(enrolment.identifiers), DomainError)
    ]
    owners = _owners(program, [name for names in refused for name in names])
    members = Member.objects.of(program).in_bulk(list(set(owners.values())))
    ahead = iter(refused)
    found: list[tuple[Member, bool] | DomainError] = []
    for result in results:
        if isinstance(result, Member):
            found.append((result, True))
        elif isinstance(result, IdentifierTaken):
            known = {owners.get(name) for name in next(ahead)}
            (owner,) = known if len(known) == 1 else (None,)
            found.append((members[owner], False) if owner in members else result)
        else:
            found.append(result)
    return found


def _enrol_all(
    enrolments: Sequence[Enrolment], *, program: Program, at: datetime, actor: str
) -> list[Member | DomainError]:
    has_attributes = any(enrolment.attributes for enrolment in enrolments)
    kinds = attributes.declared(program) if has_attributes else {}
    normalized = [
        _wrong_date(enrolment, program=program, at=at)
        or attributes.misfit(enrolment.attributes, kinds)
        or _normalized(enrolment.identifiers)
        for enrolment in enrolments
    ]
    wanted = [names for names in normalized if not isinstance(names, DomainError)]
    taken = set(_owners(program, [name for names in wanted for name in names]))
    results: list[Member | DomainError] = []
    accepted: list[tuple[Member, list[Named]]] = []
    for enrolment, names in zip(enrolments, normalized, strict=True):
        if isinstance(names, DomainError):
            results.append(names)
        elif clash := [(place, name) for place, name in enumerate(names) if name in taken]:
            results.append(_refusal(*clash[0]))
        else:
            member = _member(enrolment, program=program, at=at)
            taken.update(names)
            accepted.append((member, names))
            results.append(member)
    _write(accepted, program=program, at=at, actor=actor)
    return results


def _wrong_date(enrolment: Enrolment, *, program: Program, at: datetime) -> InvalidInput | None:
    born = enrolment.birth_date
    if born is not None and (detail := wrong_birth_date(born, program=program, at=at)):
        return InvalidInput(detail, pointer="#/birth_date")
    if not EARLIEST <= enrolment.enrolled_at <= at + CLOCKS_DIFFER_BY:
        return InvalidInput(_("An enrolment lies between 1900 and now."), pointer="#/enrolled_at")
    return None


def wrong_birth_date(born: date, *, program: Program, at: datetime) -> str:
    """Why nobody is born that day; empty if somebody may be."""
    if EARLIEST.date() <= born <= clock.local_date(program, at):
        return ""
    return _("A birth date lies between 1900 and today.")


def _normalized(identifiers: Sequence[Named]) -> list[Named] | DomainError:
    try:
        names = [
            (kind, normalize(kind, value, pointer=f"#/identifiers/{place}/value"))
            for place, (kind, value) in enumerate(identifiers)
        ]
    except InvalidInput as refusal:
        return refusal
    if not names:
        return InvalidInput(_("A member needs at least one identifier."), pointer="#/identifiers")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        detail = _("The same identifier is given twice: {kind} {value}.")
        return InvalidInput(detail.format(kind=twice[0][0], value=twice[0][1]), pointer="#/identifiers")
    return names


def normalize(kind: str, value: str, *, pointer: str | None = None) -> str:
    """
    An identifier as it is stored, so that equal means the same person.

    E-mail addresses in lower case, phone numbers in E.164 (+491701234567), cards without spaces at
    their ends, outside ids exactly as they are.

    :raises InvalidInput: if it cannot be an identifier of that kind
    """
    value = unicodedata.normalize("NFC", value)
    match kind:
        case IdentifierKind.EMAIL:
            value = value.strip().casefold()
            valid, hint = bool(_EMAIL.fullmatch(value)), gettext_lazy("This is no e-mail address.")
        case IdentifierKind.PHONE:
            value = re.sub(r"^00", "+", _PHONE_DRESS.sub("", value))
            valid = bool(_PHONE.fullmatch(value))
            hint = gettext_lazy("A phone number begins with + and its country code.")
        case IdentifierKind.CARD | IdentifierKind.EXTERNAL:
            value = value.strip() if kind == IdentifierKind.CARD else value
            valid, hint = bool(value.strip()), gettext_lazy("The identifier is empty.")
        case _:
            raise InvalidInput(_("There is no kind of identifier {kind}.").format(kind=kind), pointer=pointer)
    if not valid:
        raise InvalidInput(str(hint), pointer=pointer)
    if len(value) > MAXIMUM_LENGTH or not codes.is_visible(value):
        raise InvalidInput(
            _("An identifier has up to 254 characters, none of them invisible."), pointer=pointer
        )
    return value


def _refusal(place: int, name: Named) -> IdentifierTaken:
    # The answer is kept for repeats, and longer than somebody's address may be: the pointer says which.
    kind, _value = name
    detail = _("Another member is known by this {kind}.").format(kind=kind)
    return IdentifierTaken(detail, pointer=f"#/identifiers/{place}/value")


_TAKEN: Final = """
SELECT kind, value, member_id FROM members_identifier
JOIN unnest($2::text[], $3::text[]) AS wanted(kind, value) USING (kind, value) WHERE program_id = $1
"""


def _owners(program: Program, names: Sequence[Named]) -> dict[Named, UUID]:
    """Who is known by which of these."""
    kinds, values = [kind for kind, _value in names], [value for _kind, value in names]
    rows = db.fetch(_TAKEN, [program.pk, kinds, values])
    return {(kind, value): member_id for kind, value, member_id in rows}


def _member(enrolment: Enrolment, *, program: Program, at: datetime) -> Member:
    return Member(
        program=program,
        status=MemberStatus.ACTIVE,
        first_name=enrolment.first_name,
        last_name=enrolment.last_name,
        birth_date=enrolment.birth_date,
        attributes=dict(enrolment.attributes),
        enrolled_at=enrolment.enrolled_at.astimezone(UTC),
        recorded_at=at,
    )


_MEMBER: Final = (
    "id",
    "program",
    "status",
    "first_name",
    "last_name",
    "birth_date",
    "attributes",
    "enrolled_at",
    "recorded_at",
)


def _write(
    accepted: Sequence[tuple[Member, list[Named]]], *, program: Program, at: datetime, actor: str
) -> None:
    members = [member for member, _names in accepted]
    # Sorted, so that two files with the same people wait for each other and do not deadlock.
    identifiers = sorted((kind, value, member.pk) for member, names in accepted for kind, value in names)
    batch = Batch()
    batch.insert(Member, _MEMBER, [tuple(_column(member, name) for name in _MEMBER) for member in members])
    batch.insert(
        Identifier,
        ("id", "program", "member", "kind", "value"),
        [(new_id(), program.pk, member, kind, value) for kind, value, member in identifiers],
    )
    _add_wallets(batch, members, program=program)
    _add_tiers(batch, members, program=program)
    events.add_to(batch, [_registered(member, at=at, actor=actor) for member in members])
    batch.write()


def _column(member: Member, name: str) -> Any:
    return getattr(member, "program_id" if name == "program" else name)


_WALLET_SUMS: Final = (
    "pending",
    "available",
    "held",
    "debt",
    "lifetime_earned",
    "lifetime_spent",
    "version",
    "entry_count",
)


def _add_wallets(batch: Batch, members: Iterable[Member], *, program: Program) -> None:
    types = list(WalletType.objects.filter(program=program).order_by("pk").values_list("pk", flat=True))
    empty = [0] * len(_WALLET_SUMS)
    batch.insert(
        Wallet,
        ("id", "program", "member", "type", *_WALLET_SUMS, "head_hash"),
        [(new_id(), program.pk, member.pk, kind, *empty, b"") for member in members for kind in types],
    )


def _add_tiers(batch: Batch, members: Iterable[Member], *, program: Program) -> None:
    rungs = Tier.objects.filter(ladder__program=program).order_by("ladder", "threshold", "pk")
    lowest = list(rungs.distinct("ladder").values_list("ladder", "pk"))
    batch.insert(
        MemberTier,
        ("id", "program", "member", "ladder", "tier", "progress", "since"),
        [
            (new_id(), program.pk, member.pk, ladder, tier, 0, member.enrolled_at)
            for member in members
            for ladder, tier in lowest
        ],
    )


def _registered(member: Member, *, at: datetime, actor: str) -> events.NewEvent:
    return events.NewEvent(
        type="member.registered",
        program_id=member.program_id,
        member_id=member.pk,
        occurred_at=member.enrolled_at,
        recorded_at=at,
        data={"enrolled_at": member.enrolled_at.isoformat(), "actor": actor},
    )
