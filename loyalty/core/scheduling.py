"""The scheduler: django-celery-beat's, which says at each turn that it is alive."""

from typing import Any

from django_celery_beat.schedulers import DatabaseScheduler

from loyalty.core import health


class Scheduler(DatabaseScheduler):  # type: ignore[misc]  # django-celery-beat is not typed
    def tick(self, *args: Any, **kwargs: Any) -> Any:
        health.report_alive("scheduler")
        return super().tick(*args, **kwargs)

    def close(self) -> None:
        health.report_gone("scheduler")
        super().close()
