from django.urls import path

from integrations.api import event_catalogue, feed, sandbox_clock, sandbox_data, status, views

urlpatterns = [
    path("whoami", views.WhoamiView.as_view(), name="whoami"),
    path("status", status.StatusView.as_view(), name="status"),
    path("feed", feed.FeedView.as_view(), name="feed"),
    path("sandbox/clock", sandbox_clock.SandboxClockView.as_view(), name="sandbox-clock"),
    path("sandbox/clock/move", sandbox_clock.SandboxClockMoveView.as_view(), name="sandbox-clock-move"),
    path("event-catalogue", event_catalogue.EventCatalogueView.as_view(), name="event-catalogue"),
    path("sandbox/sample-events", event_catalogue.SampleEventsView.as_view(), name="sample-events"),
    path("sandbox/reset", sandbox_data.SandboxResetView.as_view(), name="sandbox-reset"),
    path("sandbox/sample-data", sandbox_data.SampleDataView.as_view(), name="sandbox-sample-data"),
]
