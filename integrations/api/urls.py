from django.urls import path

from integrations.api import feed, sandbox_clock, sandbox_data, status, views

urlpatterns = [
    path("whoami", views.WhoamiView.as_view(), name="whoami"),
    path("status", status.StatusView.as_view(), name="status"),
    path("feed", feed.FeedView.as_view(), name="feed"),
    path("sandbox/clock", sandbox_clock.SandboxClockView.as_view(), name="sandbox-clock"),
    path("sandbox/clock/move", sandbox_clock.SandboxClockMoveView.as_view(), name="sandbox-clock-move"),
    path("sandbox/reset", sandbox_data.SandboxResetView.as_view(), name="sandbox-reset"),
    path("sandbox/sample-data", sandbox_data.SampleDataView.as_view(), name="sandbox-sample-data"),
]
