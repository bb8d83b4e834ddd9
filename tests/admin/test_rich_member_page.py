"""The page about a member to whom a lot has happened takes no more queries than any other page."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from loyalty.core.models import Program, Role
from members import blocking, consents, households, merging
from members.models import Member, WalletType
from tests import factories
from tests.admin.pages import AT_MOST
from tests.cast import Shop
from tests.clients import staff


def queries(client: Client, member: Member) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        response = client.get(reverse("admin:members_member_change", args=[member.pk]))
    assert response.status_code == 200
    return [query["sql"] for query in captured]


@pytest.fixture
def eventful(shop: Shop, ada: Member) -> Member:
    """Ada bought, reserved, agreed, was blocked and freed, has a household and once had two cards."""
    program, at = shop.program, shop.at
    twin = factories.MemberFactory.create(program=program)
    grace = factories.MemberFactory.create(program=program, first_name="Grace")
    kind = WalletType.objects.get(program=program)
    factories.RewardFactory.create(program=program, key="coffee", wallet_type=kind)
    shop.sells("r1", "600.00")
    shop.redeems("coffee")
    shop.takes_back("b1", "r1", "5.00")
    shop.later(hours=1).holds(5)
    for number, member in enumerate((ada, twin)):
        consents.record(
            member,
            purpose=f"newsletter-{number}",
            is_granted=True,
            source="till",
            occurred_at=at,
            actor="partner:till",
            at=at,
        )
    merging.merge(survivor=ada, duplicate=twin, actor="staff:1", at=at + timedelta(hours=2))
    household = households.found(head=ada, actor="staff:1", at=at)
    households.join(household, member=grace, actor="staff:1", at=at)
    blocked = blocking.block(ada, reason="fraud", actor="staff:1", at=at + timedelta(hours=3))
    blocking.lift(blocked, actor="staff:1", at=at + timedelta(hours=4))
    return Member.objects.get(pk=ada.pk)


def test_shows_blocks_merges_and_consents(eventful: Member, program: Program):
    page = staff(program, Role.SUPPORT).get(reverse("admin:members_member_change", args=[eventful.pk]))

    body = " ".join(page.content.decode().split())
    assert "Suspected fraud" in body
    assert "until 1 Jun 2026, 18:00" in body  # Berlin, two hours ahead
    assert "Records merged into this one" in body
    assert reverse("admin:members_member_change", args=[Member.objects.get(merged_into=eventful).pk]) in body
    assert body.index("newsletter-0") < body.index("newsletter-1"), "by purpose"
    assert body.count('<span class="rg-strong">newsletter-0</span>') == 2, "what holds, and that it was said"


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.FINANCE, Role.MARKETER, Role.ADMINISTRATOR])
def test_takes_few_queries(eventful: Member, program: Program, role: Role):
    browser = staff(program, role)
    queries(browser, eventful)

    asked = queries(browser, eventful)

    assert len(asked) <= AT_MOST, "\n".join(asked)


def test_takes_few_queries_while_blocked(eventful: Member, program: Program, shop: Shop):
    blocking.block(eventful, reason="fraud", actor="staff:1", at=shop.later(days=1).at)

    asked = queries(staff(program, Role.SUPPORT), eventful)

    assert len(asked) <= AT_MOST, "\n".join(asked)


def test_takes_few_queries_of_one_who_was_merged(eventful: Member, program: Program):
    asked = queries(staff(program, Role.SUPPORT), Member.objects.get(merged_into=eventful))

    assert len(asked) <= AT_MOST, "\n".join(asked)
