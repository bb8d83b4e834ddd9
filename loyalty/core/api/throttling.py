"""
How often a partner may call, and a stranger knock.

Limits are a credential's own: one that is flooded leaves all others what they have. An OAuth client is one
credential, also while two of its secrets work. Every answer says how
much is left, as draft-ietf-httpapi-ratelimit-headers has it: `RateLimit-Policy` and `RateLimit`. Calls
without a valid credential are counted by the address that they come from.
"""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _

from loyalty.core.api import auth, counters
from loyalty.core.api.counters import Count, Window
from loyalty.core.api.refusals import TooManyRequests

MINUTE: Final = 60
HOUR: Final = 3600

_NEIGHBOURS: Final = 64  # bits: an IPv6 customer has at least that much to himself


@lru_cache(maxsize=1024)
def windows(per_minute: int, per_hour: int) -> tuple[Window, ...]:
    """The two windows of a credential: `burst` is a minute."""
    return (Window("burst", per_minute, MINUTE), Window("hour", per_hour, HOUR))


def windows_of(caller: auth.Caller) -> tuple[Window, ...]:
    """A caller's limits: its credential's own, or else those of the settings."""
    return windows(
        caller.calls_per_minute or settings.API_CALLS_PER_MINUTE,
        caller.calls_per_hour or settings.API_CALLS_PER_HOUR,
    )


def admit(request: HttpRequest, caller: auth.Caller) -> None:
    """
    Count a call of a partner; whatever becomes of it, its answer tells what is left.

    :raises TooManyRequests: with how long to wait
    """
    _admit(request, caller.counted_as, windows_of(caller))


def admit_stranger(request: HttpRequest) -> None:
    """
    Count a call of somebody without a valid credential.

    :raises TooManyRequests: with how long to wait
    """
    window = Window("anonymous", settings.API_STRANGERS_PER_MINUTE, MINUTE)
    _admit(request, f"address:{address(request)}", (window,))


def _admit(request: HttpRequest, name: str, allowed: tuple[Window, ...]) -> None:
    taken = counters.calls.take(name, allowed)
    over = taken.counts if taken.is_within else tuple(count for count in taken.counts if not count.left)
    request.rate_limits = (allowed, over)  # type: ignore[attr-defined]  # read by `headers`
    if not taken.is_within:
        raise TooManyRequests(
            _("The limit of calls is reached. Wait for as long as Retry-After says."),
            retry_after=max(_seconds(count) for count in over),
            violated_policies=[count.window.name for count in over],
        )


def headers(request: HttpRequest) -> dict[str, str]:
    """What an answer tells about limits: of a refused call only those that it met."""
    found = getattr(request, "rate_limits", None)
    if found is None:
        return {}
    allowed, counts = found
    return {
        "RateLimit-Policy": _policy(allowed),
        "RateLimit": ", ".join(f'"{c.window.name}";r={c.left};t={_seconds(c)}' for c in counts),
    }


@lru_cache(maxsize=1024)
def _policy(allowed: tuple[Window, ...]) -> str:
    return ", ".join(f'"{window.name}";q={window.calls};w={window.seconds}' for window in allowed)


def _seconds(count: Count) -> int:
    return max(1, ceil(count.ends_in_ms / 1000))


def address(request: HttpRequest) -> str:
    """
    Whom to count a stranger as: the address, of IPv6 the network that a customer is given.

    Behind a proxy it is the one that the proxy itself has seen: the last in `X-Forwarded-For`.
    """
    given = request.META.get("REMOTE_ADDR", "")
    if settings.BEHIND_PROXY:
        given = request.META.get("HTTP_X_FORWARDED_FOR", given).rpartition(",")[2].strip()
    try:
        found = ip_address(given)
    except ValueError:
        return "unknown"
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return f"{IPv6Address(int(found) >> _NEIGHBOURS << _NEIGHBOURS)}/{_NEIGHBOURS}"
