"""What people do at the pages, in a real browser. Leaves pictures in var/screenshots."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.utils import timezone
from playwright.sync_api import ViewportSize, expect

from loyalty.core.models import Program, Role
from members.models import Member
from tests import factories
from tests.cast import Shop
from tests.e2e.conftest import DESKTOP, NARROW, PASSWORD, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visitors = Callable[..., Visitor]

GREETINGS = {
    Role.MARKETER: "Running campaigns",
    Role.SUPPORT: "Who are you looking for?",
    Role.FINANCE: "Points outstanding",
    Role.OPERATOR: "Readers of the event log",
    Role.ADMINISTRATOR: "Members by tier",
}
PAGES = {
    Role.MARKETER: (
        "members/member",
        "members/tierladder",
        "members/wallettype",
        "rewards/activity",
        "rewards/campaign",
        "rewards/campaign/add",
        "rewards/reward",
        "rewards/reward/add",
        "rewards/redemption",
        "members/entry",
    ),
    Role.OPERATOR: (
        "integrations/partner",
        "integrations/partner/add",
        "integrations/credential",
        "integrations/credential/add",
        "integrations/webhookendpoint",
        "integrations/delivery",
        "core/event",
        "django_celery_beat/periodictask",
        "django_celery_beat/intervalschedule",
    ),
    Role.ADMINISTRATOR: (
        "core/program",
        "core/assignment",
        "core/assignment/add",
        "members/wallettype/add",
        "members/tierladder/add",
    ),
}


@pytest.fixture
def busy(staffed: Program, ada: Member, shop: Shop) -> Program:
    """The program with a member who bought in the last days and was rewarded."""
    factories.RewardFactory.create(
        program=staffed,
        key="coffee",
        wallet_type=staffed.wallet_types.get(),
        price=200,
    )
    for days in range(10, 0, -1):
        day = Shop(program=shop.program, at=timezone.now() - timedelta(days=days))
        day.sells(f"r-{days}", f"{days * 17}.50", store="Market Square")
    Shop(program=shop.program, at=timezone.now()).redeems("coffee")
    return staffed


class TestStartPages:
    @pytest.mark.parametrize("size", [DESKTOP, NARROW], ids=["desktop", "narrow"])
    @pytest.mark.parametrize("role", list(Role))
    def test_each_role_sees_its_own_after_log_in(
        self, visitors: Visitors, busy: Program, role: Role, size: ViewportSize
    ):
        somebody = visitors(role, size)

        page = somebody.logs_in(f"{role}@example.org")

        expect(page.get_by_text(GREETINGS[role]).first).to_be_visible()
        somebody.looks(picture=f"start-{role}-{size['width']}")

    def test_menus_open_by_keyboard_and_support_may_type_at_once(self, visitors: Visitors, busy: Program):
        page = visitors("support").logs_in("support@example.org")

        expect(page.get_by_label("Who are you looking for?")).to_be_focused()
        page.get_by_role("button", name="Support support@example.org").press("Enter")
        expect(page.get_by_role("button", name="Log out")).to_be_visible()
        expect(page.get_by_role("button", name="Show or hide the menu")).to_be_visible()

    def test_a_fresh_program_says_what_to_do_next(self, visitors: Visitors, staffed: Program):
        somebody = visitors("administrator")

        page = somebody.logs_in("administrator@example.org")

        expect(page.get_by_text("Name your points")).to_be_visible()
        somebody.looks(picture="start-fresh")


class TestPages:
    @pytest.mark.parametrize("size", [DESKTOP, NARROW], ids=["desktop", "narrow"])
    @pytest.mark.parametrize("role", list(PAGES))
    def test_none_has_errors_or_sticks_out(
        self, visitors: Visitors, busy: Program, role: Role, size: ViewportSize
    ):
        somebody = visitors(role, size)
        somebody.logs_in(f"{role}@example.org")

        for path in PAGES[role]:
            somebody.goes_to(f"/admin/{path}/")
            somebody.looks(picture=f"{path.replace('/', '-')}-{size['width']}")

    @pytest.mark.parametrize("size", [DESKTOP, NARROW], ids=["desktop", "narrow"])
    def test_support_finds_a_member_by_card_and_sees_why_they_have_their_points(
        self, visitors: Visitors, busy: Program, ada: Member, size: ViewportSize
    ):
        support = visitors("support", size)
        page = support.logs_in("support@example.org")

        page.get_by_label("Who are you looking for?").fill("1001")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Ada Lovelace").click()
        page.wait_for_url("**/change/**")
        support.looks(picture=f"member-{size['width']}")

        expect(page.get_by_text("of 1,000 to Silver")).to_be_visible()
        expect(page.get_by_text("A point for each euro").first).to_be_visible()


class TestLogIn:
    @pytest.mark.parametrize("size", [DESKTOP, NARROW], ids=["desktop", "narrow"])
    def test_a_wrong_password_is_told_and_lets_nobody_in(
        self, visitors: Visitors, staffed: Program, size: ViewportSize
    ):
        somebody = visitors(size=size)
        page = somebody.goes_to("/admin/")
        somebody.looks(picture=f"login-{size['width']}")

        page.get_by_label("Email").fill("finance@example.org")
        page.get_by_label("Password").fill("something-else-altogether")
        page.get_by_role("button", name="Log in").click()

        expect(page.get_by_role("alert")).to_be_visible()
        somebody.looks(picture=f"login-error-{size['width']}")
        somebody.goes_to("/admin/members/member/")
        assert "/accounts/login/" in page.url

    def test_a_second_factor_is_set_up_and_then_asked_for(self, visitors: Visitors, staffed: Program):
        owner = visitors()
        owner.logs_in("administrator@example.org")
        page = owner.goes_to("/accounts/2fa/")
        owner.looks(picture="mfa")
        page.get_by_role("link", name="Activate").click()
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
        expect(page.get_by_role("img")).to_be_visible()
        owner.looks(picture="mfa-activate")
        secret = page.locator("#authenticator_secret").input_value()
        page.locator("[name=code]").fill(_code(secret))
        page.get_by_role("button", name="Activate").click()
        page.wait_for_url("**/recovery-codes/**")
        owner.looks(picture="mfa-recovery-codes")

        later = visitors()
        page = later.logs_in("administrator@example.org")
        expect(page.locator("[name=code]")).to_be_visible()
        later.looks(picture="mfa-prompt")
        page.locator("[name=code]").fill(_code(secret, ahead=1))
        page.get_by_role("button", name="Sign In").click()
        page.wait_for_url("**/admin/")
        later.looks()

        assert page.url.endswith("/admin/")

    def test_logging_out_ends_it(self, visitors: Visitors, staffed: Program):
        somebody = visitors()
        page = somebody.logs_in("finance@example.org")

        page.get_by_text("finance@example.org").click()
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/accounts/login/**")
        somebody.goes_to("/admin/")

        assert "/accounts/login/" in page.url


def _code(secret: str, ahead: int = 0) -> str:
    """The code that an authenticator app shows; a used one is not taken again, so the next may be needed."""
    counter = int(time.time()) // 30 + ahead
    return str(totp.format_hotp_value(totp.hotp_value(secret, counter)))
