"""How the docs describe the ways to say who calls."""

from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension

from loyalty.core.api.auth import SCOPES


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "integrations.api.authentication.BearerAuthentication"
    name = ["apiKey", "oauth2"]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[str]]]:
        enough = [[scope] for scope in auto_schema.scopes] or [[]]
        return [{name: scopes} for scopes in enough for name in self.name]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        return [
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "rk_live_… or rk_test_…",
                "description": "An API key of the partner, made by an operator in the admin and shown once.",
            },
            {
                "type": "oauth2",
                "description": (
                    "A client id and its secret, made by an operator in the admin, are exchanged for an"
                    " access token (`rt_live_…`) of at most one hour, sent as `Authorization: Bearer`."
                ),
                "flows": {
                    "clientCredentials": {
                        "tokenUrl": f"{settings.BASE_URL}/oauth/token",
                        "scopes": {scope: str(meaning) for scope, meaning in SCOPES.items()},
                    }
                },
            },
        ]
