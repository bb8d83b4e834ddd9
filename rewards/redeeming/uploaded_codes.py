"""
Codes of a third party that vouchers of a reward have: uploaded, counted, given once.

Note [Uploaded codes]
~~~~~~~~~~~~~~~~~~~~~
The stock of such a reward is its codes: those that are left, less those that reservations will need. So
all that looks at the stock tells and refuses what it should. Whoever gives a code has taken a piece from
the stock before, with the reward's row held until the end of the transaction; whoever has a piece always
finds a code, therefore. A code goes out once: it does not come back when its voucher is void, and
neither does its piece.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import batched
from typing import ClassVar, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Struct

from loyalty.core import audit, events
from loyalty.core.db import fetch
from loyalty.core.errors import DomainError
from loyalty.core.models import Program, User
from rewards.models import Reward, UploadedCode, Voucher

MOST: Final = 100_000
"""Codes in one upload."""
CHUNK: Final = 5_000
_CODE: Final = re.compile(r"[!-~]{4,40}")
_HEADINGS: Final = frozenset({"code", "codes", "voucher", "voucher_code"})


class TooManyCodes(DomainError):
    """One upload has at most 100,000 codes."""

    code: ClassVar[str] = "too_many_uploaded_codes"
    status: ClassVar[int] = 422
    title = gettext_lazy("These are too many codes at once")


class Problem(Struct, frozen=True):
    """A line of an upload that brought no code."""

    line: int
    code: str
    reason: str

    def __str__(self) -> str:
        return _("Line %(line)d, “%(code)s”: %(reason)s") % {
            "line": self.line,
            "code": self.code[:50],
            "reason": self.reason,
        }


class Added(Struct, frozen=True):
    """What came of an upload: how many codes are new, and the lines that brought none."""

    number: int
    problems: tuple[Problem, ...]


@transaction.atomic
def add(reward: Reward, *, lines: Iterable[str], by: User, at: datetime) -> Added:
    """
    Add the codes of a CSV: the first column counts, a heading and blank lines do not.

    A line that is no code, or whose code is there already, in this program or further up, is left out and
    named; the others are added. The same file once more adds nothing.

    :raises TooManyCodes: if there are over 100,000
    """
    problems: list[Problem] = []
    wanted = _read(lines, problems)
    if len(wanted) > MOST:
        raise TooManyCodes(_("Upload at most %(most)d codes at once.") % {"most": MOST})
    number = 0
    for chunk in batched(wanted.items(), CHUNK):
        fresh = _fresh(dict(chunk), reward.program, problems)
        rows = [
            UploadedCode(program_id=reward.program_id, reward=reward, code=code, uploaded_at=at)
            for code in fresh
        ]
        UploadedCode.objects.bulk_create(rows)
        number += len(rows)
    Reward.objects.filter(pk=reward.pk).update(stock=F("stock") + number)
    audit.note(reward, by=by, text=_("%(number)d codes uploaded.") % {"number": number})
    return Added(number, tuple(sorted(problems, key=lambda problem: problem.line)))


def _read(lines: Iterable[str], problems: list[Problem]) -> dict[str, int]:
    """Codes with their lines."""
    wanted: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        code = re.split(r"[,;\t]", line, maxsplit=1)[0].strip().strip('"')
        if not code or (number == 1 and code.lower() in _HEADINGS):
            continue
        if not _CODE.fullmatch(code):
            problems.append(Problem(number, code, _("a code is 4 to 40 letters, digits and signs")))
        elif code in wanted:
            said = _("it is in line %(line)d, too") % {"line": wanted[code]}
            problems.append(Problem(number, code, said))
        else:
            wanted[code] = number
    return wanted


def _fresh(wanted: dict[str, int], program: Program, problems: list[Problem]) -> Iterator[str]:
    """Those that the program does not have yet."""
    known = _known(wanted, program)
    for code, line in wanted.items():
        if code in known:
            problems.append(Problem(line, code, _("the program has this code already")))
        else:
            yield code


def _known(codes: Collection[str], program: Program) -> set[str]:
    uploaded = UploadedCode.objects.of(program).filter(code__in=list(codes))
    issued = Voucher.objects.of(program).filter(code__in=list(codes))
    return {*uploaded.values_list("code", flat=True), *issued.values_list("code", flat=True)}


# Nobody waits for anybody: what somebody else is about to give is passed over.
_TAKE: Final = """
UPDATE rewards_uploadedcode SET redemption_id = $2, given_at = $3
WHERE id = (SELECT id FROM rewards_uploadedcode WHERE reward_id = $1 AND redemption_id IS NULL
            ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING code"""


def take(reward_id: UUID, *, redemption_id: UUID, at: datetime) -> str:
    """
    A code that nobody had, given with that redemption; a piece of the stock was taken for it before.

    See Note [Uploaded codes].
    """
    assert connection.in_atomic_block, "a code that is not given after all stays where it is"
    rows = fetch(_TAKE, [reward_id, redemption_id, at])
    assert rows, "for every piece there is a code"
    code: str = rows[0][0]
    return code


def tell_if_few(reward_id: UUID, *, at: datetime) -> None:
    """
    Publish `reward.codes_low` when fewer are left than the reward says, and again when none is.

    To be called by who has just taken a piece and holds the row: so each is told once.
    """
    reward = Reward.objects.only("key", "program_id", "stock", "codes_warn_below").get(pk=reward_id)
    if reward.stock not in (0, reward.codes_warn_below - 1):
        return
    happened = events.NewEvent(
        type="reward.codes_low",
        program_id=reward.program_id,
        member_id=None,
        occurred_at=at,
        recorded_at=at,
        data={"reward": reward.key, "left": reward.stock},
    )
    events.publish([happened])
