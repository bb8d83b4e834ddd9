"""How systems point at a member: by our id, or by kind and value of an identifier (`card:1001`)."""

import re
from typing import Final, Literal, NamedTuple
from uuid import UUID

from django.utils.translation import gettext as _

from loyalty.core.errors import InvalidInput, NotFound
from members.enrolment import normalize

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Reference(NamedTuple):
    """`id` with a UUID, or `identifier` with kind and value as they are stored."""

    by: Literal["id", "identifier"]
    kind: str
    value: str


def read(text: str) -> Reference:
    """
    What a reference in an address means.

    :raises NotFound: if nobody can be meant by it
    """
    if _UUID.fullmatch(text):
        return Reference("id", "id", str(UUID(text)))
    kind, _colon, value = text.partition(":")
    try:
        return Reference("identifier", kind, normalize(kind, value))
    except InvalidInput:
        raise unknown() from None


def unknown() -> NotFound:
    """Says nothing of the reference, which may be somebody's e-mail address."""
    return NotFound(_("There is no such member in this program."))
