from django.urls import path

from integrations.api import event_catalogue, sandbox_clock, sandbox_data, views

urlpatterns = [
    path("whoami", views.WhoamiView.as_view(), name="whoami"),
    path("sandbox/clock", sandbox_clock.SandboxClockView.as_view(), name="sandbox-clock"),
    path("sandbox/clock/move", sandbox_clock.SandboxClockMoveView.as_view(), name="sandbox-clock-move"),
    path("event-catalogue", event_catalogue.EventCatalogueView.as_view(), name="event-catalogue"),
    path("sandbox/sample-events", event_catalogue.SampleEventsView.as_view(), name="sample-events"),
    path("sandbox/reset", sandbox_data.SandboxResetView.as_view(), name="sandbox-reset"),
    path("sandbox/sample-data", sandbox_data.SampleDataView.as_view(), name="sandbox-sample-data"),
]
