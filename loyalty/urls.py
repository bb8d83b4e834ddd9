"""Every address, of pages and of the partner API."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from loyalty.core import health

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]
