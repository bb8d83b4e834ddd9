"""
Points given and taken by hand: for a reason, within limits, above them with a second person's consent.

What waits for a second person is decided anew when that person agrees, by what is true then.
"""

from members.adjustments.adjusting import APPROVAL, Outlook, SentBefore, adjust, look_ahead
from members.adjustments.booking import NotAdjustable
from members.adjustments.orders import MAY_ADJUST, Adjusted, Also, MayNotAdjust, Requested

__all__ = [
    "APPROVAL",
    "MAY_ADJUST",
    "Adjusted",
    "Also",
    "MayNotAdjust",
    "NotAdjustable",
    "Outlook",
    "Requested",
    "SentBefore",
    "adjust",
    "look_ahead",
]
