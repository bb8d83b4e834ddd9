from datetime import datetime

import pytest

from loyalty.core.api import filters
from loyalty.core.models import Event


@pytest.fixture
def happened(program):
    def publish(kind, moment):
        return Event.objects.create(program=program, type=kind, occurred_at=moment)

    return [
        publish("ordered", datetime.fromisoformat("2026-06-01T12:00:00Z")),
        publish("paid", datetime.fromisoformat("2026-06-02T12:00:00Z")),
        publish("shipped", datetime.fromisoformat("2026-06-03T12:00:00Z")),
    ]


@pytest.mark.usefixtures("happened")
class TestFilters:
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("", ["shipped", "paid", "ordered"]),
            ("kind=paid", ["paid"]),
            ("text=shipped", ["shipped"]),
            ("text=%20shipped", []),
            ("occurred_from=2026-06-02T12:00:00Z", ["shipped", "paid"]),
            ("occurred_before=2026-06-02T14:00:00%2B02:00", ["ordered"]),
            ("occurred_before=2026-06-02T14:00:01+02:00", ["paid", "ordered"]),
            ("is_about_somebody=true", []),
            ("is_about_somebody=false", ["shipped", "paid", "ordered"]),
            ("member=01976c1e-5d7a-7000-8000-3a52e6e1d0b4", []),
            ("kind=paid&occurred_from=2026-06-03T00:00:00Z", []),
        ],
    )
    def test_show_what_they_say(self, till, query, found):
        assert till.get(f"/v1/happenings?{query}").json()["data"] == found

    @pytest.mark.parametrize(
        ("query", "parameter"),
        [
            ("colour=red", "colour"),
            ("kind=shipped", "kind"),
            ("kind=", "kind"),
            ("kind=paid&kind=ordered", "kind"),
            ("occurred_from=yesterday", "occurred_from"),
            ("occurred_from=2026-06-02T12:00:00", "occurred_from"),
            ("occurred_from=2026-06-02", "occurred_from"),
            ("is_about_somebody=maybe", "is_about_somebody"),
            ("member=17", "member"),
            ("text=%00", "text"),
            ("text=" + "a" * 255, "text"),
        ],
    )
    def test_refuse_by_name_what_they_cannot_read(self, till, query, parameter):
        response = till.get(f"/v1/happenings?{query}")

        assert response.status_code == 400
        assert response.json()["code"] == "invalid_filter"
        assert response.json()["parameter"] == parameter
        assert parameter in response.json()["detail"]

    def test_say_which_there_are(self, till):
        refused = till.get("/v1/members?email=ada@example.org").json()

        assert refused["detail"] == (
            "This list knows no parameter email, only cursor, enrolled_before, enrolled_from,"
            " identifier, limit, name, status."
        )

    def test_stay_in_the_links(self, till):
        page = till.get("/v1/happenings?occurred_from=2026-06-02T00:00:00Z&limit=1").json()

        assert page["data"] == ["shipped"]
        assert till.get(page["next"]).json()["data"] == ["paid"]


class TestMoment:
    def test_is_told_by_utc_whatever_its_offset(self):
        assert filters.moment("1775-07-18T14:07:27-17:30").isoformat() == "1775-07-19T07:37:27+00:00"

    def test_is_the_first_or_last_that_there_is_where_utc_is_beyond_it(self):
        first = filters.moment("0001-01-01T00:00:00+02:00")
        last = filters.moment("9999-12-31T23:59:59-02:00")

        assert (first.isoformat()[:10], last.isoformat()[:10]) == ("0001-01-01", "9999-12-31")
