"""Format the code, and fix what can be fixed without thinking."""

import subprocess
import sys
from pathlib import Path

from loyalty.local.bootstrap import ROOT

if __name__ == "__main__":
    ruff = str(Path(sys.executable).with_name("ruff"))
    fixed = subprocess.run([ruff, "check", "--fix", "."], cwd=ROOT)
    formatted = subprocess.run([ruff, "format", "."], cwd=ROOT)
    sys.exit(fixed.returncode or formatted.returncode)
