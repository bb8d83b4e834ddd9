"""Prize draws, the pages about what is no points, and campaigns that would give what is not there."""

from datetime import timedelta
from hashlib import sha256
from uuid import UUID

import pytest
from django.db import IntegrityError, ProgrammingError, transaction
from django.urls import reverse

from loyalty.core.models import Event, Program, Role
from members.models import Member
from members.references import MemberReference
from rewards import prize_draws
from rewards.models import Badge, Challenge, DrawEntry, DrawWinner, MemberBadge, PrizeDraw
from rewards.planning import given_things
from tests import factories
from tests.cast import Shop
from tests.clients import staff
from tests.races import at_once
from tests.rewards.occasions.conftest import Listen

pytestmark = pytest.mark.django_db


@pytest.fixture
def draw(program: Program, noon) -> PrizeDraw:
    return PrizeDraw.objects.create(
        program=program,
        key="summer",
        name="Summer prizes",
        closes_at=noon + timedelta(hours=1),
        winner_count=2,
    )


@pytest.fixture
def entered(shop: Shop, ada: Member, draw, listen: Listen) -> list[Member]:
    """Four members with one to four chances."""
    listen("sale", {"kind": "prize_draw_entry", "draw": "summer", "entries": 1}, key="chances")
    members = [ada]
    for number in range(1, 4):
        member = factories.MemberFactory.create(program=shop.program, first_name=f"Member {number}")
        factories.IdentifierFactory.create(member=member, value=f"m{number}")
        members.append(member)
    for number in range(4):
        card = MemberReference(kind="card", value="1001" if number == 0 else f"m{number}")
        for receipt in range(number + 1):
            shop.sells(f"r{number}-{receipt}", "10.00", member=card)
    return members


class TestDraw:
    def test_picks_the_winners_that_anybody_finds_by_the_seed(self, draw, entered, noon):
        by = factories.UserFactory.create()

        prize_draws.draw(draw, by=by, at=noon + timedelta(hours=1))

        draw.refresh_from_db()
        lots = sorted(
            (sha256(f"{draw.seed}:{member.pk}:{ticket}".encode()).hexdigest(), member.pk, ticket)
            for number, member in enumerate(entered)
            for ticket in range(1, number + 2)
        )
        first = lots[0]
        second = next(lot for lot in lots if lot[1] != first[1])
        rows = DrawWinner.objects.order_by("place").values_list("member_id", "ticket")
        assert list(rows) == [first[1:], second[1:]]
        assert draw.drawn_by == by
        told = Event.objects.filter(type="draw.won").order_by("number").values_list("member_id", flat=True)
        assert list(told) == [first[1], second[1]]

    def test_favours_who_has_more_entries(self, draw, entered):
        draw.winner_count = 1
        wins = [prize_draws.winners_of(draw, seed=str(seed))[0].member_id for seed in range(1_000)]

        counts = [wins.count(member.pk) for member in entered]

        # Ids of members are never the same: six standard deviations, and still far from 250 for each.
        assert [abs(count - 100 * (number + 1)) < 95 for number, count in enumerate(counts)] == [True] * 4

    def test_waits_until_it_has_closed_and_happens_once(self, draw, entered, noon):
        by = factories.UserFactory.create()
        with pytest.raises(prize_draws.DrawIsOpen):
            prize_draws.draw(draw, by=by, at=noon)
        prize_draws.draw(draw, by=by, at=noon + timedelta(hours=1))

        with pytest.raises(prize_draws.DrawnAlready):
            prize_draws.draw(draw, by=by, at=noon + timedelta(hours=2))

        assert DrawWinner.objects.count() == 2

    def test_leaves_out_who_may_not_win(self, draw, entered, noon):
        Member.objects.exclude(pk=entered[0].pk).update(status="blocked")

        winners = prize_draws.draw(draw, by=factories.UserFactory.create(), at=noon + timedelta(hours=1))

        assert [winner.member_id for winner in winners] == [entered[0].pk]

    def test_of_nobody_is_refused(self, draw, noon):
        with pytest.raises(prize_draws.NobodyEntered):
            prize_draws.draw(draw, by=factories.UserFactory.create(), at=noon + timedelta(hours=1))

    def test_takes_no_entry_afterwards_and_keeps_its_winners(self, shop: Shop, draw, entered, noon):
        prize_draws.draw(draw, by=factories.UserFactory.create(), at=noon + timedelta(hours=1))

        sold = shop.sells("late", "10.00")
        entry = DrawEntry.objects.all()[0]
        entry.pk = UUID(int=1)
        with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
            PrizeDraw.objects.filter(pk=draw.pk).update(seed="better")
        with pytest.raises(IntegrityError, match="drawn"), transaction.atomic():
            entry.save(force_insert=True)

        assert (sold.points, sold.gifts) == (10, ())


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_of_two_who_draw_one_does(self, draw, entered, noon):
        by = factories.UserFactory.create()

        results = at_once(4, lambda number: len(prize_draws.draw(draw, by=by, at=noon + timedelta(hours=1))))

        assert sorted(map(str, results)) == ["2"] + ["prize_drawn_already"] * 3
        assert DrawWinner.objects.count() == 2


class TestPublishing:
    @pytest.mark.parametrize(
        ("effect", "name"),
        [
            ({"kind": "reward", "reward": "none"}, "reward"),
            ({"kind": "badge", "badge": "none"}, "badge"),
            ({"kind": "challenge_progress", "challenge": "none", "count": 1}, "challenge"),
            ({"kind": "prize_draw_entry", "draw": "none", "entries": 1}, "draw"),
        ],
    )
    def test_names_the_place_of_what_is_not_there(self, program, listen: Listen, effect, name: str):
        factories.RewardFactory.create(key="none")  # of another program

        with pytest.raises(given_things.UnknownGift) as refused:
            listen("sale", {"kind": "message", "text": "Hello"}, effect)

        assert refused.value.pointer == f"#/effects/1/{name}"
        assert refused.value.status == 422

    def test_refuses_challenges_that_would_go_on_for_ever(self, program, listen: Listen):
        Challenge.objects.create(program=program, key="again", name="Again", goal=1, is_repeatable=True)
        Challenge.objects.create(program=program, key="once", name="Once", goal=1)

        with pytest.raises(given_things.EndlessChallenge) as refused:
            listen("challenge_completed", {"kind": "challenge_progress", "challenge": "again", "count": 1})
        listen(
            "challenge_completed", {"kind": "challenge_progress", "challenge": "once", "count": 1}, key="x"
        )

        assert refused.value.pointer == "#/effects/0/challenge"


class TestPages:
    def test_show_the_winners_after_a_second_look(self, program, draw, entered, noon):
        PrizeDraw.objects.filter(pk=draw.pk).update(closes_at=noon - timedelta(hours=1))
        page = reverse("admin:rewards_prizedraw_draw_winners", args=[draw.pk])
        marketer = staff(program, Role.MARKETER)

        asked = marketer.get(page).content.decode()
        drawn = marketer.post(page, follow=True).content.decode()

        assert "4 members have 10 entries." in asked
        assert "Draw the winners now" in asked
        draw.refresh_from_db()
        assert draw.seed in drawn

    def test_let_only_those_draw_who_may(self, program, draw, entered, noon):
        PrizeDraw.objects.filter(pk=draw.pk).update(closes_at=noon - timedelta(hours=1))
        page = reverse("admin:rewards_prizedraw_draw_winners", args=[draw.pk])

        response = staff(program, Role.SUPPORT).post(page)

        assert response.status_code == 200
        assert "Draw the winners now" not in response.content.decode()
        assert not DrawWinner.objects.exists()

    def test_of_another_programs_draw_are_not_found(self, program, draw, outsider):
        elsewhere = Program.objects.get(key="elsewhere")
        page = reverse("admin:rewards_prizedraw_draw_winners", args=[draw.pk])

        assert staff(elsewhere, Role.MARKETER).post(page).status_code == 404

    def test_about_a_member_say_what_they_have(self, program, ada, shop: Shop, draw, entered, noon):
        badge = Badge.objects.create(program=program, key="regular", name="Regular of the month")
        activity = DrawEntry.objects.filter(member=ada)[0].activity
        MemberBadge.objects.create(
            program=program, member=ada, badge=badge, activity=activity, earned_at=noon
        )

        body = staff(program, Role.SUPPORT).get(reverse("admin:members_member_change", args=[ada.pk]))

        assert "Regular of the month" in body.content.decode()
        assert "One entry" in body.content.decode()

    def test_add_a_challenge_and_keep_its_key(self, program):
        marketer = staff(program, Role.MARKETER)
        sent = {"name": "Coffee card", "key": "card", "description": "", "goal": "10"}

        marketer.post(reverse("admin:rewards_challenge_add"), sent)
        challenge = Challenge.objects.get()
        marketer.post(
            reverse("admin:rewards_challenge_change", args=[challenge.pk]),
            sent | {"key": "other", "goal": "12", "is_repeatable": "on"},
        )

        challenge.refresh_from_db()
        assert (challenge.program, challenge.key, challenge.goal) == (program, "card", 12)
        assert not challenge.is_repeatable

    def test_of_the_program_say_what_a_profile_is_made_of(self, program):
        page = reverse("admin:core_program_change", args=[program.pk])
        administrator = staff(program, Role.ADMINISTRATOR)
        form = administrator.get(page).context["adminform"].form
        sent = {name: form.initial.get(name, "") for name in form.fields} | {
            "profile_fields": ["email", "phone"],
            "clock_offset": "0",
            "campaigns_need_approval": "",
        }

        response = administrator.post(page, sent)

        assert response.status_code == 302, response.context["adminform"].form.errors
        program.refresh_from_db()
        assert program.profile_fields == ["email", "phone"]
