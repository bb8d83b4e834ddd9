from django.urls import path

from integrations.api import sandbox_clock, views

urlpatterns = [
    path("whoami", views.WhoamiView.as_view(), name="whoami"),
    path("sandbox/clock", sandbox_clock.SandboxClockView.as_view(), name="sandbox-clock"),
    path("sandbox/clock/move", sandbox_clock.SandboxClockMoveView.as_view(), name="sandbox-clock-move"),
]
