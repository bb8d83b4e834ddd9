from django.urls import path

from loyalty.core.api import docs, guides, problem, problem_pages

urlpatterns = [
    path("openapi.json", docs.OpenAPIJSONView.as_view(), name="openapi"),
    path("openapi.yaml", docs.OpenAPIYAMLView.as_view(), name="openapi-yaml"),
    path("docs", docs.DocsView.as_view(), name="docs"),
    path("docs/guides", guides.index),
    path("docs/guides/", guides.index, name="guides"),
    path("docs/guides/<str:name>", guides.guide, name="guide"),
    path("docs/problems", problem_pages.index, name="problems"),
    path("docs/problems/<str:code>", problem_pages.page, name="problem"),
    path("<path:address>", problem.unknown_address),
    path("", problem.unknown_address),
]
