import pytest

from tests.factories import IdentifierFactory, MemberFactory


@pytest.fixture
def people(program, ada):
    for first, last, day in (("Grace", "Hopper", 2), ("Hope", "Ada", 3), ("100%", "Under_score", 4)):
        MemberFactory.create(
            program=program, first_name=first, last_name=last, enrolled_at=f"2026-06-0{day}T12:00:00Z"
        )
    MemberFactory.create(first_name="Ada", last_name="Elsewhere")


def names(till, query):
    return [one["first_name"] for one in till.get(f"/v1/members?{query}").json()["data"]]


@pytest.mark.usefixtures("people")
class TestSearch:
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("name=ada", ["Hope", "Ada"]),
            ("name=HOP", ["Hope", "Grace"]),
            ("name=grace%20ho", ["Grace"]),
            ("name=hopper,%20gr", ["Grace"]),
            ("name=opper", []),
            ("name=100%25", ["100%"]),
            ("name=%25%25", []),
            ("name=under_", ["100%"]),
            ("name=un__rsc", []),
            ("enrolled_from=2026-06-02T12:00:00Z", ["100%", "Hope", "Grace"]),
            ("enrolled_before=2026-06-02T12:00:00Z", ["Ada"]),
            ("enrolled_from=2026-06-02T00:00:00Z&enrolled_before=2026-06-03T00:00:00Z", ["Grace"]),
            ("name=ho&enrolled_from=2026-06-03T00:00:00Z", ["Hope"]),
            ("name=ada&status=blocked", []),
        ],
    )
    def test_shows_whom_the_filters_mean(self, till, query, found, django_assert_num_queries):
        with django_assert_num_queries(3 if found else 2):
            assert names(till, query) == found

    @pytest.mark.parametrize(("kind", "value"), [("email", "ada@example.org"), ("phone", "+491701234567")])
    def test_finds_by_any_identifier(self, till, ada, kind, value):
        IdentifierFactory.create(member=ada, kind=kind, value=value)

        assert names(till, f"identifier={kind}:{value.replace('+', '%2B')}") == ["Ada"]

    @pytest.mark.parametrize(
        ("query", "parameter"),
        [("name=a", "name"), ("name=%20", "name"), ("enrolled_from=today", "enrolled_from"), ("q=ada", "q")],
    )
    def test_refuses_by_name_what_it_cannot_look_for(self, till, query, parameter):
        response = till.get(f"/v1/members?{query}")

        assert (response.status_code, response.json()["parameter"]) == (400, parameter)
