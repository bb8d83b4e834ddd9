from importlib import import_module

from django.db import connection

from members.models import Member
from rewards.models import Activity
from tests.cast import Shop

migration = import_module("rewards.migrations.0003_returns")


def test_earlier_returns_are_told_what_they_took(shop: Shop, ada: Member):
    shop.sells("r1", "99.99")
    shop.sells("r2", "50.00")
    for number, (sale, amount) in enumerate([("r1", "33.33"), ("r2", "10.00"), ("r1", "0.01"), ("r1", None)]):
        shop.takes_back(f"b{number}", sale, amount)
    returns = Activity.objects.filter(kind="return").order_by("pk")
    names = ("method", "back", "owed", "charged")
    recorded = [{name: one.facts[name] for name in names} for one in returns]
    recorded[-1]["back"] = {**recorded[-1]["back"], "is_whole": False}
    returns.update(facts={})

    with connection.cursor() as cursor:
        cursor.execute(migration._SAY_WHAT_EARLIER_RETURNS_TOOK)

    told = [{name: one.facts[name] for name in names} for one in returns.all()]
    for one in (*told, *recorded):
        one["owed"] = {lot: points for lot, points in one["owed"].items() if points}
        one["charged"] = {lot: points for lot, points in one["charged"].items() if points}
    assert told == recorded
