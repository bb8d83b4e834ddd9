"""What will go says so in every answer: `Deprecation` (RFC 9745), `Sunset` (RFC 8594), `Link`."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.http import http_date


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecation:
    """An operation that will go: since when it should not be used, when it ends, and what to use instead."""

    since: datetime
    sunset: datetime
    link: str
    """Address of a page that says what to do."""

    def __post_init__(self) -> None:
        assert self.since <= self.sunset, "nothing ends before it is announced"

    def headers(self) -> dict[str, str]:
        return {
            "Deprecation": f"@{int(self.since.timestamp())}",
            "Sunset": http_date(self.sunset.timestamp()),
            "Link": f'<{self.link}>; rel="deprecation"; type="text/html"',
        }
