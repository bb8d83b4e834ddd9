from django.urls import path

from loyalty.core.api import (
    conformance_kit,
    docs,
    docs_frame,
    docs_search,
    event_pages,
    guides,
    operation_pages,
    problem,
    problem_pages,
)

urlpatterns = [
    path("openapi.json", docs.OpenAPIJSONView.as_view(), name="openapi"),
    path("openapi.yaml", docs.OpenAPIYAMLView.as_view(), name="openapi-yaml"),
    path("docs", docs.DocsView.as_view(), name="docs"),
    path("docs/guides", guides.index),
    path("docs/guides/", guides.index, name="guides"),
    path("docs/guides/<str:name>", guides.guide, name="guide"),
    path("docs/operations", operation_pages.index, name="operations"),
    path("docs/operations/<str:name>", operation_pages.topic, name="operation-topic"),
    path("docs/events", event_pages.index, name="events-docs"),
    path("docs/conformance.pyz", conformance_kit.download, name="conformance-kit"),
    path("docs/search", docs_search.page, name="docs-search"),
    path("docs/problems", problem_pages.index, name="problems"),
    path("docs/problems/<str:code>", problem_pages.page, name="problem"),
    path("docs/", docs_frame.missing_page),
    path("docs/<path:address>", docs_frame.missing_page),
    path("<path:address>", problem.unknown_address),
    path("", problem.unknown_address),
]
