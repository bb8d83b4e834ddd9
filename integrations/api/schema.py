"""How the docs describe the API key."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from loyalty.core.api.auth import ANY_SCOPE


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = "integrations.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_requirement(self, auto_schema: Any) -> dict[str, list[str]]:
        return {self.name: [] if auto_schema.scope == ANY_SCOPE else [auto_schema.scope]}

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "rk_live_… or rk_test_…",
            "description": "An API key of the partner, made by an operator in the admin and shown once.",
        }
