"""The Celery app: the database is the queue, Celery is the clock."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

from loyalty.core import garbage

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty.settings")

app = Celery("regulars")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect
def settle(**_said: Any) -> None:
    garbage.settle()
