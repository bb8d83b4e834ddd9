import pytest


@pytest.fixture(autouse=True)
def _addresses_for_tests(settings):
    settings.ROOT_URLCONF = "tests.core.api.urls"
