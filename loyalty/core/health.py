"""Is the process up (`/healthz`), can it serve, and what else of the product is not well (`/readyz`)?"""

from typing import Final

from django.core.cache import cache
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from redis.exceptions import RedisError

ALIVE_FOR_SECONDS = 45
REPORTING: Final = ("worker", "scheduler")
"""Parts that say of themselves that they are alive."""


def report_alive(part: str) -> None:
    """Said by the worker and the scheduler, of themselves; forgotten when they fall silent."""
    cache.set(f"alive:{part}", 1, timeout=ALIVE_FOR_SECONDS)


def report_gone(part: str) -> None:
    """Said by a part that stops, so that it is not taken for alive until it would have been missed."""
    cache.delete(f"alive:{part}")


def is_alive(part: str) -> bool:
    """Whether it has said so lately."""
    return cache.get(f"alive:{part}") is not None


def parts() -> dict[str, str]:
    """Each part with `ok` or what is wrong with it: the name of an error, `silent`, or `unknown`."""
    return {"database": _database(), **_redis_and_who_reports_there()}


def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers. Nothing else is looked at, so that a database restart restarts no web server."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """
    Each part with `ok` or what is wrong with it; 503 where this process cannot serve.

    That is where the database is away. Sales go on without all other parts (`degraded`): whoever took the web
    processes out of service for them would make a small trouble a great one.
    """
    found = parts()
    can_serve, is_well = found["database"] == "ok", set(found.values()) == {"ok"}
    status = "unavailable" if not can_serve else "ok" if is_well else "degraded"
    return JsonResponse({"status": status, "parts": found}, status=200 if can_serve else 503)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        return type(error).__name__
    return "ok"


def _redis_and_who_reports_there() -> dict[str, str]:
    try:
        alive = cache.get_many([f"alive:{part}" for part in REPORTING])
    except (RedisError, OSError) as error:
        return {"redis": type(error).__name__, **dict.fromkeys(REPORTING, "unknown")}
    said = {part: "ok" if f"alive:{part}" in alive else "silent" for part in REPORTING}
    return {"redis": "ok", **said}
