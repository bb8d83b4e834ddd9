from django.urls import path

from integrations.api import feed, status, views

urlpatterns = [
    path("whoami", views.WhoamiView.as_view(), name="whoami"),
    path("status", status.StatusView.as_view(), name="status"),
    path("feed", feed.FeedView.as_view(), name="feed"),
]
