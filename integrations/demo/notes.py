"""What the demo tells: where it is, how to log in, which keys there are. One file, for people and scripts."""

import os
from pathlib import Path
from typing import Self

import msgspec
from django.conf import settings
from msgspec import Struct


class Login(Struct):
    role: str
    email: str
    password: str


class ApiKey(Struct):
    """An API key; with a `client_id`, the `key` is the secret of an OAuth client."""

    name: str
    scopes: list[str]
    key: str
    client_id: str = ""


class Webhook(Struct):
    url: str
    secret: str


class Notes(Struct):
    """Passwords and keys are drawn once in each clone; only here are they kept in the clear."""

    address: str = ""
    logins: list[Login] = []
    api_keys: list[ApiKey] = []
    webhook: Webhook | None = None

    @classmethod
    def read(cls) -> Self:
        """What an earlier run has written; nothing, if there was none or its file cannot be read."""
        try:
            return msgspec.json.decode(path().read_bytes(), type=cls)
        except (FileNotFoundError, msgspec.DecodeError):
            return cls()

    def write(self) -> None:
        """Replace the file in one step, readable by its owner alone."""
        path().parent.mkdir(parents=True, exist_ok=True)
        draft = path().with_suffix(".json.new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")
        draft.replace(path())

    def password_of(self, email: str) -> str | None:
        return next((login.password for login in self.logins if login.email == email), None)

    def key_named(self, name: str) -> str | None:
        return next((entry.key for entry in self.api_keys if entry.name == name), None)


def path() -> Path:
    return Path(settings.VAR_DIR) / "demo.json"
