import pytest

from loyalty.core.models import Event, IdempotencyRecord
from members import merging
from members.models import Consent
from tests.factories import IdentifierFactory

PLACE = "/v1/members/card:1001/consents"


def say(till, purpose="newsletter", *, granted=True, **more):
    return till.post(PLACE, {"purpose": purpose, "granted": granted, **more})


def now(till):
    return {one["purpose"]: one["granted"] for one in till.get(PLACE).json()["data"]}


class TestRecord:
    def test_keeps_what_was_said_with_its_proof(self, till, ada):
        response = say(
            till,
            text_version="2026-05",
            source="till-12",
            evidence={"form": "sign-up"},
            occurred_at="2026-06-01T14:00:00+02:00",
        )

        assert response.status_code == 201
        told = response.json()
        assert told == {
            "id": str(Consent.objects.get().pk),
            "member_id": str(ada.pk),
            "purpose": "newsletter",
            "granted": True,
            "text_version": "2026-05",
            "source": "till-12",
            "evidence": {"form": "sign-up"},
            "occurred_at": "2026-06-01T12:00:00Z",
            "recorded_at": told["recorded_at"],
        }
        assert till.get(PLACE).json() == {"data": [told]}

    def test_tells_others_without_the_proof(self, till, ada):
        say(till, evidence={"ip": "192.0.2.1"}, occurred_at="2026-06-01T12:00:00Z", text_version="2")
        say(till, granted=False)

        granted, withdrawn = Event.objects.order_by("number")
        assert (granted.type, withdrawn.type) == ("consent.granted", "consent.withdrawn")
        assert granted.data == {
            "consent_id": str(Consent.objects.earliest("pk").pk),
            "purpose": "newsletter",
            "text_version": "2",
            "occurred_at": "2026-06-01T12:00:00+00:00",
            "actor": "partner:till",
        }

    def test_writes_a_repeat_once(self, till, ada):
        body = {"purpose": "sms", "granted": True}
        first = till.post(PLACE, body, idempotency_key="k")
        repeat = till.post(PLACE, body, idempotency_key="k")

        assert repeat.json() == first.json()
        assert Consent.objects.count() == 1

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"purpose": "News letter"}, "#/purpose"),
            ({"purpose": "x" * 41}, "#/purpose"),
            ({"purpose": ""}, "#/purpose"),
            ({"granted": "yes"}, "#/granted"),
            ({"granted": None}, "#/granted"),
            ({"occurred_at": "2999-01-01T00:00:00Z"}, "#/occurred_at"),
            ({"occurred_at": "1899-01-01T00:00:00Z"}, "#/occurred_at"),
            ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "#/occurred_at"),
            ({"occurred_at": "2026-06-01T12:00:00"}, "#/occurred_at"),
            ({"text_version": "x" * 61}, "#/text_version"),
            ({"source": "x" * 61}, "#/source"),
            ({"evidence": {"a": "x" * 501}}, "#/evidence/a"),
            ({"evidence": {"A b": "x"}}, "#/evidence/A b"),
            ({"evidence": {f"a{n}": "x" for n in range(21)}}, "#/evidence"),
            ({"evidence": {"a": {"b": "c"}}}, "#/evidence/a"),
            ({"member_id": "x"}, "#/member_id"),
        ],
    )
    def test_names_the_field_at_fault_and_writes_nothing(self, till, ada, change, pointer):
        response = till.post(PLACE, {"purpose": "newsletter", "granted": True, **change})

        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == pointer
        assert not Consent.objects.exists()
        assert not Event.objects.exists()

    def test_takes_sixteen_round_trips(self, till, ada, points, django_assert_num_queries):
        with django_assert_num_queries(16):
            say(till, evidence={"form": "sign-up"})

        assert IdempotencyRecord.objects.count() == 1


class TestPresent:
    def test_is_what_was_said_last_of_each_purpose(self, till, ada):
        say(till, "newsletter", occurred_at="2026-06-01T12:00:00Z")
        say(till, "sms", occurred_at="2026-06-01T12:00:00Z")
        say(till, "newsletter", granted=False, occurred_at="2026-06-03T12:00:00Z")
        say(till, "newsletter", occurred_at="2026-06-02T12:00:00Z")  # reported late

        assert now(till) == {"newsletter": False, "sms": True}

    def test_of_two_that_were_said_at_once_is_the_one_reported_last(self, till, ada):
        say(till, occurred_at="2026-06-01T12:00:00Z")
        say(till, granted=False, occurred_at="2026-06-01T12:00:00Z")

        assert now(till) == {"newsletter": False}

    def test_of_one_person_is_of_all_their_records(self, till, ada, program, shop):
        bert = IdentifierFactory.create(member__program=program, value="2002").member
        till.post("/v1/members/card:2002/consents", {"purpose": "sms", "granted": True})
        merging.merge(survivor=ada, duplicate=bert, actor="staff:1", at=shop.at)

        assert now(till) == {"sms": True}

    def test_takes_four_round_trips(self, till, ada, django_assert_num_queries):
        say(till, "newsletter", evidence={"a": "b"})
        say(till, "sms")

        with django_assert_num_queries(4):
            till.get(PLACE)


class TestHistory:
    def test_is_listed_newest_first_in_pages(self, till, ada, django_assert_num_queries):
        for granted in (True, False, True):
            say(till, granted=granted, evidence={"a": "b"})
        say(till, "sms")

        with django_assert_num_queries(4):
            page = till.get(f"{PLACE}/history?purpose=newsletter&limit=2").json()

        assert [one["granted"] for one in page["data"]] == [True, False]
        assert [one["granted"] for one in till.get(page["next"]).json()["data"]] == [True]
        withdrawn = till.get(f"{PLACE}/history?granted=false").json()
        assert [one["purpose"] for one in withdrawn["data"]] == ["newsletter"]

    def test_refuses_a_filter_that_it_does_not_know(self, till, ada):
        response = till.get(f"{PLACE}/history?colour=red")

        assert (response.status_code, response.json()["parameter"]) == (400, "colour")
