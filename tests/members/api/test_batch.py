import pytest

from loyalty.core.models import Event, IdempotencyRecord
from members.models import Identifier, Member, Wallet

PLACE = "/v1/members/batch"


def person(*cards, **more):
    return {"identifiers": [{"kind": "card", "value": card} for card in cards], **more}


def results(till, *people):
    response = till.post(PLACE, {"items": list(people)}, idempotency_key=None)
    assert response.status_code == 207
    return response.json()["results"]


def statuses(told):
    return [one["status"] for one in told]


class TestBatch:
    def test_registers_each_and_answers_in_order(self, till, points, ladder):
        told = results(till, person("1", first_name="Ada"), person("2", "3", attributes={"vip": True}))

        assert statuses(told) == [201, 201]
        assert [one["body"]["first_name"] for one in told] == ["Ada", ""]
        assert told[1]["body"] == till.get("/v1/members/card:3").json()
        assert Wallet.objects.count() == 2
        assert Event.objects.filter(type="member.registered").count() == 2

    def test_refuses_what_is_wrong_alone(self, till, ada):
        told = results(
            till,
            person("1"),
            person("2", birth_date="2999-01-01"),
            person("3", nickname="x"),
            person(),
            person("4", "1001"),
            person("5"),
        )

        assert statuses(told) == [201, 422, 422, 422, 409, 201]
        pointers = [one["problem"]["errors"][0]["pointer"] for one in told if "problem" in one]
        assert pointers == [
            "#/items/1/birth_date",
            "#/items/2/nickname",
            "#/items/3/identifiers",
            "#/items/4/identifiers/1/value",
        ]
        assert sorted(Identifier.objects.values_list("value", flat=True)) == ["1", "1001", "5"]

    def test_does_only_what_is_unfinished_when_it_is_sent_again(self, till):
        first = results(till, person("1", first_name="Ada"), person("2"))
        till.edit("PATCH", "/v1/members/card:1", {"first_name": "Augusta"})

        again = results(till, person("1", first_name="Ada"), person("2"), person("3"))

        assert statuses(again) == [200, 200, 201]
        assert again[0]["body"]["id"] == first[0]["body"]["id"]
        assert again[0]["body"]["first_name"] == "Augusta"
        assert Member.objects.count() == 3
        assert not IdempotencyRecord.objects.exists()

    def test_makes_one_of_the_same_person_twice_in_a_call(self, till):
        told = results(till, person("1", "2"), person("2", "1"), person("2"), person("2", "9"))

        assert statuses(told) == [201, 200, 200, 409]
        assert Member.objects.count() == 1

    def test_refuses_who_would_be_two_members(self, till):
        results(till, person("1"), person("2"))

        (told,) = results(till, person("1", "2"))

        assert (told["status"], told["problem"]["code"]) == (409, "identifier_taken")

    def test_knows_nobody_of_another_program(self, till, outsider):
        results(outsider, person("1"))

        assert statuses(results(till, person("1"))) == [201]

    @pytest.mark.parametrize("number", [1, 200])
    def test_takes_eleven_round_trips_however_many_there_are(
        self, till, points, ladder, number, django_assert_num_queries
    ):
        people = [person(str(n)) for n in range(number)]

        with django_assert_num_queries(11):
            results(till, *people)

    def test_takes_a_thousand_and_no_more(self, till):
        assert set(statuses(results(till, *(person(str(n)) for n in range(1000))))) == {201}
        assert till.post(PLACE, {"items": [person("x")] * 1001}).status_code == 422
