from django.urls import path

from loyalty.core.api import docs, problem

urlpatterns = [
    path("openapi.json", docs.OpenAPIJSONView.as_view(), name="openapi"),
    path("openapi.yaml", docs.OpenAPIYAMLView.as_view(), name="openapi-yaml"),
    path("docs", docs.DocsView.as_view(), name="docs"),
    path("docs/problems", docs.problems, name="problems"),
    path("<path:address>", problem.unknown_address),
    path("", problem.unknown_address),
]
