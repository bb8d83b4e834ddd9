from django.urls import path

from integrations.api import feed, views

urlpatterns = [
    path("whoami", views.WhoamiView.as_view(), name="whoami"),
    path("feed", feed.FeedView.as_view(), name="feed"),
]
