"""The composition root: settings, addresses, Celery, and what every app stands on (`loyalty.core`)."""

from loyalty.celery import app as celery_app

__all__ = ["celery_app"]
