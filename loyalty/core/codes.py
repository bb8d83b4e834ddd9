"""
What other systems call things: receipts, products, stores, cards. Two that look the same are the same.

All texts that come in are in Unicode's Normalization Form C already, see `loyalty.core.api.parsing`: so the
same letters are the same code, however they were composed.
"""

import re
from typing import Annotated, Final
from unicodedata import normalize

from msgspec import Meta

# Controls, blanks that are not a space, soft hyphens, joiners, marks of direction and of variants, fillers.
# Of Unicode's categories Cc, Cf, Zs, Zl and Zp what shows nothing, and all Default_Ignorable_Code_Point.
_INVISIBLE: Final = (
    r"\x00-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f"
    r"\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
VISIBLE: Final = rf"^[^{_INVISIBLE}]*$(?!\n)"
"""A code that has nothing in it that cannot be seen."""
TYPED: Final = rf"^[\t\r\n ]*[^{_INVISIBLE}]*[\t\r\n ]*$"
"""The same as a scanner or a person gives it, who may add the end of a line."""

Code = Annotated[str, Meta(min_length=1, max_length=100, pattern=VISIBLE)]
OptionalCode = Annotated[str, Meta(max_length=100, pattern=VISIBLE)]

_VISIBLE: Final = re.compile(VISIBLE)


def is_visible(code: str) -> bool:
    """Whether there is nothing in it that cannot be seen."""
    return _VISIBLE.search(code) is not None


def spellings(code: str) -> set[str]:
    """How a code that is asked for may be stored: composed, as all are now, or just so, as some once were."""
    return {code, normalize("NFC", code)}
