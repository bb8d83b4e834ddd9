"""
Who the servers run as, and where they may keep their data.

PostgreSQL refuses to run as root. Started by root, the servers run as an account of their own, which must be
able to reach its data and its programs: a clone under ``/root`` is closed to it.
"""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

OWN_ACCOUNT = "regularsdb"


class Identity(TypedDict, total=False):
    """Arguments that make `subprocess` run a program as another user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """A system account that the servers run as instead of root."""

    name: str
    uid: int
    gid: int

    @property
    def identity(self) -> Identity:
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def may_enter(self, folder: Path) -> bool:
        """Whether the account can get to ``folder``, by the plain permission bits of it and all above it."""
        return all(self.may_pass(path) for path in [folder, *folder.parents] if path.exists())

    def may_pass(self, folder: Path) -> bool:
        found = folder.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        if found.st_gid == self.gid:
            return bool(found.st_mode & stat.S_IXGRP)
        return bool(found.st_mode & stat.S_IXOTH)


def server_account() -> Account | None:
    """The account for the servers; None where they can run as whoever we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", OWN_ACCOUNT):
        if (account := find(name)) is not None:
            return account
    if shutil.which("useradd"):
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", OWN_ACCOUNT]
        subprocess.run(command, capture_output=True)
    account = find(OWN_ACCOUNT) or find("nobody")
    assert account is not None, "every Unix has an account called nobody"
    return account


def find(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, entry.pw_gid)


def reachable_home(home: Path, account: Account | None) -> Path:
    """``home``, or where the account cannot get there, a place under /var/lib that belongs to this clone."""
    if account is None:
        return home
    home.mkdir(parents=True, exist_ok=True)
    if account.may_enter(home):
        return home
    # Not /var/tmp: what is old there is swept away file by file, under a database too.
    elsewhere = Path("/var/lib") / f"regulars-{hashlib.sha256(bytes(home)).hexdigest()[:12]}"
    if not elsewhere.exists():
        elsewhere.mkdir(mode=0o755)
        print(
            f"  {home} is closed to the account {account.name}: the servers' data is in {elsewhere}",
            flush=True,
        )
    return elsewhere


def own_folder(folder: Path, account: Account | None) -> Path:
    """Make a folder that only the server and we can read."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account is not None:
        os.chown(folder, account.uid, account.gid)
    return folder


def secret(path: Path, account: Account | None = None) -> str:
    """A random word that is made once and kept in a file that others cannot read."""
    if not path.exists():
        new = path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(os.urandom(32).hex())
        if account is not None:
            os.chown(new, account.uid, account.gid)
        new.replace(path)
    return path.read_text()
