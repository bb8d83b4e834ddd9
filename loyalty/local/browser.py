"""A Chromium for the browser tests: one that is here, else Debian's package, else Playwright's own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
MACOS = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def find() -> str | None:
    """Path of a browser, brought here if need be; None if there is none to be had."""
    chosen = os.environ.get("REGULARS_CHROMIUM")
    return chosen or installed() or from_debian() or from_playwright()


def installed() -> str | None:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found and runs(found):
        return found
    return str(MACOS) if MACOS.exists() else None


def runs(program: str) -> bool:
    """Ubuntu's `chromium-browser` is a script that only says to install a snap, so ask."""
    try:
        asked = subprocess.run(
            [program, "--version"], capture_output=True, stdin=subprocess.DEVNULL, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def from_debian() -> str | None:
    release = Path("/etc/os-release")
    debian = release.exists() and "ID=debian" in release.read_text().splitlines()
    if not debian or os.geteuid() != 0:
        return None
    print("  Installing Chromium with apt-get, for the browser tests ...", flush=True)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-liberation"]
    for command in (["apt-get", "update", "-qq"], install):
        subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return installed()


def from_playwright() -> str | None:
    print("  Fetching Playwright's Chromium, for the browser tests ...", flush=True)
    install = [sys.executable, "-m", "playwright", "install", "chromium"]
    try:
        fetched = subprocess.run(install, stdin=subprocess.DEVNULL, capture_output=True, timeout=600)
    except subprocess.TimeoutExpired:
        return None
    if fetched.returncode != 0:
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() and runs(path) else None
