"""`GET /v1/status`: how we are, for partners."""

from typing import Annotated, Any, ClassVar, Final, Literal

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from msgspec import Meta, Struct
from redis.exceptions import RedisError
from rest_framework.request import Request

from integrations import figures
from loyalty.core import health
from loyalty.core.api import auth, counters, rendering
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.clock import Moment

LATE: Final = 60
"""Seconds of delay that are still as usual."""


class StatusBody(Struct, frozen=True, kw_only=True):
    """How the service is at this moment."""

    status: Annotated[Literal["ok", "degraded"], Meta(description="Whether all is as usual")]
    version: Annotated[str, Meta(description="Of the API: `info.version` of its OpenAPI text")]
    time: Annotated[Moment, Meta(description="Our clock, to compare yours with")]
    database: Literal["ok"]
    worker: Annotated[
        Literal["ok", "silent", "unknown"], Meta(description="What sends webhooks and lets points expire")
    ]
    rate_limits: Annotated[
        Literal["shared", "alone"],
        Meta(description="`alone`: each server counts calls by itself for a while"),
    ]
    webhook_delay_seconds: Annotated[
        int, Meta(ge=0, description="How long the oldest of your webhooks that is due has been waiting")
    ]
    feed_delay_seconds: Annotated[
        int,
        Meta(ge=0, description="How long the oldest event that the feed does not show yet has been waiting"),
    ]


EXAMPLE: Final[dict[str, Any]] = {
    "status": "ok",
    "version": "1.0.0",
    "time": "2026-06-01T12:00:00Z",
    "database": "ok",
    "worker": "ok",
    "rate_limits": "shared",
    "webhook_delay_seconds": 0,
    "feed_delay_seconds": 0,
}


class StatusView(PartnerView):
    scopes: ClassVar = {"get": auth.ANY_SCOPE}

    @operation(
        id="status",
        tag="Connection",
        summary="Is all well?",
        description="""
        Whether the service is as usual, and how far webhooks and the feed are behind: for dashboards, and to
        know whether to wait or to look for a fault of one's own. Sales are taken while it is `degraded`;
        where the database is away, this is answered with 503 like any call. Once a minute is often enough.
        """,
        answer=StatusBody,
        example=EXAMPLE,
    )
    def get(self, request: Request) -> HttpResponse:
        caller, now = auth.caller(request), timezone.now()
        webhooks, feed = figures.delays(program_id=caller.program.pk, partner_id=caller.partner_id, at=now)
        worker, alone = _worker(), counters.calls.is_alone
        is_late = max(webhooks, feed) > LATE
        body = StatusBody(
            status="degraded" if worker != "ok" or alone or is_late else "ok",
            version=str(settings.SPECTACULAR_SETTINGS["VERSION"]),
            time=now,
            database="ok",
            worker=worker,
            rate_limits="alone" if alone else "shared",
            webhook_delay_seconds=webhooks,
            feed_delay_seconds=feed,
        )
        return rendering.answer(body)


def _worker() -> Literal["ok", "silent", "unknown"]:
    if counters.calls.is_alone:  # nobody has to wait for a Redis that is away
        return "unknown"
    try:
        return "ok" if health.is_alive("worker") else "silent"
    except (RedisError, OSError):
        return "unknown"
