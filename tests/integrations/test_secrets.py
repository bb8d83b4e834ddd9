import pytest

from integrations import secrets


class TestEncrypt:
    def test_gives_back_what_was_encrypted(self):
        token = secrets.encrypt("whsec_abc")

        assert secrets.decrypt(token) == "whsec_abc"

    def test_hides_it_differently_each_time(self):
        assert b"whsec_abc" not in secrets.encrypt("whsec_abc")
        assert secrets.encrypt("whsec_abc") != secrets.encrypt("whsec_abc")

    def test_reads_what_an_older_key_has_written(self, settings):
        settings.FIELD_KEYS = ["old"]
        token = secrets.encrypt("whsec_abc")
        settings.FIELD_KEYS = ["new", "old"]

        assert secrets.decrypt(token) == "whsec_abc"

    def test_refuses_what_another_key_has_written(self, settings):
        settings.FIELD_KEYS = ["old"]
        token = secrets.encrypt("whsec_abc")
        settings.FIELD_KEYS = ["new"]

        with pytest.raises(secrets.InvalidToken):
            secrets.decrypt(token)

    def test_refuses_what_was_changed(self):
        token = bytearray(secrets.encrypt("whsec_abc"))
        token[20] ^= 1

        with pytest.raises(secrets.InvalidToken):
            secrets.decrypt(bytes(token))
