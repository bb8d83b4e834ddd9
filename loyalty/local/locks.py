"""
Lock files: every library that an environment gets, with its hashes, for Linux and macOS.

One resolution covers all groups and all Pythons, so that the locks agree with each other and can be
installed together.
"""

import hashlib
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from loyalty.local.bootstrap import LOCKS, ROOT

UV = Path(sys.executable).with_name("uv")
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)(?P<marker> *;[^\\]+)?", re.MULTILINE)


def groups() -> dict[str, list[str]]:
    """Direct requirements by lock, as `pyproject.toml` states them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    uv = [requirement for requirement in extras["dev"] if re.match(r"uv\b", requirement)]
    return {"app": project["dependencies"], **extras, "uv": uv}


def lock(*, upgrade: bool) -> None:
    """Write all locks; pins that still fit stay, unless ``upgrade`` asks for the newest of everything."""
    with tempfile.TemporaryDirectory() as folder:
        together = Path(folder) / "together.txt"
        if not upgrade:
            together.write_text("".join(f"{match[0].strip()}\n" for match in all_pins()))
        everything = [requirement for requirements in groups().values() for requirement in requirements]
        resolve(everything, "--output-file", str(together))
        for name, requirements in groups().items():
            text = resolve(requirements, "--constraints", str(together))
            (LOCKS / f"{name}.txt").write_text(heading(requirements) + text)


def resolve(requirements: list[str], *options: str) -> str:
    """Pins and hashes for some requirements, without a word about where they were found."""
    command = [str(UV), "pip", "compile", "-", "--quiet", "--universal", "--python-version", "3.12"]
    # One version of a library for every Python: what is tested on one is what runs on another.
    command += ["--fork-strategy", "fewest", "--generate-hashes", "--no-emit-index-url", "--no-header"]
    command += ["--no-annotate", *options]
    result = subprocess.run(
        command, input="\n".join(requirements), text=True, stdout=subprocess.PIPE, check=True, cwd=ROOT
    )
    return result.stdout


def heading(requirements: list[str]) -> str:
    stated = hashlib.sha256("\n".join(sorted(requirements)).encode()).hexdigest()
    return f"# Written by `make lock` from pyproject.toml, ranges {stated[:16]}.\n"


def all_pins() -> list[re.Match[str]]:
    found: dict[str, re.Match[str]] = {}
    for path in sorted(LOCKS.glob("*.txt")):
        for match in PIN.finditer(path.read_text()):
            found[match[0].strip()] = match
    return list(found.values())


def disagreements() -> list[str]:
    """Why the locks do not fit `pyproject.toml` or each other; empty if they do. Needs no network."""
    complaints = []
    for name, requirements in groups().items():
        path = LOCKS / f"{name}.txt"
        if not path.exists() or not path.read_text().startswith(heading(requirements)):
            complaints.append(
                f"requirements/{name}.txt is older than its ranges in pyproject.toml: make lock"
            )
    versions: dict[tuple[str, str], set[str]] = {}
    for match in all_pins():
        versions.setdefault((match["name"], match["marker"] or ""), set()).add(match["version"])
    for (name, _marker), found in versions.items():
        if len(found) > 1:
            complaints.append(f"{name} is pinned to {' and '.join(sorted(found))}: make lock")
    return complaints


if __name__ == "__main__":
    lock(upgrade="--upgrade" in sys.argv)
