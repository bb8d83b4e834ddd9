from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier

import pytest
from django.db import connections

from loyalty.core.errors import InvalidInput
from loyalty.core.models import Event
from members import enrolment
from members.enrolment import Enrolment, IdentifierTaken, normalize
from members.models import Identifier, Member, MemberTier, Wallet
from tests.factories import NOON, ProgramFactory, WalletTypeFactory


def enrol(program, *identifiers, **details):
    return enrolment.enrol(program=program, identifiers=identifiers, at=NOON, actor="partner:till", **details)


def people(*cards):
    return [Enrolment(identifiers=[("card", card)], enrolled_at=NOON) for card in cards]


class TestNormalize:
    @pytest.mark.parametrize(
        ("kind", "typed", "stored"),
        [
            ("email", "  Ada@Example.ORG ", "ada@example.org"),
            ("email", "STRASSE@example.org", "strasse@example.org"),
            ("phone", "+49 (170) 123-45.67", "+491701234567"),
            ("phone", "0049 170 1234567", "+491701234567"),
            ("card", " 1001 ", "1001"),
            ("card", "AB-1001", "AB-1001"),
            ("external", " Crm/1 ", " Crm/1 "),
            ("external", "e\u0301", "é"),
        ],
    )
    def test_makes_equal_what_means_the_same(self, kind, typed, stored):
        assert normalize(kind, typed) == stored
        assert normalize(kind, stored) == stored

    @pytest.mark.parametrize(
        ("kind", "typed"),
        [
            ("email", "ada"),
            ("email", "ada@example"),
            ("email", "a b@example.org"),
            ("email", "a@b@example.org"),
            ("phone", "0170 1234567"),
            ("phone", "+49"),
            ("phone", "+49170123456789012"),
            ("phone", "+٤٩١٧٠١٢٣٤٥٦٧"),
            ("card", "   "),
            ("card", "10\u202e01"),
            ("external", "a\nb"),
            ("external", "x" * 255),
            ("passport", "1001"),
        ],
    )
    def test_refuses_what_cannot_be_one(self, kind, typed):
        with pytest.raises(InvalidInput):
            normalize(kind, typed)


class TestEnrol:
    def test_makes_a_member_with_empty_wallets_at_the_foot_of_each_ladder(self, program, points, ladder):
        credits = WalletTypeFactory.create(program=program, key="credits")

        ada = enrol(
            program,
            ("card", "1001"),
            ("email", "Ada@Example.org"),
            first_name="Ada",
            birth_date=date(1990, 12, 10),
            attributes={"vip": True},
        )

        ada.refresh_from_db()
        assert (ada.first_name, ada.status, ada.enrolled_at) == ("Ada", "active", NOON)
        assert ada.attributes == {"vip": True}
        assert set(ada.identifiers.values_list("kind", "value")) == {
            ("card", "1001"),
            ("email", "ada@example.org"),
        }
        wallets = Wallet.objects.filter(member=ada)
        assert {wallet.type for wallet in wallets} == {points, credits}
        assert {(w.available, w.pending, w.held, w.debt, w.version) for w in wallets} == {(0, 0, 0, 0, 0)}
        standing = MemberTier.objects.get(member=ada)
        assert (standing.tier.key, standing.progress, standing.since) == ("basic", 0, NOON)

    def test_publishes_that_the_member_registered_and_no_personal_data(self, program):
        ada = enrol(program, ("email", "ada@example.org"), first_name="Ada")

        event = Event.objects.get()
        assert (event.type, event.member_id, event.occurred_at) == ("member.registered", ada.pk, NOON)
        assert event.data == {"enrolled_at": NOON.isoformat(), "actor": "partner:till"}

    def test_works_in_a_program_without_wallet_types_and_ladders(self, program):
        ada = enrol(program, ("card", "1001"))

        assert not Wallet.objects.filter(member=ada).exists()

    def test_names_the_identifier_that_is_taken_and_makes_nobody(self, ada, program):
        with pytest.raises(IdentifierTaken, match="known by this card") as refused:
            enrol(program, ("email", "new@example.org"), ("card", " 1001 "))

        assert refused.value.pointer == "#/identifiers/1/value"
        assert list(Member.objects.all()) == [ada]
        assert Identifier.objects.count() == 1
        assert not Event.objects.exists()

    def test_lets_two_programs_know_the_same_card(self, ada):
        other = ProgramFactory.create()

        assert enrol(other, ("card", "1001")).program == other

    def test_may_have_happened_earlier(self, program):
        earlier = NOON - timedelta(days=400)

        ada = enrol(program, ("card", "1001"), enrolled_at=earlier)

        assert ada.enrolled_at == earlier
        assert Event.objects.get().occurred_at == earlier

    @pytest.mark.parametrize(
        ("details", "pointer"),
        [
            ({"birth_date": date(2026, 6, 2)}, "#/birth_date"),
            ({"birth_date": date(1899, 12, 31)}, "#/birth_date"),
            ({"enrolled_at": NOON + timedelta(minutes=6)}, "#/enrolled_at"),
            ({"enrolled_at": NOON.replace(year=1)}, "#/enrolled_at"),
        ],
    )
    def test_refuses_dates_that_cannot_be(self, program, details, pointer):
        with pytest.raises(InvalidInput) as refused:
            enrol(program, ("card", "1001"), **details)

        assert refused.value.pointer == pointer
        assert not Member.objects.exists()

    @pytest.mark.parametrize("identifiers", [(), (("card", "1"), ("card", " 1"))])
    def test_refuses_no_identifier_and_the_same_one_twice(self, program, identifiers):
        with pytest.raises(InvalidInput) as refused:
            enrol(program, *identifiers)

        assert refused.value.pointer == "#/identifiers"


class TestEnrolMany:
    def test_takes_the_same_six_round_trips_for_two_and_for_five_hundred(
        self, program, points, ladder, django_assert_num_queries
    ):
        for cards in (range(2), range(1000, 1500)):
            # Begin, who is taken, wallet types, ladders, the statement within a savepoint, commit.
            with django_assert_num_queries(8):
                results = enrolment.enrol_many(
                    people(*map(str, cards)), program=program, at=NOON, actor="system:import"
                )
            assert all(isinstance(result, Member) for result in results)

        assert Member.objects.count() == Wallet.objects.count() == MemberTier.objects.count() == 502

    def test_answers_each_in_order_and_refuses_only_who_must_be(self, ada, program):
        results = enrolment.enrol_many(
            [*people("1", "1001", "1", "2"), Enrolment(identifiers=[("email", "no")], enrolled_at=NOON)],
            program=program,
            at=NOON,
            actor="system:import",
        )

        kinds = [type(result) for result in results]
        assert kinds == [Member, IdentifierTaken, IdentifierTaken, Member, InvalidInput]
        assert Member.objects.count() == 3

    def test_does_nothing_for_nobody(self, program):
        assert enrolment.enrol_many([], program=program, at=NOON, actor="system:import") == []


@pytest.mark.django_db(transaction=True)
class TestLostRace:
    def test_is_refused_like_a_taken_identifier(self, program):
        barrier = Barrier(6)

        def register(number):
            try:
                barrier.wait(timeout=60)
                return enrol(program, ("card", "1001"), ("external", str(number)))
            except IdentifierTaken as refusal:
                return refusal
            finally:
                connections.close_all()

        with ThreadPoolExecutor(6) as pool:
            results = list(pool.map(register, range(6)))

        assert sum(isinstance(result, Member) for result in results) == 1
        refusals = [result for result in results if isinstance(result, IdentifierTaken)]
        assert {refusal.pointer for refusal in refusals} == {"#/identifiers/0/value"}
        assert Member.objects.count() == Event.objects.count() == 1

    def test_of_two_files_with_the_same_people_makes_each_of_them_once(self, program):
        cards = [str(number) for number in range(300)]

        def load(order):
            try:
                return enrolment.enrol_many(people(*order), program=program, at=NOON, actor="system:import")
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(load, [cards, cards[::-1]])

        made = [result for result in [*first, *second] if isinstance(result, Member)]
        assert len(made) == Member.objects.count() == Identifier.objects.count() == 300
