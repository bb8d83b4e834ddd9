"""What `manage.py receive_webhooks` does when it is told nothing: it stands in for the demo's partner."""

from urllib.parse import urlsplit

import pytest

from integrations.demo import notes
from integrations.demo.partners import RECEIVER
from integrations.management.commands.receive_webhooks import Command, demo_secret


@pytest.fixture(autouse=True)
def _clone_of_its_own(settings, tmp_path):
    settings.VAR_DIR = tmp_path


class TestReceiveWebhooks:
    def test_listens_where_the_demo_sends(self):
        options = Command().create_parser("manage.py", "receive_webhooks").parse_args([])

        assert options.port == urlsplit(RECEIVER).port

    def test_verifies_with_the_secret_of_the_demo(self):
        notes.Notes(webhook=notes.Webhook(url=RECEIVER, secret="whsec_c2VjcmV0")).write()

        assert demo_secret() == "whsec_c2VjcmV0"

    def test_knows_no_secret_where_there_is_no_demo(self):
        assert demo_secret() is None
