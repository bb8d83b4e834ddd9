"""Limits under load: real connections, the database as referee."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction

from loyalty.core.models import Program
from members.models import CheckStatus, Member, Wallet, WalletType
from members.references import MemberReference
from rewards.books import checking
from rewards.deciding import budgets
from rewards.journeys import earning
from rewards.models import Activity, BudgetSlot, CampaignCount
from tests import factories
from tests.cast import Shop
from tests.races import at_once, wait_until
from tests.rewards.limits.conftest import Publish

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cards(program: Program, points: WalletType) -> list[MemberReference]:
    """64 members."""
    for number in range(64):
        member = factories.MemberFactory.create(program=program)
        Wallet.objects.create(program=program, member=member, type=points)
        factories.IdentifierFactory.create(member=member, kind="card", value=f"7{number:03}")
    return [MemberReference("card", f"7{number:03}") for number in range(64)]


def proves(program: Program) -> bool:
    """Whether the books, the counts and the budgets are in order."""
    check, _ = checking.ask(program, actor="system:test")
    faults = list(checking.carry_out(check))
    assert faults == []
    check.refresh_from_db()
    return check.status == CheckStatus.IN_ORDER


class TestOneBudget:
    @pytest.mark.parametrize(("when_spent", "end"), [("trim", 10_000), ("refuse", 9_940)])
    def test_of_64_tills_ends_at_the_last_point_and_never_above(
        self, publish: Publish, shop: Shop, cards: list[MemberReference], when_spent: str, end: int
    ):
        """10,000 points, 71 a sale: 140 sales in full, and 60 points for one more if it is trimmed."""
        campaign = publish(
            "spring",
            {"kind": "fixed_points", "points": 71},
            limits={"in_all": [{"points": 10_000}], "when_spent": when_spent},
        )

        def work(number: int) -> list[int]:
            return [shop.sells(f"r{number}-{turn}", "5.00", member=cards[number]).points for turn in range(3)]

        given = [points for client in at_once(64, work) for points in client]

        (standing,) = budgets.standing([campaign])[campaign.pk]
        assert sum(given) == standing.used == end
        assert sum(Wallet.objects.values_list("available", flat=True)) == end
        assert set(given) == ({0, 60, 71} if when_spent == "trim" else {0, 71})
        assert proves(shop.program)

    def test_holds_while_batches_and_tills_draw_and_marketers_change_it(
        self, publish: Publish, shop: Shop, cards: list[MemberReference]
    ):
        campaign = publish("spring", limits={"in_all": [{"points": 400}, {"times": 1_000}]})

        def work(number: int) -> Any:
            if number == 0:
                for points in (600, 300, 800):
                    with transaction.atomic():
                        budgets.allot(
                            campaign, {"limits": {"in_all": [{"points": points}, {"times": 1_000}]}}
                        )
                return 0
            if number % 4:
                return shop.sells(f"r{number}", "5.00", member=cards[number]).points
            sales = [
                shop.sale(f"b{number}-{one}", "5.00", member=cards[(number + one) % 64]) for one in range(20)
            ]
            results = earning.record_many(sales, program=shop.program, source="till", actor="t", at=shop.at)
            return earning.points_of(results)

        given = at_once(24, work)

        by_unit = {one.unit: one for one in budgets.standing([campaign])[campaign.pk]}
        assert by_unit["points"].used == sum(given) <= by_unit["points"].allotted
        assert proves(shop.program)


class TestOneMember:
    def test_gets_no_more_than_the_limit_from_32_sales_at_once(
        self, publish: Publish, shop: Shop, ada: Member
    ):
        campaign = publish("daily", limits={"per_member": [{"times": 5, "per": "day"}]})

        given = at_once(32, lambda number: shop.sells(f"r{number}", "5.00").points)

        assert sorted(given) == [0] * 27 + [10] * 5
        count = CampaignCount.objects.get(campaign=campaign, member=ada)
        assert (count.times, count.points) == (5, 50)
        assert proves(shop.program)

    def test_gets_no_more_of_what_is_no_points(self, publish: Publish, shop: Shop, ada: Member):
        """A message moves no points, and nothing of a wallet that would have two sales meet."""
        publish(
            "thanks",
            effects=[{"kind": "message", "text": "Thank you!"}],
            limits={"per_member": [{"times": 1, "per": "day"}]},
        )

        at_once(8, lambda number: shop.sells(f"r{number}", "5.00").points)

        assert CampaignCount.objects.get().times == 1
        assert sum("gifts" in activity.outcome for activity in Activity.objects.all()) == 1

    def test_has_one_first_purchase(self, publish: Publish, shop: Shop, ada: Member):
        publish(
            "welcome",
            conditions={"fact": "history.is_first_purchase", "operator": "eq", "value": True},
        )

        given = at_once(16, lambda number: shop.sells(f"r{number}", "5.00").points)

        assert sorted(given) == [0] * 15 + [10]


_WRITER = """
import sys
from datetime import datetime
import django
django.setup()
from django.db import connection
from loyalty.core.models import Program
from members.references import MemberReference
from tests.cast import Shop
shop = Shop(program=Program.objects.get(), at=datetime.fromisoformat(sys.argv[1]))
with connection.cursor() as cursor:
    cursor.execute("SELECT pg_backend_pid()")
    print(cursor.fetchone()[0], flush=True)
for number in range(100_000):
    shop.sells(f"{sys.argv[2]}-{number}", "5.00", member=MemberReference("card", f"7{number % 64:03}"))
"""


@pytest.mark.slow
class TestAKilledWriter:
    def test_leaves_counts_and_budgets_as_its_sales_say(
        self, publish: Publish, shop: Shop, cards: list[MemberReference]
    ):
        limits = {"in_all": [{"points": 1_000_000}], "per_member": [{"times": 1_000, "per": "month"}]}
        campaign = publish("spring", limits=limits)

        for turn in range(3):
            _sell_until_killed(shop, f"w{turn}", sales=20)

        sold = Activity.objects.count()
        assert sold >= 60
        assert sum(BudgetSlot.objects.values_list("used", flat=True)) == sold * 10
        assert sum(CampaignCount.objects.filter(campaign=campaign).values_list("times", flat=True)) == sold
        assert proves(shop.program)


def _sell_until_killed(shop: Shop, name: str, *, sales: int) -> None:
    """A process of its own sells, and is killed in the midst of it, after so many sales."""
    used = connection.settings_dict
    host = f"{used['USER']}:{used['PASSWORD']}@{used['HOST']}:{used['PORT']}"
    before = Activity.objects.count()
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, shop.at.isoformat(), name],
        cwd=Path(settings.BASE_DIR),
        env={
            **os.environ,
            "DATABASE_URL": f"postgres://{host}/{used['NAME']}",
            "DJANGO_SETTINGS_MODULE": "loyalty.settings",
        },
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        session = int(writer.stdout.readline())
        wait_until(lambda: Activity.objects.count() >= before + sales)
        os.kill(writer.pid, signal.SIGKILL)
    # PostgreSQL ends what it is at, and commits it, before it hears that nobody listens any more.
    wait_until(lambda: not _is_there(session))


def _is_there(session: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [session])
        return cursor.fetchone() is not None
