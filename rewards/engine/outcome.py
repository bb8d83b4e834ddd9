"""What the engine says about one activity: points, gifts, what they use up, and what was refused."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

import msgspec

from rewards.engine.reasons import Reason
from rewards.engine.timing import Expiry, Pending


class Award(msgspec.Struct, frozen=True, kw_only=True):
    """
    Points that one effect of a campaign version gives for one activity, and why.

    `effect` is the effect's place in the definition. `line_points` says how much is for which
    line where the effect looks at lines, and is None where it is for the activity as a whole.
    `expiry` and `pending` are what the effect says of them; None leaves it to others. `variant` is
    the key of the variant that the member gets, if the campaign has any.
    """

    campaign_key: str
    version_id: UUID
    effect: int
    wallet_type: str
    points: int
    reason: Reason
    is_base: bool
    line_points: Mapping[str, int] | None = None
    expiry: Expiry | None = None
    pending: Pending | None = None
    variant: str = ""


class Gift(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is no points; `kind` and `parameters` as in `rewards.engine.gifts`."""

    campaign_key: str
    version_id: UUID
    effect: int
    kind: str
    parameters: Mapping[str, str | int]
    variant: str = ""


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a campaign with limits gave: `times` once, so many of its own `points`, and their `cost`.

    `cost` is what all points that it gave cost, whatever their kind.
    """

    campaign_key: str
    version_id: UUID
    times: int = 1
    points: int = 0
    cost: Decimal = Decimal(0)
    variant: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """
    What comes of an activity. Awards and gifts are in the order of the campaigns' keys.

    `refusals` say of campaigns that it meets, by key, why they gave nothing or less than they would.
    """

    awards: tuple[Award, ...] = ()
    gifts: tuple[Gift, ...] = ()
    uses: tuple[Use, ...] = ()
    refusals: Mapping[str, Reason] = {}


NOTHING = Outcome()
