"""Somebody is forgotten while something else happens to them, with real connections."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections, transaction

from members import merging, privacy, segments
from members.ledger import verify
from members.models import Identifier, Member, Segment, SegmentMember, Wallet
from tests.cast import Shop
from tests.races import at_once, wait_for_locks, wallets_held

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ladder")]

PARTNER: dict[str, Any] = {"actor": "partner:till"}


def test_a_sale_is_booked_before_or_refused_and_leaves_no_points(shop: Shop, ada: Member):
    shop.sells("r-0", "500.00")

    def work(number: int) -> str:
        if number:
            shop.sells(f"r-{number}", "100.00")
            return "sold"
        privacy.erase(ada, at=shop.at, **PARTNER)
        return "erased"

    with wallets_held():
        results = at_once(4, work)

    assert results[0] == "erased"
    assert set(results[1:]) <= {"sold", "unknown_member"}
    assert Wallet.objects.get().available == 0
    assert list(verify.run()) == []


def test_who_is_being_merged_is_erased_with_the_survivor_or_not_merged(shop: Shop, ada: Member, bert: Member):
    shop.sells("r-0", "500.00")

    def work(number: int) -> str:
        if number:
            merging.merge(survivor=ada, duplicate=bert, at=shop.at, **PARTNER)
            return "merged"
        privacy.erase(ada, at=shop.at, **PARTNER)
        return "erased"

    with wallets_held():
        results = at_once(2, work)

    assert results[0] == "erased"
    bert.refresh_from_db()
    # Either Bert went with Ada, or is there as before.
    assert (bert.status, bert.first_name) in {("merged", ""), ("active", "Bert")}
    assert Identifier.objects.filter(member=bert).exists() == (bert.status == "active")
    assert not Wallet.objects.filter(member=ada, available__gt=0).exists()
    assert list(verify.run()) == []


def test_who_is_erased_twice_at_once_is_erased_once(shop: Shop, ada: Member):
    def work(_number: int) -> str:
        return privacy.erase(ada, at=shop.at, **PARTNER).status

    with wallets_held():
        results = at_once(3, work)

    assert sorted(results) == ["erased", "member_erased", "member_erased"]


def test_who_is_being_put_on_a_list_is_forgotten_there_too(shop: Shop, ada: Member):
    shop.sells("r-0", "500.00")
    guests = Segment.objects.create(program=shop.program, key="guests", name="Guests", kind="list")

    def erase() -> None:
        try:
            privacy.erase(ada, at=shop.at, **PARTNER)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            segments.add(guests, member_ids=[ada.pk], at=shop.at)
            erasing = pool.submit(erase)
            wait_for_locks(1)
        erasing.result()

    assert not SegmentMember.objects.exists()
    guests.refresh_from_db()
    assert guests.member_count == 0
