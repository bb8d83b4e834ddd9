from collections.abc import Iterator

import pytest

from tests import catalogue


@pytest.fixture(autouse=True)
def _events_are_as_the_catalogue_says(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test publishes, it publishes in the shape that partners were promised."""
    databases = [name for name in ("transactional_db", "db") if name in request.fixturenames]
    for name in databases[:1]:
        request.getfixturevalue(name)  # so that it is still there afterwards
    yield
    if databases:
        assert catalogue.faults() == []
