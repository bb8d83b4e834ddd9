"""What operators do about credentials, in a real browser. Leaves pictures in var/screenshots."""

import pytest
from playwright.sync_api import expect

from integrations.models import Credential
from loyalty.core.models import Program
from tests import factories
from tests.e2e.conftest import DESKTOP, NARROW

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("size", [DESKTOP, NARROW], ids=["wide", "narrow"])
def test_an_operator_makes_a_client_rotates_its_secret_and_revokes_it(visitors, staffed: Program, size):
    name = f"credential-{size['width']}"
    factories.PartnerFactory.create(program=staffed, name="Web shop")
    operator = visitors("operator", size)
    page = operator.logs_in("operator@example.org")

    operator.goes_to("/admin/integrations/credential/add/")
    page.get_by_label("Partner").select_option(label="Web shop")
    page.get_by_label("OAuth client").check()
    page.get_by_label("Name").fill("Checkout")
    page.get_by_label("Read members and what they hold").check()
    operator.looks(f"{name}-new")
    page.get_by_role("button", name="Make it").click()
    operator.looks(f"{name}-shown")
    first = page.locator("#new-key").inner_text()
    client_id = page.locator("#client-id").inner_text()
    page.get_by_role("link", name="I have copied it").click()
    operator.looks(f"{name}-list")
    operator.goes_to(f"/admin/integrations/credential/{Credential.objects.get().pk}/change/")
    operator.looks(f"{name}-page")
    page.get_by_role("button", name="Rotate").click()
    operator.looks(f"{name}-rotated")

    assert page.locator("#new-key").inner_text() != first
    expect(page.locator("#client-id")).to_have_text(client_id)
    old = Credential.objects.earliest("created_at")
    operator.goes_to(f"/admin/integrations/credential/{old.pk}/change/")
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("“Checkout” no longer works.")).to_be_visible()
    operator.looks(f"{name}-revoked")
