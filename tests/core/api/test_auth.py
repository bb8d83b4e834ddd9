import pytest

from loyalty.core.api import checks
from loyalty.core.api.auth import SCOPES
from tests.clients import PartnerClient
from tests.factories import PartnerFactory


@pytest.fixture
def reader(program):
    """A partner whose API key may read transactions and nothing else."""
    return PartnerClient.of(PartnerFactory.create(program=program, key="app"), scopes=["transactions:read"])


class TestHasScope:
    def test_names_the_scope_that_is_missing(self, reader):
        response = reader.post("/v1/orders", {"number": "1"})

        assert response.status_code == 403
        assert response.json()["code"] == "missing_scope"
        assert response.json()["scope"] == "transactions:write"
        assert "transactions:write" in response.json()["detail"]
        assert response.headers["WWW-Authenticate"] == (
            'Bearer error="insufficient_scope", scope="transactions:write"'
        )

    def test_lets_any_key_call_where_the_view_says_so(self, reader):
        assert reader.get("/v1/whoami").status_code == 200

    def test_refuses_everybody_where_the_view_says_nothing(self, till):
        response = till.get("/v1/forgotten")

        assert response.status_code == 403
        assert b"4711" not in response.content

    def test_lets_head_do_what_get_may(self, reader):
        assert reader.head("/v1/whoami").status_code == 200

    def test_asks_for_a_key_before_it_says_which_methods_there_are(self, client):
        assert client.delete("/v1/orders").status_code == 401


class TestEveryOperationStatesItsScope:
    def test_finds_the_view_that_was_forgotten(self):
        (found,) = [error for error in checks.every_operation_states_its_scope() if "forgotten" in error.msg]

        assert found.id == "api.E001"

    @pytest.mark.urls("loyalty.urls")
    def test_holds_for_the_product(self, settings):
        settings.ROOT_URLCONF = "loyalty.urls"

        assert checks.every_operation_states_its_scope() == []
        assert {scope for *_, enough in checks.operations() for scope in enough} <= {*SCOPES, "*"}
