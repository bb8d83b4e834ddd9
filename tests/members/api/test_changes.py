from datetime import date

import pytest

from loyalty.core.models import Event
from members.models import AttributeType, Block, Identifier, Member, MemberStatus
from tests.factories import IdentifierFactory, MemberFactory

PLACE = "/v1/members/card:1001"


def told(event_type="member.updated"):
    return [event.data for event in Event.objects.filter(type=event_type).order_by("number")]


class TestUpdate:
    def test_changes_what_is_sent_and_nothing_else(self, till, ada):
        Member.objects.update(birth_date="1990-12-10", attributes={"a": 1, "b": 2, "c": 3})

        response = till.edit(
            "PATCH", PLACE, {"last_name": "King", "attributes": {"b": None, "c": [], "d": "x"}}
        )

        assert response.status_code == 200
        ada.refresh_from_db()
        assert (ada.first_name, ada.last_name, ada.birth_date) == ("Ada", "King", date(1990, 12, 10))
        assert ada.attributes == {"a": 1, "c": [], "d": "x"}
        assert response.json() == till.get(PLACE).json()
        assert response.headers["ETag"] == till.get(PLACE).headers["ETag"]

    def test_tells_which_fields_changed_and_not_to_what(self, till, ada):
        till.edit("PATCH", PLACE, {"last_name": "King", "birth_date": "1990-12-10", "first_name": "Ada"})

        assert told() == [
            {
                "fields": ["birth_date", "last_name"],
                "filled": ["birth_date"],
                "identifiers_added": [],
                "identifiers_removed": [],
                "actor": "partner:till",
            }
        ]

    def test_tells_nobody_of_what_is_as_it_was(self, till, ada):
        first = till.edit(
            "PATCH", PLACE, {"first_name": "Ada", "birth_date": None, "attributes": {"x": None}}
        )
        second = till.edit("PATCH", PLACE, {})

        assert (first.status_code, second.status_code) == (200, 200)
        assert not Event.objects.exists()

    def test_takes_away_what_may_be_empty(self, till, ada):
        Member.objects.update(birth_date="1990-12-10")

        till.edit("PATCH", PLACE, {"birth_date": None, "last_name": ""})

        ada.refresh_from_db()
        assert (ada.birth_date, ada.last_name) == (None, "")

    def test_refuses_who_has_not_seen_the_present_state(self, till, ada):
        seen = till.get(PLACE).headers["ETag"]
        Member.objects.update(last_name="Changed in the admin")

        stale = till.edit("PATCH", PLACE, {"last_name": "King"}, seen=seen)
        blind = till.edit("PATCH", PLACE, {"last_name": "King"}, seen=None)

        assert (stale.status_code, blind.status_code) == (412, 428)
        assert Member.objects.get().last_name == "Changed in the admin"

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"first_name": "x" * 101}, "#/first_name"),
            ({"first_name": None}, "#/first_name"),
            ({"last_name": "a\0b"}, "#/last_name"),
            ({"birth_date": "2999-01-01"}, "#/birth_date"),
            ({"birth_date": "1899-12-31"}, "#/birth_date"),
            ({"attributes": None}, "#/attributes"),
            ({"attributes": {f"a{n}": n for n in range(51)}}, "#/attributes"),
            ({"attributes": {f"a{n}": n for n in range(50)}}, "#/attributes"),
            ({"attributes": {"visits": "often"}}, "#/attributes/visits"),
            ({"status": "erased"}, "#/status"),
            ({"id": "01976c1e-5d7a-7000-8000-3a52e6e1d0b4"}, "#/id"),
            ({"program": "other"}, "#/program"),
            ({"identifiers": []}, "#/identifiers"),
            ({"enrolled_at": "2020-01-01T00:00:00Z"}, "#/enrolled_at"),
        ],
    )
    def test_names_the_field_at_fault_and_changes_nothing(self, till, ada, program, change, pointer):
        AttributeType.objects.create(program=program, name="visits", label="Visits", type="number")
        Member.objects.update(attributes={"known": True})
        before = till.get(PLACE).json()

        response = till.edit("PATCH", PLACE, {**{"last_name": "King"}, **change})

        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == pointer
        assert till.get(PLACE).json() == before
        assert not Event.objects.exists()

    def test_is_not_held_to_what_was_declared_later(self, till, ada, program):
        Member.objects.update(attributes={"visits": "often"})
        AttributeType.objects.create(program=program, name="visits", label="Visits", type="number")

        response = till.edit("PATCH", PLACE, {"attributes": {"vip": True}})

        assert response.json()["attributes"] == {"visits": "often", "vip": True}

    @pytest.mark.parametrize(("status", "answer"), [("merged", 409), ("erased", 404)])
    def test_leaves_alone_a_record_that_is_only_read(self, till, ada, program, status, answer):
        survivor = MemberFactory.create(program=program) if status == "merged" else None
        Member.objects.filter(pk=ada.pk).update(status=status, merged_into=survivor)

        response = till.edit("PATCH", f"/v1/members/{ada.pk}", {"last_name": "King"})

        assert response.status_code == answer
        ada.refresh_from_db()
        assert ada.last_name == "Lovelace"

    def test_takes_twelve_round_trips(self, till, ada, points, django_assert_num_queries):
        seen = till.get(PLACE).headers["ETag"]

        with django_assert_num_queries(12):
            till.edit("PATCH", PLACE, {"attributes": {"vip": True}}, seen=seen)


class TestBlock:
    def test_keeps_the_member_from_earning_until_it_is_lifted(self, till, ada, shop):
        blocked = till.post(f"{PLACE}/block", {"reason": "lost_card", "note": "Called"})
        sale = {
            "kind": "sale",
            "external_id": "r-1",
            "occurred_at": "2026-06-01T12:00:00Z",
            "member": {"kind": "card", "value": "1001"},
            "amount": {"amount": "10.00", "currency": "EUR"},
        }
        refused = till.post("/v1/transactions", sale)
        lifted = till.post(f"{PLACE}/unblock", {"note": "New card"})
        taken = till.post("/v1/transactions", sale)

        assert (blocked.status_code, blocked.json()["status"]) == (200, "blocked")
        assert (refused.status_code, refused.json()["code"]) == (409, "member_blocked")
        assert (lifted.status_code, lifted.json()["status"]) == (200, "active")
        assert taken.status_code == 201
        block = Block.objects.get()
        assert (block.reason, block.note, block.lift_note) == ("lost_card", "Called", "New card")
        assert (block.actor, block.lifted_by) == ("partner:till", "partner:till")
        assert told("member.blocked") == [{"reason": "lost_card", "actor": "partner:till"}]
        assert told("member.unblocked") == [{"actor": "partner:till"}]

    def test_is_answered_alike_when_it_is_repeated(self, till, ada):
        first = till.post(f"{PLACE}/block", {"reason": "fraud"}, idempotency_key="k")
        repeat = till.post(f"{PLACE}/block", {"reason": "fraud"}, idempotency_key="k")
        another = till.post(f"{PLACE}/block", {"reason": "misuse"})

        assert repeat.json() == first.json()
        assert (another.status_code, another.json()["code"]) == (409, "member_blocked")
        assert Block.objects.get().reason == "fraud"

    def test_is_not_lifted_from_who_is_not_blocked(self, till, ada):
        response = till.post(f"{PLACE}/unblock", {})

        assert (response.status_code, response.json()["code"]) == (409, "member_not_blocked")

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({}, "#/reason"),
            ({"reason": "dislike"}, "#/reason"),
            ({"reason": "fraud", "note": "x" * 1001}, "#/note"),
            ({"reason": "fraud", "until": "tomorrow"}, "#/until"),
        ],
    )
    def test_names_the_field_at_fault(self, till, ada, body, pointer):
        response = till.post(f"{PLACE}/block", body)

        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == pointer
        assert Member.objects.get().status == MemberStatus.ACTIVE

    def test_takes_seventeen_round_trips(self, till, ada, points, django_assert_num_queries):
        with django_assert_num_queries(17):
            till.post(f"{PLACE}/block", {"reason": "fraud"})


class TestIdentifiers:
    def test_are_listed_with_their_ids(self, till, ada, django_assert_num_queries):
        IdentifierFactory.create(member=ada, kind="email", value="ada@example.org")

        with django_assert_num_queries(3):
            response = till.get(f"{PLACE}/identifiers")

        known = {one.kind: str(one.pk) for one in Identifier.objects.all()}
        assert response.json()["data"] == [
            {"id": known["card"], "member_id": str(ada.pk), "kind": "card", "value": "1001"},
            {"id": known["email"], "member_id": str(ada.pk), "kind": "email", "value": "ada@example.org"},
        ]

    def test_are_added_as_they_are_stored(self, till, ada):
        response = till.post(f"{PLACE}/identifiers", {"kind": "phone", "value": "0049 170 / 1234567"})

        assert response.status_code == 201
        assert response.json()["value"] == "+491701234567"
        assert till.get("/v1/members/phone:+491701234567").json()["id"] == str(ada.pk)
        assert told()[0]["identifiers_added"] == [{"id": response.json()["id"], "kind": "phone"}]

    def test_are_added_once(self, till, ada):
        response = till.post(f"{PLACE}/identifiers", {"kind": "card", "value": " 1001 "})

        assert (response.status_code, response.json()["value"]) == (200, "1001")
        assert not Event.objects.exists()

    def test_are_one_members_only_and_the_answer_does_not_repeat_them(self, till, ada, program):
        IdentifierFactory.create(member__program=program, kind="email", value="bert@example.org")

        response = till.post(f"{PLACE}/identifiers", {"kind": "email", "value": "Bert@example.org"})

        assert (response.status_code, response.json()["code"]) == (409, "identifier_taken")
        assert response.json()["errors"][0]["pointer"] == "#/value"
        assert b"bert" not in response.content.lower()

    def test_may_be_another_programs_too(self, till, ada, outsider):
        elsewhere = outsider.credential.partner.program
        IdentifierFactory.create(member__program=elsewhere, kind="card", value="2002")

        response = till.post(f"{PLACE}/identifiers", {"kind": "card", "value": "2002"})

        assert response.status_code == 201

    def test_are_fifty_at_most(self, till, ada):
        for number in range(49):
            IdentifierFactory.create(member=ada, value=f"more-{number}")

        response = till.post(f"{PLACE}/identifiers", {"kind": "card", "value": "one-too-many"})

        assert (response.status_code, response.json()["code"]) == (409, "too_many_identifiers")

    @pytest.mark.parametrize("by_id", [True, False])
    def test_are_removed_by_their_value_or_id(self, till, ada, by_id):
        new = IdentifierFactory.create(member=ada, kind="email", value="ada@example.org")
        address = f"{PLACE}/identifiers/{new.pk if by_id else 'email:Ada@example.org'}"

        first, second = till.delete(address), till.delete(address)

        assert (first.status_code, first.content, second.status_code) == (204, b"", 404)
        assert [one.value for one in Identifier.objects.all()] == ["1001"]
        assert told()[0]["identifiers_removed"] == [{"id": str(new.pk), "kind": "email"}]

    def test_stay_if_there_is_no_other(self, till, ada):
        response = till.delete(f"{PLACE}/identifiers/card:1001")

        assert (response.status_code, response.json()["code"]) == (409, "last_identifier")
        assert Identifier.objects.count() == 1

    def test_of_others_stay(self, till, ada, program):
        IdentifierFactory.create(member=ada, kind="email", value="ada@example.org")
        other = IdentifierFactory.create(member__program=program, value="2002")

        for meant in ("card:2002", other.pk, "passport:1", "nonsense"):
            assert till.delete(f"{PLACE}/identifiers/{meant}").status_code == 404, meant
        assert Identifier.objects.count() == 3

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"kind": "email", "value": "nobody"}, "#/value"),
            ({"kind": "id", "value": "1"}, "#/kind"),
            ({"kind": "card"}, "#/value"),
            ({"kind": "card", "value": "1", "member": "x"}, "#/member"),
        ],
    )
    def test_name_the_field_at_fault(self, till, ada, body, pointer):
        response = till.post(f"{PLACE}/identifiers", body)

        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == pointer

    def test_take_nineteen_round_trips_to_add(self, till, ada, points, django_assert_num_queries):
        with django_assert_num_queries(19):
            till.post(f"{PLACE}/identifiers", {"kind": "card", "value": "2002"})

    def test_take_ten_round_trips_to_remove(self, till, ada, points, django_assert_num_queries):
        new = IdentifierFactory.create(member=ada, kind="email", value="ada@example.org")

        with django_assert_num_queries(10):
            till.delete(f"{PLACE}/identifiers/{new.pk}")
