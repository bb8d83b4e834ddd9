"""Every address, of pages and of the partner API."""

from allauth.account.decorators import secure_admin_login
from allauth.account.views import logout
from django.contrib import admin
from django.http import HttpResponseRedirect
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from integrations.api import oauth
from integrations.graphql.views import GraphQLView
from loyalty.core import health, navigation
from loyalty.core.api import problem
from rewards.admin import revenue

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    # Nothing has a NUL in its name: PostgreSQL takes none, not even to look for it.
    re_path(r"^v1/[^\0]*\0", problem.unknown_address),
    # First what tills call: addresses are tried in this order.
    path("v1/", include("rewards.api.urls")),
    path("v1/", include("members.api.urls")),
    path("v1/", include("integrations.api.urls")),
    # It answers every other address under /v1.
    path("v1/", include("loyalty.core.api.urls")),
    path("v1", problem.unknown_address),
    path("graphql", GraphQLView.as_view(), name="graphql"),
    path("graphql/<path:address>", problem.unknown_address),
    path("oauth/token", oauth.token, name="oauth-token"),
    path("oauth/revoke", oauth.revoke, name="oauth-revoke"),
    path(".well-known/oauth-authorization-server", oauth.metadata, name="oauth-metadata"),
    path("oauth/<path:address>", problem.unknown_address),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    # Browsers ask for it on pages that name no icon, such as plain answers.
    path("favicon.ico", lambda request: HttpResponseRedirect(navigation.mark(request))),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("accounts/", include("allauth.urls")),
    path("admin/logout/", logout),  # ends at the log-in, like any other way out
    path("admin/program/", navigation.choose_program, name="choose_program"),
    path("admin/finance/revenue/", revenue.show, name="finance_revenue"),
    path("admin/finance/", include("members.admin.finance.urls")),
    path("admin/sandbox/", include("integrations.admin.sandbox")),
    path("admin/program-as-code/", include("rewards.admin.blueprint")),
    path("admin/", admin.site.urls),
]

handler400 = problem.bad_request_handler
handler403 = problem.permission_denied_handler
handler404 = problem.not_found_handler
handler500 = problem.server_error_handler
