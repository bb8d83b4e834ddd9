from datetime import UTC, datetime, timedelta

import pytest
from django.urls import path
from drf_spectacular.generators import SchemaGenerator

from integrations import calls
from integrations.calls import CallLog
from integrations.models import Call
from loyalty.core.api.deprecation import Deprecation
from tests.core.api import urls


@pytest.fixture(autouse=True)
def _log(monkeypatch):
    monkeypatch.setattr(calls, "log", CallLog())


class TestDeprecation:
    @pytest.mark.parametrize(("address", "status"), [("/v1/old", 200), ("/v1/old?broken=1", 409)])
    def test_is_said_in_every_answer(self, till, address, status):
        answer = till.get(address)

        assert answer.status_code == status
        assert answer.headers["Deprecation"] == "@1767225600"
        assert answer.headers["Sunset"] == "Fri, 01 Jan 2027 00:00:00 GMT"
        assert answer.headers["Link"].endswith(
            '<https://loyalty.example.com/v1/docs/changes#old-things>; rel="deprecation"; type="text/html"'
        )

    def test_takes_no_other_link_away(self, till):
        assert till.get("/v1/old").headers["Link"].startswith('</v1/new>; rel="alternate", ')

    def test_is_not_said_of_what_stays(self, till):
        answer = till.post("/v1/echo", {"number": "1"})

        assert not {"Deprecation", "Sunset", "Link"} & set(answer.headers)

    def test_has_its_callers_recorded(self, till):
        till.get("/v1/old")
        till.get("/v1/whoami")

        calls.log.flush()

        (old,) = Call.objects.filter(is_deprecated=True)
        assert (old.operation, old.credential) == ("read_old_things", till.credential)

    def test_is_in_the_docs(self):
        patterns = [path("v1/old", urls.OldView.as_view())]

        text = SchemaGenerator(patterns=patterns).get_schema(request=None, public=True)

        described = text["paths"]["/v1/old"]["get"]
        assert described["deprecated"]
        assert {"Deprecation", "Sunset", "Link"} <= set(described["responses"]["200"]["headers"])

    def test_ends_nothing_before_it_is_announced(self):
        now = datetime(2026, 1, 1, tzinfo=UTC)

        with pytest.raises(AssertionError, match="before it is announced"):
            Deprecation(since=now, sunset=now - timedelta(days=1), link="https://loyalty.example.com/")
