from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from django.utils.translation import gettext_lazy

from loyalty.core.api import rendering


class Point(msgspec.Struct):
    price: Decimal


class TestDumps:
    def test_writes_each_kind_of_value_in_its_json_form(self):
        value = {
            "decimal": Decimal("12.50"),
            "id": UUID("01976c1e-5d7a-7000-8000-5f1f2a6b0c11"),
            "at": datetime(2026, 6, 1, 12, tzinfo=UTC),
            "struct": Point(Decimal("0.10")),
            "lazy": gettext_lazy("words"),
        }

        assert rendering.dumps(value) == (
            b'{"decimal":"12.50","id":"01976c1e-5d7a-7000-8000-5f1f2a6b0c11",'
            b'"at":"2026-06-01T12:00:00Z","struct":{"price":"0.10"},"lazy":"words"}'
        )

    def test_refuses_what_has_no_json_form(self):
        with pytest.raises(TypeError):
            rendering.dumps({"set": {1}})


class TestNegotiation:
    @pytest.mark.parametrize(
        "accepted",
        [
            "*/*",
            "application/json",
            "application/*;q=0.5",
            "text/html, application/json;q=0.1",
            "text/html,application/xhtml+xml,*/*;q=0.8",
            "Application/JSON",
            "application/problem+json",
            "",
        ],
    )
    def test_answers_whoever_can_read_json(self, till, accepted):
        assert till.get("/v1/whoami", headers={"Accept": accepted}).status_code == 200

    @pytest.mark.parametrize(
        "accepted", ["text/html", "application/xml", "application/json;q=0", "*/*;q=0.0", "nonsense"]
    )
    def test_refuses_whoever_cannot(self, till, accepted):
        response = till.get("/v1/whoami", headers={"Accept": accepted})

        assert response.status_code == 406
        assert response.headers["Content-Type"].startswith("application/")
