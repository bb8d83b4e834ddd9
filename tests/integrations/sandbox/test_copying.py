"""A sandbox has the rules of the program that it was made from, and nobody in it."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from integrations.models import Credential, Partner
from integrations.sandbox import copying, sample_data
from integrations.sandbox.copying import KeyTaken
from loyalty.core import clock
from loyalty.core.models import Assignment, Program, ProgramKind, Role
from members import reasons
from members.models import AdjustmentLimit, Entry, Member, ReasonCode, Tier
from rewards.blueprint import document
from rewards.blueprint.applying import MayNotApply
from rewards.models import Campaign
from tests import factories
from tests.cast import Shop
from tests.clients import employed
from tests.races import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def live(shop: Shop, points) -> Program:
    """A live program with a tier ladder, a campaign that runs, a draft, a reward, and reasons."""
    program = shop.program
    reasons.set_up_usual(program)
    factories.RewardFactory.create(program=program, key="mug", wallet_type=points, price=100)
    factories.CampaignFactory.create(
        program=program,
        key="idea",
        draft=factories.definition({"kind": "fixed_points", "points": 5}),
    )
    program.rounding = "up"
    program.campaigns_need_approval = True
    program.save()
    return program


def copied(live: Program, **more) -> copying.Copied:
    chief = more.pop("by", None) or employed(live, Role.ADMINISTRATOR)
    return copying.copy(live, key="trial", name="Trial", by=chief, at=clock.now(live))


class TestCopy:
    def test_has_the_same_rules(self, live):
        made = copied(live)

        sandbox = made.sandbox
        assert (sandbox.kind, sandbox.rounding, sandbox.currency) == (ProgramKind.SANDBOX, "up", "EUR")
        assert document.export(sandbox) == document.export(live)
        assert made.unpublished == {}
        assert dict(Campaign.objects.filter(program=sandbox).values_list("key", "status")) == {
            "base": "running",
            "idea": "draft",
        }
        assert Tier.objects.filter(ladder__program=sandbox).count() == 3
        assert (
            ReasonCode.objects.filter(program=sandbox).count()
            == ReasonCode.objects.filter(program=live).count()
        )
        limits = AdjustmentLimit.objects.order_by("role").values_list("role", "points_per_day")
        assert list(limits.filter(program=sandbox)) == list(limits.filter(program=live))

    def test_has_nobody_in_it_and_whoever_made_it_as_administrator(self, live, ada):
        chief = employed(live, Role.ADMINISTRATOR)

        sandbox = copied(live, by=chief).sandbox

        assert not Member.objects.filter(program=sandbox).exists()
        assert Assignment.objects.get(program=sandbox).user == chief
        assert Partner.objects.get(program=sandbox).key == "test-suite"
        assert not Credential.objects.filter(partner__program=sandbox).exists()

    def test_lets_past_sales_earn(self, live):
        sandbox = copied(live).sandbox
        sandbox.refresh_from_db()

        made = sample_data.add(sandbox, members=5, at=clock.now(sandbox))

        earned = Entry.objects.filter(program=sandbox, kind="earn", points__gt=0)
        assert earned.count() == made.transactions > 0

    def test_leaves_the_live_program_as_it_was(self, live):
        before = document.export(live)

        copied(live)

        assert document.export(live) == before
        live.refresh_from_db()
        assert (live.kind, live.campaigns_need_approval) == (ProgramKind.LIVE, True)

    @pytest.mark.parametrize("role", [Role.MARKETER, Role.SUPPORT, Role.FINANCE, Role.OPERATOR])
    def test_is_made_by_administrators_alone(self, live, role):
        with pytest.raises(MayNotApply):
            copied(live, by=employed(live, role))

        assert not Program.objects.filter(key="trial").exists()

    def test_refuses_a_key_that_is_taken(self, live):
        factories.ProgramFactory.create(key="trial")

        with pytest.raises(KeyTaken):
            copied(live)


class TestCommand:
    def test_makes_a_sandbox_with_a_key_that_works(self, live, client):
        chief, out = employed(live, Role.ADMINISTRATOR), StringIO()

        call_command("create_sandbox", live.key, "trial", "--as", chief.email, "--issue-key", stdout=out)

        key = out.getvalue().strip()
        answer = client.get("/v1/sandbox/clock", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200
        assert Program.objects.get(key="trial").name == "Corner Coffee Club Sandbox"

    def test_says_who_may_not(self, live):
        with pytest.raises(CommandError, match="no permission"):
            call_command("create_sandbox", live.key, "trial", "--as", employed(live, Role.SUPPORT).email)

    def test_says_what_is_not_there(self, live):
        with pytest.raises(CommandError, match="no program nowhere"):
            call_command("create_sandbox", "nowhere", "trial", "--as", "a@example.org")
        with pytest.raises(CommandError, match="Nobody here"):
            call_command("create_sandbox", live.key, "trial", "--as", "a@example.org")


@pytest.mark.django_db(transaction=True)
def test_of_two_copies_with_one_key_at_once_one_is_made_and_one_refused(live):
    chief = employed(live, Role.ADMINISTRATOR)

    results = at_once(2, lambda _: copied(live, by=chief).sandbox.key)

    assert sorted(results) == ["program_key_taken", "trial"]
    assert Program.objects.filter(key="trial").count() == 1
