"""Holds under a crowd, with real connections: a thread each, a barrier, and the database as referee."""

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from members import holds
from members.holds import Held
from members.ledger import verify
from members.ledger.operations import InsufficientPoints
from members.models import Entry, Hold, Lot, Member, Wallet
from tests.cast import CARD, Shop
from tests.races import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ladder")]

ROUNDS = 200
ENDS = {"settled", "released", "expired"}


def settle(shop: Shop, held: Held, points: int | None = None) -> str:
    return holds.settle(held.hold.id, points=points, **shop._where()).hold.status


def release(shop: Shop, held: Held) -> str:
    return holds.release(held.hold.id, **shop._where()).hold.status


def expire(shop: Shop, held: Held) -> str:
    return "expired" if sum(holds.expire_overdue(shop.program, at=held.hold.expires_at)) else "nothing"


def _one_of(ends: list[Callable[[Shop, Held], str]], shop: Shop, held: Held, client: int) -> str:
    return ends[client](shop, held)


class TestEnds:
    @pytest.mark.slow
    def test_of_one_hold_exactly_one_wins(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "100.00")
        won: dict[str, int] = dict.fromkeys(ENDS, 0)

        for number in range(ROUNDS):
            held = shop.holds(10, lives_for=timedelta(minutes=1 + number))
            before = Wallet.objects.get()
            ends: list[Callable[[Shop, Held], str]] = [settle, release, expire]
            random.Random(number).shuffle(ends)

            results = at_once(3, partial(_one_of, ends, shop, held))

            hold, after = Hold.objects.get(pk=held.hold.id), Wallet.objects.get()
            won[hold.status] += 1
            assert hold.status in ENDS
            assert set(results) - {"hold_is_closed", "nothing"} == {hold.status}, results
            spent = 10 if hold.status == "settled" else 0
            assert (after.held, after.available) == (0, before.available + 10 - spent)
            assert after.lifetime_spent - before.lifetime_spent == spent
            assert Entry.objects.filter(cause__startswith=f"hold:{hold.pk}:").count() == 2
            if after.available < 20:
                shop.sells(f"receipt-1{number}", "100.00")

        assert sum(won.values()) == ROUNDS
        assert min(won.values()) > 0, f"it was no race: {won}"
        assert list(verify.run()) == []

    def test_of_one_hold_by_a_crowd_that_wants_the_same_is_one(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "100.00")
        held = shop.holds(60)

        results = at_once(16, lambda client: settle(shop, held, 40))

        assert results == ["settled"] * 16
        assert (Wallet.objects.get().available, Wallet.objects.get().lifetime_spent) == (60, 40)
        assert Entry.objects.filter(kind="settle").count() == 1


class TestOneMember:
    @pytest.mark.parametrize("clients", [16, 64])
    def test_never_has_less_than_nothing_and_exactly_the_rest_in_the_end(
        self, shop: Shop, ada: Member, clients: int
    ):
        for number in range(5):
            shop.sells(f"receipt-{number}", "100.00")

        def work(client: int) -> dict[str, int]:
            return _busy(shop, random.Random(client), turns=6)

        booked = [one for one in at_once(clients, work) if isinstance(one, dict)]

        assert len(booked) == clients
        wallet = Wallet.objects.get()
        spent, earned = (sum(one[what] for one in booked) for what in ("spent", "earned"))
        open_points = sum(hold.points for hold in Hold.objects.open())
        assert wallet.held == open_points == sum(one["open"] for one in booked)
        assert wallet.available == 500 + earned - spent - open_points
        assert wallet.lifetime_spent == spent
        assert sum(lot.redeemed for lot in Lot.objects.all()) == spent
        assert sum(hold.settled for hold in Hold.objects.all()) == spent
        assert list(verify.run()) == []

    def test_spends_the_last_points_once(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "100.00")

        def work(client: int) -> Any:
            return shop.holds(60).hold.status if client % 2 else _spend(shop, 60)

        results = at_once(16, work)

        assert results.count("insufficient_points") == 15
        wallet = Wallet.objects.get()
        assert (wallet.available, wallet.held + wallet.lifetime_spent) == (40, 60)


def _spend(shop: Shop, points: int) -> str:
    spent = holds.spend(member=CARD, wallet_type="points", points=points, **shop._where())
    return spent.hold.status


def _busy(shop: Shop, chance: random.Random, *, turns: int) -> dict[str, int]:
    """What one client has spent and earned, and what of its holds is still open."""
    booked = {"spent": 0, "earned": 0, "open": 0}
    mine: list[Held] = []
    for turn in range(turns):
        points = chance.randint(1, 40)
        what = chance.choice(["sell", "spend", "hold", "hold", "settle", "release"])
        with suppress(InsufficientPoints):
            if what == "sell":
                booked["earned"] += shop.sells(f"till-{chance.random()}-{turn}", f"{points}.00").points
            elif what == "spend":
                _spend(shop, points)
                booked["spent"] += points
            elif what == "hold":
                mine.append(shop.holds(points))
            elif mine:
                held = mine.pop()
                part = chance.randint(1, held.hold.points)
                if what == "release":
                    release(shop, held)
                else:
                    settle(shop, held, part)
                    booked["spent"] += part
    booked["open"] = sum(held.hold.points for held in mine)
    return booked
