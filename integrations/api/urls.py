from django.urls import path

from integrations.api import views

urlpatterns = [path("whoami", views.WhoamiView.as_view(), name="whoami")]
