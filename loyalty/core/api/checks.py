"""`manage.py check` finds operations of the API that nobody has said the scope of."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

from loyalty.core.api.auth import ANY_SCOPE, SCOPES, stated

Operation = tuple[str, str, tuple[str, ...]]


def operations() -> Iterator[Operation]:
    """Each operation of the partner API: its method, its route and the scopes that are enough."""
    for route, pattern in _patterns(get_resolver().url_patterns, ""):
        view = getattr(pattern.callback, "cls", None) or getattr(pattern.callback, "view_class", None)
        if not route.startswith("v1/") or view is None or not issubclass(view, APIView):
            continue
        if view.authentication_classes:
            yield from _of_view(route, view, getattr(pattern.callback, "actions", None))


def _of_view(route: str, view: Any, actions: dict[str, str] | None) -> Iterator[Operation]:
    methods = actions or {name: name for name in view.http_method_names if hasattr(view, name)}
    for method, name in methods.items():
        if method not in ("head", "options"):
            yield method.upper(), f"/{route}", stated(view, name)


def _patterns(patterns: list[Any], prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern.url_patterns, route)
        else:
            yield route, pattern


@register
def every_operation_states_its_scope(**_: Any) -> list[CheckMessage]:
    hint = 'Set `scopes = {"get": "members:read"}` on the view.'
    return [
        Error(f"{method} {route} states no known scope.", hint=hint, id="api.E001")
        for method, route, enough in operations()
        if not enough or set(enough) - {*SCOPES, ANY_SCOPE}
    ]
