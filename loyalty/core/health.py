"""Is the process up (`/healthz`), and is all that it needs there (`/readyz`)?"""

from collections.abc import Callable

from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, JsonResponse

ALIVE_FOR_SECONDS = 45


def report_alive(part: str) -> None:
    """Said by the worker and the scheduler, of themselves; forgotten when they fall silent."""
    cache.set(f"alive:{part}", 1, timeout=ALIVE_FOR_SECONDS)


def report_gone(part: str) -> None:
    """Said by a part that stops, so that it is not taken for alive until it would have been missed."""
    cache.delete(f"alive:{part}")


def is_alive(part: str) -> bool:
    """Whether it has said so lately."""
    return cache.get(f"alive:{part}") is not None


def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers. Nothing else is looked at, so that a database restart restarts no web server."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """Each part with `ok` or what is wrong with it; 503 if anything is."""
    parts = {name: _look(check) for name, check in CHECKS.items()}
    ready = all(state == "ok" for state in parts.values())
    return JsonResponse(
        {"status": "ok" if ready else "unavailable", "parts": parts}, status=200 if ready else 503
    )


def _look(check: Callable[[], bool]) -> str:
    try:
        return "ok" if check() else "silent"
    except Exception as error:  # whatever it is, it is why we are not ready
        return type(error).__name__


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return bool(cursor.fetchone())


def _redis() -> bool:
    cache.get("alive:redis")
    return True


CHECKS: dict[str, Callable[[], bool]] = {
    "database": _database,
    "redis": _redis,
    "worker": lambda: is_alive("worker"),
    "scheduler": lambda: is_alive("scheduler"),
}
