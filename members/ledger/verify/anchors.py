"""
Anchors: what a check leaves behind, so that the next one finds a history that was written anew.

Note [Anchors]
~~~~~~~~~~~~~~
A chain of hashes shows that an entry was changed, unless whoever changed it computed all later
hashes anew as well. So each check notes how every wallet's chain ended at a certain event of the
log. What is sealed stays as it is (see Note [Event cursor] in `loyalty.core.events`), so a later
check finds the same ends, or names the wallets whose ends are others.

Of each wallet eight bytes are noted, to name it by, and of a chunk of members a digest, to be sure.
The digest of them all stands in the log of the check too: kept elsewhere, it proves the books
even to somebody who distrusts all tables of this database.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Final
from uuid import UUID

from msgspec import Struct

ID, HASH = 16, 32
HEAD: Final = ID + HASH
OF_ID: Final = 4
MARK: Final = 8


class Anchor(Struct, frozen=True, kw_only=True):
    """The ends of the chains of one chunk of members, up to the last of them."""

    last_member_id: UUID
    digest: bytes
    marks: bytes


class AnchorWriter:
    """Gathers the anchors of the chunks in their order, and the digest of them all."""

    def __init__(self) -> None:
        self.anchors: list[Anchor] = []
        self._all = sha256()

    def add(self, last_member_id: UUID, heads: bytes) -> None:
        """`heads`: for each wallet of the chunk, in the order of ids, its id and its newest hash."""
        self._all.update(heads)
        self.anchors.append(
            Anchor(last_member_id=last_member_id, digest=sha256(heads).digest(), marks=_marks(heads))
        )

    @property
    def digest(self) -> str:
        return self._all.hexdigest()


def _marks(heads: bytes) -> bytes:
    return b"".join(
        heads[at + ID - OF_ID : at + ID] + heads[at + ID : at + ID + MARK - OF_ID]
        for at in range(0, len(heads), HEAD)
    )


def differing(anchor: Anchor, heads: bytes) -> Iterator[tuple[str, str]]:
    """Wallets whose history is another than it was: the row and what is wrong."""
    if sha256(heads).digest() == anchor.digest:
        return
    was = {
        anchor.marks[at : at + OF_ID]: anchor.marks[at : at + MARK]
        for at in range(0, len(anchor.marks), MARK)
    }
    found = 0
    for at in range(0, len(heads), HEAD):
        mark = _marks(heads[at : at + HEAD])
        if was.pop(mark[:OF_ID], None) != mark:
            found += 1
            yield (
                f"wallet {UUID(bytes=heads[at : at + ID])}",
                "its entries were written anew since the last check",
            )
    for end in was:
        found += 1
        yield f"wallet …{end.hex()}", "had entries at the last check, and has none now"
    if not found:
        yield f"wallets of members up to {anchor.last_member_id}", "were written anew since the last check"
