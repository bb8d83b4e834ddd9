from uuid import UUID, uuid4

import pytest

from loyalty.core.models import Event, IdempotencyRecord
from members.models import AttributeType, Member
from tests.factories import IdentifierFactory, MemberFactory

ADA = {
    "identifiers": [{"kind": "card", "value": "1001"}, {"kind": "email", "value": "Ada@Example.org"}],
    "first_name": "Ada",
    "last_name": "Lovelace",
    "birth_date": "1990-12-10",
    "attributes": {"favourite_store": "Berlin", "visits": 3, "vip": True},
    "enrolled_at": "2026-06-01T14:00:00+02:00",
}


class TestRegister:
    def test_answers_with_the_member(self, till, points):
        response = till.post("/v1/members", ADA)

        assert response.status_code == 201
        answer = response.json()
        assert UUID(answer.pop("id")) == Member.objects.get().pk
        assert answer == {
            **ADA,
            "status": "active",
            "merged_into_id": None,
            "identifiers": [
                {"kind": "card", "value": "1001"},
                {"kind": "email", "value": "ada@example.org"},
            ],
            "enrolled_at": "2026-06-01T12:00:00Z",
        }

    def test_makes_a_repeat_find_the_same_member(self, till):
        first = till.post("/v1/members", ADA, idempotency_key="k")
        repeat = till.post("/v1/members", ADA, idempotency_key="k")

        assert repeat.json() == first.json()
        assert repeat.headers["Idempotent-Replayed"] == "true"
        assert Member.objects.count() == 1

    def test_refuses_a_taken_identifier_for_good(self, till, ada):
        body = {"identifiers": [{"kind": "card", "value": "1001"}]}
        response = till.post("/v1/members", body, idempotency_key="k")
        ada.identifiers.all().delete()
        repeat = till.post("/v1/members", body, idempotency_key="k")

        assert response.status_code == repeat.status_code == 409
        assert response.json()["code"] == "identifier_taken"
        assert response.json()["errors"][0]["pointer"] == "#/identifiers/0/value"
        assert repeat.json() == response.json()
        assert Member.objects.count() == 1

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"identifiers": []}, "#/identifiers"),
            ({"identifiers": [{"kind": "passport", "value": "1"}]}, "#/identifiers/0/kind"),
            ({"identifiers": [{"kind": "card", "value": ""}]}, "#/identifiers/0/value"),
            ({"identifiers": [{"kind": "card", "value": "   "}]}, "#/identifiers/0/value"),
            ({"identifiers": [{"kind": "email", "value": "ada"}]}, "#/identifiers/0/value"),
            ({"identifiers": [{"kind": "card", "value": 1001}]}, "#/identifiers/0/value"),
            ({"identifiers": [{"kind": "card", "value": str(n)} for n in range(21)]}, "#/identifiers"),
            ({"first_name": "x" * 101}, "#/first_name"),
            ({"first_name": None}, "#/first_name"),
            ({"birth_date": "2026-02-30"}, "#/birth_date"),
            ({"birth_date": "2999-01-01"}, "#/birth_date"),
            ({"enrolled_at": "2026-06-01T14:00:00"}, "#/enrolled_at"),
            ({"enrolled_at": "2999-06-01T14:00:00Z"}, "#/enrolled_at"),
            ({"enrolled_at": "9999-12-31T23:59:59-12:00"}, "#/enrolled_at"),
            ({"enrolled_at": "0001-01-01T00:00:00+12:00"}, "#/enrolled_at"),
            ({"attributes": {"a": {"nested": 1}}}, "#/attributes/a"),
            ({"attributes": {"a": "x" * 201}}, "#/attributes/a"),
            ({"attributes": {"a": 2**60}}, "#/attributes/a"),
            ({"attributes": {"A b": 1}}, "#/attributes/A b"),
            ({"attributes": {f"a{n}": n for n in range(51)}}, "#/attributes"),
            ({"status": "blocked"}, "#/status"),
            ({"id": "01976c1e-5d7a-7000-8000-3a52e6e1d0b4"}, "#/id"),
            ({"wallets": [{"available": 1000}]}, "#/wallets"),
        ],
    )
    def test_names_the_field_at_fault_and_changes_nothing(self, till, points, change, pointer):
        response = till.post("/v1/members", {**ADA, **change})

        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == pointer
        assert not Member.objects.exists()
        assert not Event.objects.exists()

    def test_takes_the_smallest_and_the_largest_that_is_allowed(self, till):
        smallest = till.post("/v1/members", {"identifiers": [{"kind": "card", "value": "1"}]})
        largest = till.post(
            "/v1/members",
            {
                "identifiers": [{"kind": "external", "value": "💶" * 254}],
                "first_name": "ü" * 100,
                "attributes": {f"a{n}": "x" * 200 for n in range(50)},
            },
        )

        assert (smallest.status_code, largest.status_code) == (201, 201)

    def test_takes_eighteen_round_trips(self, till, points, ladder, django_assert_num_queries):
        with django_assert_num_queries(18):
            till.post("/v1/members", ADA)

    def test_writes_nothing_of_a_body_of_the_wrong_shape(self, till):
        till.post("/v1/members", {"identifiers": 1})

        assert not IdempotencyRecord.objects.exists()

    @pytest.mark.parametrize(
        ("kind", "fitting", "other"),
        [
            ("text", ["Berlin", ""], [1, True, ["Berlin"]]),
            ("number", [3, -3, "12.5", "-0.000001"], ["three", True, 10**12, "1e3", "1.0000001"]),
            ("date", ["2026-06-01", "2024-02-29"], ["2026-6-1", "2026-02-29", "20260601", 20260601]),
            ("boolean", [True, False], ["true", 1, 0]),
            ("set", [["vegan", "nuts"], [], "vegan"], [1, True]),
        ],
    )
    def test_holds_attributes_to_what_the_program_declared(self, till, program, kind, fitting, other):
        AttributeType.objects.create(program=program, name="told", label="Told", type=kind)

        def answer(value):
            body = {"identifiers": [{"kind": "card", "value": uuid4().hex}], "attributes": {"told": value}}
            return till.post("/v1/members", body)

        for value in [*fitting, None]:
            assert answer(value).status_code == 201, value
        for value in other:
            refused = answer(value)
            assert refused.status_code == 422, value
            assert refused.json()["errors"][0]["pointer"] == "#/attributes/told"
        assert Member.objects.count() == len(fitting) + 1

    def test_holds_nobody_to_what_another_program_or_another_thing_has_declared(
        self, till, outsider, program
    ):
        elsewhere = outsider.credential.partner.program
        AttributeType.objects.create(program=elsewhere, name="visits", label="Visits", type="text")
        AttributeType.objects.create(
            program=program, owner="sale", name="visits", label="Visits", type="text"
        )

        assert till.post("/v1/members", ADA).status_code == 201


class TestRead:
    @pytest.mark.parametrize("reference", ["{id}", "card:1001", "card: 1001 ", "email:ADA@example.org"])
    def test_finds_the_member_by_id_and_by_any_identifier(
        self, till, ada, reference, django_assert_num_queries
    ):
        IdentifierFactory.create(member=ada, kind="email", value="ada@example.org")

        with django_assert_num_queries(3):
            response = till.get(f"/v1/members/{reference.format(id=ada.pk)}")

        assert response.status_code == 200
        assert response.json()["id"] == str(ada.pk)
        assert len(response.json()["identifiers"]) == 2

    @pytest.mark.parametrize(
        "reference",
        [
            "01920000-0000-7000-8000-000000000000",
            "1001",
            "card:9999",
            "card:",
            ":1001",
            "passport:1",
            "id:1",
            "%ff",
            "{}",
        ],
    )
    def test_says_that_there_is_no_such_member(self, till, ada, reference):
        response = till.get(f"/v1/members/{reference}")

        assert response.status_code == 404
        assert response.json()["code"] == "not_found"

    @pytest.mark.parametrize("reference", ["1001", "passport:1", "id:1"])
    def test_says_how_members_are_named_to_who_does_it_otherwise(self, till, ada, reference):
        response = till.get(f"/v1/members/{reference}")

        told = "A member is named by our id, or as card:…, email:…, phone:…, external:…."
        assert response.json()["detail"] == told

    @pytest.mark.parametrize("reference", ["{id}", "card:1001"])
    def test_shows_another_programs_member_to_nobody(self, outsider, ada, reference):
        assert outsider.get(f"/v1/members/{reference.format(id=ada.pk)}").status_code == 404


class TestList:
    @pytest.fixture
    def members(self, program):
        return MemberFactory.create_batch(5, program=program)

    def walk(self, till, address, step="next"):
        pages, last = [], {}
        while address:
            page = till.get(address.removeprefix("http://127.0.0.1:8000")).json()
            pages.append([member["id"] for member in page["data"]])
            address, last = page[step], page
        return pages, last

    def test_walks_forth_and_back_and_sees_everybody_once(self, till, members):
        newest_first = [str(member.pk) for member in reversed(members)]

        pages, last = self.walk(till, "/v1/members?limit=2")
        back, _ = self.walk(till, last["previous"], step="previous")

        assert pages == [newest_first[:2], newest_first[2:4], newest_first[4:]]
        assert back == [newest_first[2:4], newest_first[:2]]

    def test_skips_and_doubles_nobody_while_others_join(self, till, members, program):
        first = till.get("/v1/members?limit=3").json()
        MemberFactory.create_batch(3, program=program)
        second = till.get(first["next"].removeprefix("http://127.0.0.1:8000")).json()

        seen = [member["id"] for member in [*first["data"], *second["data"]]]
        assert seen == [str(member.pk) for member in reversed(members)]

    def test_takes_three_queries_however_many_there_are(self, till, members, django_assert_num_queries):
        with django_assert_num_queries(3):
            till.get("/v1/members?limit=200")

    def test_filters_by_identifier_and_status(self, till, ada, members):
        by_card = till.get("/v1/members?identifier=card:1001").json()
        blocked = till.get("/v1/members?status=blocked").json()

        assert [member["id"] for member in by_card["data"]] == [str(ada.pk)]
        assert blocked == {"data": [], "next": None, "previous": None}

    def test_shows_no_member_of_another_program(self, outsider, members):
        assert outsider.get("/v1/members").json()["data"] == []

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=201",
            "limit=x",
            "limit=-1",
            "limit=1.5",
            "limit=٣",
            "offset=1",
            "status=gone",
            "limit=",
        ],
    )
    def test_refuses_an_unknown_filter(self, till, query):
        response = till.get(f"/v1/members?{query}")

        assert response.status_code == 400
        assert response.json()["code"] == "invalid_filter"

    @pytest.mark.parametrize("identifier", ["x:1", "", "17", "email:nobody", "id:17"])
    def test_refuses_to_look_for_what_is_no_identifier(self, till, identifier):
        response = till.get("/v1/members", {"identifier": identifier})

        assert response.status_code == 400
        assert response.json()["code"] == "invalid_filter"

    @pytest.mark.parametrize("change", ["&status=active", "&identifier=card:1001"])
    def test_refuses_a_cursor_of_another_list(self, till, members, change):
        following = till.get("/v1/members?limit=2").json()["next"].removeprefix("http://127.0.0.1:8000")

        assert till.get(following + change).json()["code"] == "invalid_cursor"

    def test_refuses_an_altered_cursor_and_one_of_another_program(self, till, outsider, members):
        following = till.get("/v1/members?limit=2").json()["next"].removeprefix("http://127.0.0.1:8000")

        assert till.get(following[:-1] + ("a" if following[-1] != "a" else "b")).status_code == 400
        assert till.get("/v1/members?cursor=").status_code == 400
        assert till.get("/v1/members?cursor=nonsense").json()["code"] == "invalid_cursor"
        assert outsider.get(following).json()["code"] == "invalid_cursor"
