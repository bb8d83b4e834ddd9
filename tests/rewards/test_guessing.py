"""How often somebody guessed lately."""

from django.core.cache import cache

from loyalty.core.ids import new_id
from rewards.redeeming import guessing


class TestCount:
    def test_tells_how_many_there_were(self):
        key = f"guesses:{new_id()}"

        assert [guessing.count(key) for _ in range(3)] == [1, 2, 3]

    def test_begins_anew_when_the_time_of_the_others_is_over_just_then(self, monkeypatch):
        key = f"guesses:{new_id()}"
        cache.set(key, 9)
        monkeypatch.setattr(cache, "add", lambda *_: cache.delete(key))

        assert guessing.count(key) == 1
        assert cache.get(key) == 1
