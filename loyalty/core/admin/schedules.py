"""The scheduler's tasks, which django-celery-beat keeps: its pages in the theme."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_celery_beat.admin import PeriodicTaskAdmin as BeatPeriodicTaskAdmin
from django_celery_beat.admin import PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from loyalty.core.admin.base import ThemedAdmin

for model in (PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(model)


class ThemedTaskSelect(UnfoldAdminSelectWidget, TaskSelectWidget):
    """The choice of a registered task, in the theme's clothes."""


class ThemedPeriodicTaskForm(PeriodicTaskForm):
    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        if "task" in self.fields:
            self.fields["task"].widget = UnfoldAdminTextInputWidget()
        if "regtask" in self.fields:
            self.fields["regtask"].widget = ThemedTaskSelect()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(ThemedAdmin, BeatPeriodicTaskAdmin):
    """What runs by itself, how often, and when it last did."""

    form = ThemedPeriodicTaskForm
    date_hierarchy = None
    list_display = ("name", "enabled", "scheduler", "last_run_at")
    list_filter = ("enabled",)
    search_fields = ("name", "task")
    fieldsets = (
        (None, {"fields": ("name", "regtask", "task", "enabled", "description")}),
        (_("Schedule"), {"fields": ("interval", "crontab", "start_time", "last_run_at", "one_off")}),
        (_("Arguments"), {"fields": ("args", "kwargs")}),
    )
    readonly_fields = ("last_run_at",)
    actions = ("enable_tasks", "disable_tasks", "run_tasks")

    @action(description=_("Enable"), permissions=["change"])
    def enable_tasks(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        super().enable_tasks(request, queryset)

    @action(description=_("Disable"), permissions=["change"])
    def disable_tasks(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        super().disable_tasks(request, queryset)

    @action(description=_("Run now"), permissions=["change"])
    def run_tasks(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        super().run_tasks(request, queryset)


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(ThemedAdmin):
    list_display = ("__str__", "every", "period")


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(ThemedAdmin):
    list_display = ("__str__", "human_readable")
    fields = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone")
