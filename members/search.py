"""Finding a member among a million: by anything they are known by, by name, by id."""

import re
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from loyalty.core.models import Program
from members.models import Identifier, Member

FOUND_AT_MOST: Final = 200
_PHONE_DRESS: Final = re.compile(r"[\s()./-]+")


def find(term: str, *, program: Program) -> QuerySet[Member]:
    """
    The members whose identifier or name begins with the term, at most some 200 of each.

    A name may be first, last or both, in either order: "love", "ada love", "lovelace, ada".
    Every look-up is a prefix on an index; nothing is searched in the middle of a value.
    """
    words = term.replace(",", " ").split()
    if not words:
        return Member.objects.none()
    found = _by_identifier(term.strip(), program) | _by_name(words, program) | _by_id(term.strip())
    return Member.objects.of(program).filter(pk__in=found)


def is_known_exactly(term: str, *, program: Program) -> Exists:
    """Whether one of the member's identifiers is the term, not only begins with it."""
    values = _spellings(term.strip())
    return Exists(Identifier.objects.filter(program=program, member=OuterRef("pk"), value__in=values))


def _spellings(term: str) -> set[str]:
    bare = _PHONE_DRESS.sub("", term)
    return {term, term.casefold(), bare, re.sub(r"^00", "+", bare)} - {""}


def _by_identifier(term: str, program: Program) -> set[UUID]:
    known = Q()
    for spelling in _spellings(term):
        known |= Q(value__startswith=spelling)
    found = Identifier.objects.filter(known, program=program).order_by("value")
    return set(found.values_list("member_id", flat=True)[:FOUND_AT_MOST])


def named(words: list[str]) -> Q:
    """Whose name begins with the word; of several words, whose first and last name begin with them."""
    first, rest = words[0], " ".join(words[1:])
    if not rest:
        return Q(last_name__istartswith=first) | Q(first_name__istartswith=first)
    return Q(first_name__istartswith=first, last_name__istartswith=rest) | Q(
        last_name__istartswith=first, first_name__istartswith=rest
    )


def _by_name(words: list[str], program: Program) -> set[UUID]:
    members = Member.objects.of(program)
    if len(words) > 1:
        return set(members.filter(named(words)).values_list("pk", flat=True)[:FOUND_AT_MOST])
    first = words[0]
    by_last = members.filter(last_name__istartswith=first).values_list("pk", flat=True)[:FOUND_AT_MOST]
    by_first = members.filter(first_name__istartswith=first).values_list("pk", flat=True)[:FOUND_AT_MOST]
    return set(by_last) | set(by_first)


def _by_id(term: str) -> set[UUID]:
    try:
        return {UUID(term)}
    except ValueError:
        return set()
