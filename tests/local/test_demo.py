"""What the demo says to a person, when it can run and when it cannot."""

import json
import socket
from pathlib import Path

import pytest

from loyalty.local import demo, servers
from loyalty.local.demo import CannotRun


class TestWebPort:
    def test_says_what_to_do_when_it_is_taken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            monkeypatch.setenv("PORT", str(port))

            with pytest.raises(CannotRun, match=rf"Port {port} is taken .* make demo PORT={port + 1}"):
                demo.web_port()

    @pytest.mark.parametrize("word", ["http", "0", "70000", "-1", "8000.0", "²"])
    def test_refuses_what_is_no_port(self, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PORT", word)

        with pytest.raises(CannotRun, match="is no port"):
            demo.web_port()


class TestWelcome:
    def test_lists_the_log_ins(self, tmp_path: Path) -> None:
        ada = {"role": "Marketer", "email": "marketer@demo.example", "password": "correct horse"}
        (tmp_path / "demo.json").write_text(json.dumps({"logins": [ada]}))

        said = demo.welcome("http://127.0.0.1:8000", tmp_path)

        assert "Regulars is at http://127.0.0.1:8000" in said
        assert "    Marketer   marketer@demo.example   correct horse\n" in said
        assert f"API keys and the webhook's secret are in {tmp_path / 'demo.json'}" in said

    def test_does_without_them(self, tmp_path: Path) -> None:
        assert "Regulars is at" in demo.welcome("http://127.0.0.1:8000", tmp_path)


class TestWriteEnvironment:
    def test_keeps_secrets_from_other_users(self, tmp_path: Path) -> None:
        env = servers.django_environment(tmp_path, 8000, {"DATABASE_URL": "a b", "REDIS_URL": "c"})

        demo.write_environment(env, tmp_path, 8000)

        assert (tmp_path / "environment").stat().st_mode & 0o077 == 0
        assert "DATABASE_URL='a b'\n" in (tmp_path / "environment").read_text()
