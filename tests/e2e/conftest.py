"""A real browser in front of the pages. Skipped where there is none."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright

from loyalty.core.models import Assignment, Program, Role, User
from tests import factories

CHROMIUM = os.environ.get("REGULARS_CHROMIUM") or "/usr/bin/chromium"
PASSWORD = "a-long-enough-one"
DESKTOP = ViewportSize(width=1440, height=900)
NARROW = ViewportSize(width=390, height=844)
PICTURES = Path(settings.BASE_DIR) / "var" / "screenshots"


@pytest.fixture(scope="module")
def chromium(django_db_setup: None) -> Iterator[Browser]:
    """
    The browser, for the tests of a file.

    Its driver runs an event loop in this thread, in which Django refuses to ask the database unless told,
    and beside which no test can run a loop of its own: it must be gone before another file's turn.
    """
    if not Path(CHROMIUM).exists():
        pytest.skip(f"There is no browser at {CHROMIUM}; REGULARS_CHROMIUM may name one.")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as driver:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


class Visitor:
    """
    Somebody at a browser, who notices what is wrong with a page: errors on its console (refusals of
    the security policy are told there too), failed requests, and what sticks out at the side.
    """

    def __init__(self, context: BrowserContext, address: str, name: str) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(15_000)
        self.address = address
        self.name = name
        self.complaints: list[str] = []
        self.page.on("console", lambda said: self._note(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self._note(str(error)))
        self.page.on("requestfailed", lambda request: self._note(f"failed: {request.url}"))

    def _note(self, complaint: str) -> None:
        if "ERR_ABORTED" not in complaint and not complaint.startswith("failed:"):
            self.complaints.append(f"{self.page.url}: {complaint}")

    def goes_to(self, path: str) -> Page:
        self.page.goto(self.address + path)
        self.looks()
        return self.page

    def looks(self, picture: str = "") -> None:
        """Take the page in, with a picture of it if it is to be kept."""
        self.page.wait_for_load_state("load")
        width = self.page.evaluate("document.documentElement.scrollWidth")
        assert width <= self.page.viewport_size["width"] + 1, f"{self.page.url} is {width} wide"  # type: ignore[index]
        assert self.complaints == []
        if picture:
            PICTURES.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=PICTURES / f"{picture}.png")

    def logs_in(self, email: str) -> Page:
        self.goes_to("/accounts/login/")
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(lambda address: "/accounts/login/" not in address)
        self.looks()
        return self.page


@pytest.fixture
def visitors(chromium: Browser, live_server: Any) -> Iterator[Any]:
    """Makes visitors: `visitors("mia", DESKTOP)`."""
    contexts: list[BrowserContext] = []

    def make(name: str = "", size: ViewportSize = DESKTOP) -> Visitor:
        contexts.append(chromium.new_context(viewport=size))
        return Visitor(contexts[-1], live_server.url, name)

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def staffed(program: Program) -> Program:
    """The program with somebody in each role: marketer@example.org and so on."""
    for role in Role:
        user = User.objects.create_user(f"{role}@example.org", PASSWORD, is_staff=True, first_name=role.label)
        Assignment.objects.create(user=user, program=program, role=role)
    return program


__all__ = ["DESKTOP", "NARROW", "PASSWORD", "Visitor", "expect", "factories"]
